"""Whether a server still runs the model that it ran when it was started.

What is learnt of a model at the start (its prompts' format, its special tokens, its context) holds
for that model alone, and somebody may load another one behind the same address. Knows no engine's
requests: what to ask is given.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from toolgate.engines.endpoint import Endpoint
from toolgate.errors import EngineBrokeOff, EngineError, EngineProtocolError, EngineRefused

T = TypeVar("T")

PROBE: Final = (
    "Hello, world! I'll don't 12345 你好 Grüße 🙂\n<s></s><|im_start|><|im_end|><|im_middle|>"
    "<think></think><tool_call></tool_call>[INST][TOOL_CALLS]<|tool_call_begin|><|eot_id|>"
    "<|assistant|><|observation|><|channel|><|python_tag|>]<]minimax[>["
)
"""What vocabularies differ in, many families' special tokens among it."""
PATIENCE_SECONDS: Final = 5
"""A server that takes longer to say what it runs is busy: that is no sign of another model."""
ABSENT: Final = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)


class SameModel:
    """`note` what it is at the start; then ask whether it `is_another`."""

    def __init__(self, endpoint: Endpoint, ask: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        """`ask` gives what the server says of itself, and would say otherwise of another model:
        where there may be no answer, as `told` has it."""
        self._endpoint = endpoint
        self._ask = ask
        self._known: Mapping[str, Any] | None = None
        self._named = ""
        self._is_renamed = False

    async def note(self) -> None:
        """Remembers what it is now, once."""
        if self._known is None:
            said = await self._ask()
            self._known = {
                name: one for name, one in said.items() if not isinstance(one, EngineError)
            }

    def hear(self, name: str) -> None:
        """What an answer calls its model: proxies have names of their own, but not every time."""
        if name:
            self._is_renamed |= self._named not in ("", name)
            self._named = name

    @property
    def doubtful(self) -> bool:
        """Whether it has failed, or called itself something else, since it was asked last."""
        return self._known is not None and (self._is_renamed or self._endpoint.has_failed)

    async def is_another(self) -> bool:
        """Asks it, and ends the doubt.

        Raises: EngineError where it cannot be asked.
        """
        if self._known is None:
            return False
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                is_another = await self._has_changed(self._known)
        except TimeoutError:
            is_another = False
        self._is_renamed = self._endpoint.has_failed = False
        return is_another

    async def _has_changed(self, known: Mapping[str, Any]) -> bool:
        """A change is believed when it is told twice: servers have weak moments."""
        now = await self._look(known)
        while now != known:
            before, now = now, await self._look(known)
            if now == before:
                return True
        return False

    async def _look(self, known: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What it says now; None where it is no such server any more.

        What alone of all it cannot say now counts as it was: a proxy may have closed that path, and
        no request should be refused for it.

        Raises: EngineError where it cannot be asked.
        """
        try:
            said = await self._ask()
        except (EngineRefused, EngineProtocolError) as error:
            if not _means_absent(error):
                raise
            return None
        return {
            name: before if isinstance(said[name], EngineError) else said[name]
            for name, before in known.items()
        }


async def told(question: Awaitable[T]) -> T | EngineError | None:
    """The answer; None where there is no such thing; or why it cannot be told now."""
    try:
        return await question
    except (EngineRefused, EngineProtocolError) as error:
        return None if _means_absent(error) else error


def _means_absent(error: EngineError) -> bool:
    """Whether there is no such thing; a busy or broken server says nothing of what it runs."""
    if isinstance(error, EngineRefused):
        return error.status_hint in ABSENT
    return not isinstance(error, EngineBrokeOff)
