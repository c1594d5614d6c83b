"""One model that is served: its engine, its dialect, and what the engine says of itself."""

import asyncio
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Final

from toolgate.apps.serving.family import find_family, set_family
from toolgate.apps.serving.shared_state import SharedState
from toolgate.apps.settings.aliases import Aliases
from toolgate.apps.settings.config import Config, find_family_mistake
from toolgate.apps.settings.fitness import check_vocabulary
from toolgate.core.conversation import Conversation
from toolgate.core.dialect import Dialect
from toolgate.core.grammar import Constraint
from toolgate.engines.engine import Engine
from toolgate.errors import ConfigError, EngineUnavailable, ToolgateError
from toolgate.pipeline.chat_turn import ChatTurn
from toolgate.pipeline.enforcer import AUTO, BOUNDED, Enforcement
from toolgate.pipeline.left_out import leave_out
from toolgate.pipeline.normalize import NormalizePolicy, normalize
from toolgate.pipeline.notes import Notes
from toolgate.pipeline.recall import recall, wanted_ids
from toolgate.pipeline.repair import Repair
from toolgate.pipeline.tier import choose_tier
from toolgate.pipeline.turn import Turn

VERSION: Final = version("toolgate")
_ENFORCEMENTS: Final[Mapping[str, Enforcement | None]] = {
    "off": None,
    "auto": AUTO,
    "bounded": BOUNDED,
}


class Service:
    """Set by `start`, then only read."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        shared: SharedState | None = None,
        *,
        reopen: Callable[[], Engine] | None = None,
    ) -> None:
        """`shared` is what it has in common with the gateway's other models.

        `reopen` gives its engine anew, for when that runs another model.

        Raises: ConfigError when there is no such dialect or profile.
        """
        if mistake := find_family_mistake(config):
            raise ConfigError(mistake.what)
        self.config = config
        self.engine = engine
        self.shared = shared or SharedState(config)
        self.family = set_family(config)
        self.policy = NormalizePolicy(orphans=config.orphan_results, missing=config.missing_results)
        self.aliases = Aliases(config.aliases)
        self.model = config.model or ""
        self.context: int | None = None
        self.marker_ids: Mapping[int, str] = {}
        self.started = 0
        self.failure: ToolgateError | None = None
        """Why the model that its engine runs now cannot be served."""
        self.is_outdated = False
        """Whether its engine is known to run another model, and nothing serves in its place yet."""
        self.successor: Service | None = None
        """What serves in its place, once its engine runs another model."""
        self.reopen = reopen
        self._starting = asyncio.Lock()

    @property
    def dialect(self) -> Dialect:
        """Its family's, known once it has started."""
        return self.family.dialect

    @property
    def profile(self) -> str | None:
        """The family's member; None for its first."""
        return self.family.profile

    @property
    def chats(self) -> bool:
        """Whether the engine takes only messages, and reads the model's output itself."""
        return self.engine.capabilities.prompts == "messages"

    @property
    def enforcement(self) -> Enforcement | None:
        """How tightly calls are held; None where that is off, or nobody can hold the engine."""
        return None if self.chats else _ENFORCEMENTS[self.config.enforce]

    @property
    def latest(self) -> "Service":
        """What serves in its place now, itself as a rule."""
        return self.successor.latest if self.successor else self

    def _takes_grammar(self, constraint: Constraint | None) -> bool:
        """Whether the engine holds calls itself: it takes this grammar, and is to have one."""
        can = self.engine.capabilities
        if self.config.steer or can.grammar == "none":
            return False
        return constraint is None or can.holds(constraint, self.marker_ids.values())

    async def start(self) -> None:
        """Starts the engine, once, and learns its model's name, size and special tokens.

        Raises: EngineError; the next call tries again. ConfigError for another family's model.
        """
        if self.failure is not None:
            raise EngineUnavailable(
                f"The engine runs {self.model} now, which cannot be served: {self.failure}"
            )
        async with self._starting:
            if not self.started:
                await self._learn()

    async def _learn(self) -> None:
        await self.engine.start()
        description = await self.engine.describe()
        self.model = self.config.model or description["model"]
        self.aliases.check(self.model)
        self.family = await find_family(self.config, self.engine)
        self.context = description["context"]
        self.marker_ids = await self.engine.marker_ids(sorted(self.dialect.special))
        if "missing_tokens" in description and self.engine.capabilities.prompts == "tokens":
            check_vocabulary(self.dialect, self.marker_ids.values(), model=self.model)
        self.started = int(time.time())

    async def close(self) -> None:
        """Lets go of the engine and of what is shared."""
        await self.shared.close()
        self.close_template()
        await self.engine.close()

    def close_template(self) -> None:
        """Ends the process that a template runs in, if one does; it begins again when needed."""
        if self.family.template is not None:
            self.family.template.close()

    async def make_ready(
        self, conversation: Conversation
    ) -> tuple[Conversation, tuple[Repair, ...]]:
        """The conversation as it can be rendered: remembered, without what nobody can do, repaired.

        Raises: InvalidRequest.
        """
        found = await self.shared.memory.get_many(wanted_ids(conversation))
        conversation, recalled = recall(conversation, found)
        conversation, left_out = leave_out(
            conversation, keeps_format=self.chats or self.dialect.reads_response_format
        )
        conversation, repairs = normalize(conversation, policy=self.policy)
        return conversation, (*recalled, *left_out, *repairs)

    async def begin_turn(self, conversation: Conversation, notes: Notes) -> Turn:
        """The same as `open_turn`, without holding others up while a template writes the prompt."""
        if self.family.template is None:
            return self.open_turn(conversation, notes)
        return await asyncio.to_thread(self.open_turn, conversation, notes)

    def open_turn(self, conversation: Conversation, notes: Notes) -> Turn:
        """A request's turn, from which those of its choices and attempts are made (`again`).

        Raises: InvalidRequest.
        """
        make = ChatTurn if self.chats else Turn
        turn = make(
            conversation,
            self.dialect,
            profile=self.profile,
            marker_ids=self.marker_ids,
            notes=notes,
            enforcement=self.enforcement,
        )
        if self.engine.capabilities.prompts != "tokens":
            turn.break_lookalikes()  # here as well, before anything is counted and told
        turn.tier = choose_tier(
            turn.conversation,
            is_held=turn.constraint is not None,
            takes_grammar=self._takes_grammar(turn.constraint),
            takes_prompts=not self.chats,
            retries=0 if self.config.enforce == "off" else self.config.retries_on_invalid_calls,
        )
        return turn

    def serves(self, name: str) -> bool:
        """Whether the model goes by this name."""
        return name == self.model or self.aliases.match(name)
