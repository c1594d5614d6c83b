"""One choice of an answer: a turn, and more of them where one came to nothing.

Kimi K2.6 ends many turns after a tool's result with nothing but reasoning (Kimi-K2#128: 87 %): such
a turn is tried again. Where no grammar holds the model to valid calls, a wrong one is shown to it
and not to the client, and it is asked again. What it thought and wrote has gone to the client by
then and stays; the next attempt goes on from there.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.chunk import Usage
from toolgate.core.conversation import Message, Options
from toolgate.core.events import Anomaly, AnomalyKind, Event, Finish
from toolgate.engines.driver import ask
from toolgate.engines.engine import Engine
from toolgate.engines.tape import Tape
from toolgate.pipeline.ask_again import CheckedCalls, ask_again
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn

Told: TypeAlias = tuple[int, list[Event], Sequence[Mapping[str, Any]]]
"""Which choice, what it said, and the log-probabilities of it."""

_LIVELIER: Final = 0.6
"""At temperature 0 the same prompt would only say nothing again."""


class Attempt(Struct, frozen=True):
    """One of a choice's turns, as it is to be made."""

    number: int = 0
    """Counted from 0."""
    empty: int = 0
    """How many of those before said nothing."""
    more: tuple[Message, ...] = ()
    """What the model is shown behind the conversation: its wrong calls, and what was wrong."""


class Choice:
    """`run` it once; the rest tells what came of it, and is final after that."""

    def __init__(
        self,
        make_turn: Callable[[Attempt], Turn],
        engine: Engine,
        *,
        retries: int,
        call_retries: int = 0,
        aside: bool = False,
        began: float | None = None,
        keeps: bool = False,
    ) -> None:
        """`retries` of empty turns, `call_retries` of turns with calls that are not valid.

        `aside` makes turns in a thread, where writing a prompt takes long. `began` and `keeps` are
        for the turns' tapes.
        """
        self.turns: list[Turn] = []
        self.tapes: list[Tape] = []
        """Of the turns, in the same order."""
        self._open_tape = partial(Tape, began=began, keeps=keeps)
        self._make_turn = make_turn
        self._engine = engine
        self._retries = retries
        self._call_retries = call_retries
        self._aside = aside
        self._attempt = Attempt()

    async def run(self, index: int = 0) -> AsyncGenerator[Told, None]:
        """What the answer says, the last of its events a `Finish`; `index` is the choice's own.

        Raises: EngineError.
        """
        attempt = None
        while attempt is not self._attempt:
            attempt = self._attempt
            turn = await self._next_turn()
            check = CheckedCalls(self._said()) if turn.tier is Tier.ASK_AGAIN else None
            tape = self._open_tape(turn)
            self.turns.append(turn)
            self.tapes.append(tape)
            async with aclosing(await ask(turn, self._engine, tape)) as chunks:
                async for chunk in chunks:
                    events = tape.hear(chunk)
                    if check is not None:
                        events = self._check(events, turn, check)
                    if events:
                        yield index, events, turn.take_logprobs() if chunk.logprobs else ()
                    if turn.done or attempt is not self._attempt:
                        break
            if attempt is self._attempt:
                for events in self._finish(tape, check):
                    yield index, events, turn.take_logprobs()

    def _check(self, events: list[Event], turn: Turn, check: CheckedCalls) -> list[Event]:
        """What may be said now; at the first wrong call another attempt is to be made."""
        said = check.feed(events)
        self._asks_again(turn, check)
        return said

    def _finish(self, tape: Tape, check: CheckedCalls | None) -> Iterator[list[Event]]:
        """What a turn says last, unless another attempt is to be made."""
        events = tape.finish()
        if self._tries_again(tape.turn, events):
            yield [one for one in events if not isinstance(one, Finish)]
        elif check is None:
            yield events
        else:
            yield check.feed(events)
            if not self._asks_again(tape.turn, check):
                yield check.release()

    async def _next_turn(self) -> Turn:
        if self._aside and self._attempt.more:
            return await asyncio.to_thread(self._make_turn, self._attempt)
        return self._make_turn(self._attempt)

    @property
    def anomalies(self) -> list[Anomaly]:
        """What was odd, in all attempts."""
        return [anomaly for turn in self.turns for anomaly in turn.message.anomalies]

    @property
    def call_retries(self) -> int:
        """How often the model was asked again because of its calls."""
        return self.turns[-1].retries if self.turns else 0

    def usage(self, prompt_tokens: int) -> Usage:
        """Tokens of all attempts; `prompt_tokens` is our own count, for engines that tell none."""
        told = self.turns[0].usage
        completion = [
            turn.usage.completion_tokens if turn.usage else turn.token_count for turn in self.turns
        ]
        return Usage(
            prompt_tokens=told.prompt_tokens if told else prompt_tokens,
            completion_tokens=sum(completion),
            cached_tokens=told.cached_tokens if told else 0,
            reasoning_tokens=min(sum(map(_reasoning_tokens, self.turns)), sum(completion)),
        )

    def _said(self) -> str:
        return "".join(turn.message.content for turn in self.turns)

    def _tries_again(self, turn: Turn, events: Sequence[Event]) -> bool:
        """After a tool's result, with tools at hand, a turn that says nothing is a slip."""
        if self._attempt.empty >= self._retries:
            return False
        follows_result = any(one.role == "tool" for one in turn.conversation.messages[-1:])
        kinds = [event.kind for event in events if isinstance(event, Anomaly)]
        is_slip = follows_result and turn.conversation.tools and AnomalyKind.EMPTY_TURN in kinds
        if is_slip:
            self._go_on(empty=self._attempt.empty + 1)
        return bool(is_slip)

    def _asks_again(self, turn: Turn, check: CheckedCalls) -> bool:
        """At the first wrong call: what would follow it is not waited for."""
        if not check.faults or turn.retries >= self._call_retries:
            return False
        shown = ask_again(turn.conversation, turn.message, check.faults)
        self._go_on(more=(*self._attempt.more, *shown))
        return True

    def _go_on(self, **changes: Any) -> None:
        self._attempt = replace(self._attempt, number=self._attempt.number + 1, **changes)


def _reasoning_tokens(turn: Turn) -> int:
    """As an upstream that only chats tells it, else as counted here."""
    told = turn.usage.reasoning_tokens if turn.usage else 0
    return told or turn.reasoning_count


def enlivened(options: Options, attempt: int) -> Options:
    """The options of an attempt: from the second on, ones that lead to other words."""
    if attempt == 0:
        return options
    return replace(
        options,
        temperature=max(options.temperature or 0.0, _LIVELIER),
        seed=None if options.seed is None else options.seed + attempt,
    )
