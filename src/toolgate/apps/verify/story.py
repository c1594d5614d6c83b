"""The debugging story of vLLM and Kimi K2, told again: one model, deployed wrongly and rightly.

Each deployment has one fault of the story and is right in all else, so that a table of their runs
shows what that fault costs by itself.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import count
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from toolgate.apps.serving.open_engine import open_engine
from toolgate.apps.serving.service import Service
from toolgate.apps.settings.config import Config
from toolgate.apps.verify.prompt_counter import count_prompt
from toolgate.apps.verify.recorder import Recorder
from toolgate.apps.verify.targets import GatewayTarget, Target
from toolgate.core.assemble import AssembledMessage, assemble
from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Conversation, Message, ToolCall
from toolgate.core.stream_parser import StreamParser
from toolgate.engines.engine import Engine, GenerateRequest, RawResponse
from toolgate.errors import InvalidRequest
from toolgate.pipeline.normalize import normalize
from toolgate.wire.openai_chat import ResponseHead, decode_request, encode_response

_STREAMS: Final = "The story's deployments do not stream; ask them for whole answers."

_SECTION: Final = re.compile(
    r"<\|tool_calls_section_begin\|>(.*?)<\|tool_calls_section_end\|>", re.DOTALL
)
_CALL: Final = re.compile(
    r"<\|tool_call_begin\|>\s*(functions\.([\w-]+):\d+)\s*"
    r"<\|tool_call_argument_begin\|>\s*(.*?)\s*<\|tool_call_end\|>",
    re.DOTALL,
)


class Deployment(Struct, frozen=True, kw_only=True):
    """What is wrong with it; by default nothing."""

    name: str
    ends_in_header: bool = True
    """False: the prompt ends without the assistant's header (vLLM before PR#25794)."""
    prints_lists: bool = False
    """Contents of assistant and tool turns are lists, printed as Python prints them (PR#27622)."""
    keeps_ids: bool = False
    """The history's ids stay as the client sent them, and only canonical ids are read back."""


FAULTY: Final = (
    Deployment(name="a: no header", ends_in_header=False),
    Deployment(name="b: lists", prints_lists=True),
    Deployment(name="c: ids", keeps_ids=True),
)


def open_story(
    config: Config, make_engine: Callable[[Config], Engine] = open_engine
) -> list[Target]:
    """The five deployments of the settings' model, each with an engine of its own."""
    mended, enforced = replace(config, enforce="off"), replace(config, enforce="auto")
    return [
        *(StoryTarget(one, mended, make_engine(config)) for one in FAULTY),
        GatewayTarget("d: all mended", mended, make_engine(config)),
        GatewayTarget("e: enforced", enforced, make_engine(config)),
    ]


class StoryTarget:
    """A deployment that renders and reads as the story's engines did."""

    def __init__(self, deployment: Deployment, config: Config, engine: Engine) -> None:
        self.name = deployment.name
        self.model = config.model or ""
        self._deployment = deployment
        self._service = Service(config, Recorder(engine))
        self._serial = count()

    async def start(self) -> None:
        await self._service.start()
        self.model = self._service.model

    async def count(self, request: Mapping[str, Any]) -> int | None:
        """As all would be mended: what its fault makes of the prompt shows beside it."""
        return await count_prompt(self._service, request)

    async def close(self) -> None:
        await self._service.close()

    @asynccontextmanager
    async def ask(self, body: bytes) -> AsyncGenerator[RawResponse, None]:
        """One whole answer.

        Raises: InvalidRequest for what is to be streamed, EngineError.
        """
        asked = decode_request(body)
        if asked.stream:
            raise InvalidRequest(_STREAMS)
        message, usage = await self._answer(spoil(asked.conversation, self._deployment))
        head = ResponseHead(
            id=f"story-{next(self._serial)}",
            created=0,
            model=self.model,
            system_fingerprint=self.name,
        )
        answer = encode_response([message], head=head, usage=usage)
        yield RawResponse(200, {"content-type": "application/json"}, _once(answer))

    async def _answer(self, conversation: Conversation) -> tuple[AssembledMessage, Usage | None]:
        service = self._service
        prompt = service.dialect.render(conversation, service.profile)
        request = GenerateRequest(
            prompt=prompt,
            options=conversation.options,
            markers=sorted(service.dialect.special),
            stop=service.dialect.stop,
        )
        async with aclosing(service.engine.generate(request)) as stream:
            chunks = [chunk async for chunk in stream]
        usage = next((chunk.usage for chunk in chunks if chunk.usage), None)
        if self._deployment.keeps_ids:
            return read_strictly(chunks), usage
        parser = StreamParser(
            service.dialect,
            tools=conversation.callable_tools,
            prefill=prompt.prefill,
            turn_id=f"story-{next(self._serial)}",
            marker_ids=service.marker_ids,
        )
        events = [event for one in chunks for event in parser.feed(one.text, one.token_ids)]
        return assemble([*events, *parser.finish(_finish_reason(chunks))]), usage


def spoil(conversation: Conversation, deployment: Deployment) -> Conversation:
    """The conversation as this deployment renders it: mended, but for its fault."""
    mended = normalize(conversation).conversation
    messages = mended.messages
    if deployment.keeps_ids:
        messages = tuple(_restore_ids(messages, conversation.messages))
    if deployment.prints_lists:
        messages = tuple(map(_print_list, messages))
    template = {**mended.options.template, "add_generation_prompt": deployment.ends_in_header}
    return replace(mended, messages=messages, options=replace(mended.options, template=template))


def read_strictly(chunks: Sequence[Chunk]) -> AssembledMessage:
    """As Moonshot's guide and early engines read it: by regex, whole sections, canonical ids."""
    output, reason = "".join(chunk.text for chunk in chunks), _finish_reason(chunks)
    calls = tuple(
        ToolCall(id=call_id, name=name, arguments=arguments)
        for section in _SECTION.findall(output)
        for call_id, name, arguments in _CALL.findall(section)
    )
    if not calls:
        return AssembledMessage(content=output, finish_reason=reason)
    content = output.partition("<|tool_calls_section_begin|>")[0]
    return AssembledMessage(content=content, tool_calls=calls, finish_reason="tool_calls")


def _restore_ids(mended: Iterable[Message], sent: Iterable[Message]) -> Iterable[Message]:
    """The ids that the client sent, by the position of their calls, in calls and results."""
    ids = iter([call.id for message in sent for call in message.tool_calls])
    own: dict[str | None, str | None] = {}
    for message in mended:
        calls = tuple(
            replace(call, id=own.setdefault(call.id, next(ids))) for call in message.tool_calls
        )
        result = own.get(message.tool_call_id, message.tool_call_id)
        yield replace(message, tool_calls=calls, tool_call_id=result)


def _print_list(message: Message) -> Message:
    if message.role not in ("assistant", "tool"):
        return message
    printed = str([{"type": "text", "text": message.content or ""}])
    return replace(message, content=printed)


def _finish_reason(chunks: Sequence[Chunk]) -> str:
    return next((chunk.finish_reason for chunk in chunks if chunk.finish_reason), "stop")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
