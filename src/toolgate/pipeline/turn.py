"""One request and its answer, without I/O: h11's `Connection` for a conversation with a model.

    turn = Turn(conversation, get_dialect("kimi_k2"), profile="k2-thinking")
    ask_any_engine_for(turn.prompt)
    for chunk in chunks_from_anywhere:
        events = turn.receive(chunk)
    events = turn.finish()
    turn.message

Streaming and not streaming are this one path: the message is its events, assembled.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from copy import copy
from typing import Any, ClassVar

from msgspec.structs import replace

from toolgate.core.assemble import AssembledMessage, Assembler
from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Conversation, Message, Options
from toolgate.core.dialect import Dialect, State
from toolgate.core.events import (
    Anomaly,
    AnomalyKind,
    ArgumentsDelta,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallEnd,
)
from toolgate.core.grammar import Constraint
from toolgate.core.prompt import Prompt
from toolgate.core.schema import find_violation
from toolgate.core.stream_parser import StreamParser
from toolgate.errors import InvalidRequest
from toolgate.pipeline.call_report import CallReport, report_calls
from toolgate.pipeline.chat_answer import ChatAnswer
from toolgate.pipeline.enforcer import Enforcement, constrain
from toolgate.pipeline.enforcer.steering_report import SteeringReport
from toolgate.pipeline.lookalikes import break_lookalikes
from toolgate.pipeline.notes import Notes
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.trace import Heard, Held, Sent, Trace

_NEVER = -100.0
"""OpenAI's logit bias that bans a token."""
_DELTAS = (TextDelta, ReasoningDelta, ArgumentsDelta)
_FORCING = frozenset({"required", "named"})
_NOTHING_NOTED = Notes()
_STOPPED = Finish("stop")


class Turn:
    """One answer. `receive` the engine's chunks, `finish` when they end; never reused."""

    _continues_prompt: ClassVar = True
    """Whether the answer begins where our prompt ends, and so with what is forced there."""

    def __init__(
        self,
        conversation: Conversation,
        dialect: Dialect,
        *,
        profile: str | None = None,
        turn_id: str = "",
        marker_ids: Mapping[int, str] | None = None,
        notes: Notes = _NOTHING_NOTED,
        enforcement: Enforcement | None = None,
    ) -> None:
        """`turn_id` makes the calls' ids unique: give another one to each request.

        `marker_ids` are the special tokens of the engine's vocabulary; None: the vendor's own.
        `enforcement` is how tightly calls are held, where whoever generates can hold them.
        Raises: InvalidRequest where the dialect cannot do what the conversation asks.
        """
        self.conversation = _answered(conversation)
        self.dialect = dialect
        self.profile = profile
        self.notes = notes
        self.tier: Tier | None = None
        """Who sees to it that calls are valid; None where none can be made, or nobody said."""
        self.retries = 0
        """How often the model was asked again because of its calls."""
        self._enforcement = enforcement
        self._write_prompt()
        self.marker_ids = marker_ids
        ids = dialect.token_ids if marker_ids is None else marker_ids
        banned = _call_markers(dialect)
        self._call_ids = [token_id for token_id, marker in ids.items() if marker in banned]
        self._tools = {tool.name: tool for tool in self.conversation.callable_tools}
        self._begin(turn_id)

    def _write_prompt(self) -> None:
        self.prompt = self.dialect.render(self.conversation, self.profile)
        self.constraint = self._constrain(self._enforcement)
        """What the answer must look like, for the engine; None where nothing is held."""
        if self.constraint is None and self._continues_prompt:
            self.prompt = _force(self.prompt, self.conversation, self.dialect, self.profile)

    def _constrain(self, enforcement: Enforcement | None) -> Constraint | None:
        if enforcement is None:
            return None
        return constrain(
            self.conversation,
            self.dialect,
            self.prompt,
            profile=self.profile,
            enforcement=enforcement,
        )

    def _begin(self, turn_id: str) -> None:
        """What is an answer's own, and not the request's."""
        self.turn_id = turn_id
        self.done = False
        """Whether what may still come would be thrown away: then stop the engine, and finish."""
        self.usage: Usage | None = None
        """As the engine told it, at its end; None when it was stopped before."""
        self.steering: SteeringReport | None = None
        """What it took to keep the answer valid, where its engine's grammar did not hold all."""
        self.token_count = 0
        """Of the tokens received; a chunk without ids counts as one."""
        self.reasoning_count = 0
        """Those of them that were reasoning, its markers included."""
        self._stop_string: str | None = None
        self._finish_reason: str | None = None
        self._assembler = Assembler()
        self._marks: list[Event] = []
        self._raw: list[str] = []
        self._logprobs: list[Mapping[str, Any]] = []
        self._reader = self._open_reader()

    def _open_reader(self) -> "StreamParser | ChatAnswer":
        return StreamParser(
            self.dialect,
            tools=self.conversation.callable_tools,
            prefill=self.prompt.prefill,
            tool_choice=self.conversation.tool_choice,
            turn_id=self.turn_id,
            marker_ids=self.marker_ids,
        )

    def again(self, turn_id: str, options: Options, more: Sequence[Message] = ()) -> "Turn":
        """A turn for another answer to the same prompt, which is not rendered anew.

        `options` may differ in how to generate, not in what the prompt says. `more` is what the
        model is shown behind the conversation, to ask again (`ask_again`): that is rendered.
        """
        turn = copy(self)
        messages = (*self.conversation.messages, *more)
        turn.conversation = replace(self.conversation, messages=messages, options=options)
        if more:
            turn.retries = sum(message.role == "assistant" for message in more)
            turn._write_prompt()
        turn._begin(turn_id)
        return turn

    def break_lookalikes(self) -> None:
        """For engines that take a prompt as text only; a second time it does nothing."""
        self.prompt, repairs = break_lookalikes(self.prompt, self.dialect)
        self.notes = replace(self.notes, repairs=(*self.notes.repairs, *repairs))

    @property
    def options(self) -> Options:
        """How to generate: as the client asked; where it forbade calls, without their markers.

        A model that begins a call all the same would say nothing else (vllm#42747).
        """
        options = self.conversation.options
        if self.conversation.tool_choice.mode != "none":
            return options
        banned = {str(token_id): _NEVER for token_id in self._call_ids}
        return replace(options, logit_bias={**(options.logit_bias or {}), **banned})

    @property
    def message(self) -> AssembledMessage:
        """The answer so far; final once `finish` has been called."""
        return self._assembler.message

    @property
    def state(self) -> State:
        """Where in a message the parser stands."""
        return self._reader.state

    def receive(self, chunk: Chunk) -> list[Event]:
        """The events that this chunk makes certain."""
        if chunk.finish_reason:
            self._finish_reason, self._stop_string = chunk.finish_reason, chunk.stop_string
        self.usage = chunk.usage or self.usage
        if self.done or not (chunk.text or chunk.token_ids or chunk.reasoning or chunk.calls):
            return []
        self._raw.append(chunk.reasoning + chunk.text)
        count = len(chunk.token_ids or (0,))
        self.token_count += count
        reader = self._reader
        before = reader.state
        if isinstance(reader, StreamParser):
            events = reader.feed(chunk.text, chunk.token_ids)
        else:
            events = reader.feed(chunk)
        if len(events) == 1 and isinstance(events[0], _DELTAS):  # as nearly always
            self._assembler.add(events[0])
        else:
            events = self._check(events)
        after = reader.state
        if before is State.REASONING or after is State.REASONING:
            self.reasoning_count += count
        # of a call they would tell its native id
        if chunk.logprobs and before is after is State.TEXT:
            self._logprobs += _without_markers(chunk.logprobs, self.dialect.special)
        return events

    def finish(self) -> list[Event]:
        """The last events, the very last of them a `Finish`."""
        if self.done:
            return self._keep([Finish("tool_calls")])
        *events, end = self._reader.finish(self._finish_reason)
        if end == _STOPPED:
            end = Finish("stop", self._stop_string)
        return self._check([*events, end])

    def take_logprobs(self) -> list[Mapping[str, Any]]:
        """Those of the answer's tokens received since the last call, markers left out."""
        if not self._logprobs:
            return []
        logprobs, self._logprobs = self._logprobs, []
        return logprobs

    @property
    def output(self) -> str:
        """The model's raw text so far, markers and all."""
        return "".join(self._raw)

    def report_calls(self, *, grammar: str = "none") -> tuple[CallReport, ...]:
        """What became of each call so far; `grammar` is how the engine takes one."""
        tools = self.conversation.callable_tools
        has_net = self.steering is not None
        return report_calls(self._marks, tools, tier=self.tier, grammar=grammar, has_net=has_net)

    def trace(
        self,
        *,
        choice: int = 0,
        sent: Sequence[Sent] = (),
        heard: Sequence[Heard] = (),
        cut: bool = False,
        grammar: str = "none",
    ) -> Trace:
        """All that happened, as plain data, with what whoever ran the turn saw of it."""
        rule = self.constraint
        return Trace(
            turn_id=self.turn_id,
            choice=choice,
            dialect=self.dialect.name,
            profile=self.profile,
            conversation=self.conversation,
            repairs=self.notes.repairs,
            findings=self.notes.findings,
            tier=self.tier,
            retries=self.retries,
            held=Held(triggers=rule.triggers, required=rule.required) if rule else None,
            prompt=self.prompt,
            marker_ids=self.marker_ids,
            sent=tuple(sent),
            heard=tuple(heard),
            cut=cut,
            output=self.output,
            message=self.message,
            calls=self.report_calls(grammar=grammar),
            usage=self.usage,
            steering=self.steering,
        )

    def _check(self, events: list[Event]) -> list[Event]:
        """The events with what the pipeline has to remark on them; the message grows with them."""
        checked: list[Event] = []
        for event in events:
            if self.done and not isinstance(event, Finish):
                continue
            if not isinstance(event, _DELTAS):  # of which there is one for each token
                checked += self._keep(self._remarks(event))
                self._marks.append(event)
            self._assembler.add(event)
            checked.append(event)
            if isinstance(event, ToolCallEnd) and not self.options.parallel_tool_calls:
                self.done = True
        return checked

    def _keep(self, events: list[Event]) -> list[Event]:
        self._assembler.feed(events)
        self._marks += events
        return events

    def _remarks(self, event: Event) -> list[Event]:
        match event:
            case ToolCallEnd(index, True):
                return self._violations(index)
            case Finish("stop") if not self._assembler.has_answer:
                return [Anomaly(AnomalyKind.EMPTY_TURN)]
            case Finish() if self.steering and self.steering.completed:
                return [Anomaly(AnomalyKind.COMPLETED_CALL)]
            case _:
                return []

    def _violations(self, index: int) -> list[Event]:
        call = self._assembler.call(index)
        spec = self._tools.get(call.name)
        found = find_violation(spec, call.arguments) if spec else None
        return [Anomaly(AnomalyKind.SCHEMA_VIOLATION, detail=found)] if found else []


def _without_markers(
    logprobs: Iterable[Mapping[str, Any]], markers: Set[str]
) -> Iterator[Mapping[str, Any]]:
    """No marker may reach a client, as an alternative neither; llama.cpp prints some as nothing."""
    hidden = {*markers, ""}
    for token in logprobs:
        if token["token"] not in hidden:
            others = token.get("top_logprobs", ())
            yield {**token, "top_logprobs": [one for one in others if one["token"] not in hidden]}


def _answered(conversation: Conversation) -> Conversation:
    """The same, whatever it says of the prompt's end: the assistant's turn follows, always."""
    template = conversation.options.template
    if template.get("add_generation_prompt", True):
        return conversation
    kept = {key: value for key, value in template.items() if key != "add_generation_prompt"}
    return replace(conversation, options=replace(conversation.options, template=kept))


def _call_markers(dialect: Dialect) -> Set[str]:
    """The special tokens with which an answer becomes a call."""
    steps = {
        **dialect.transitions,
        **{pair: step for pair, (step, _) in dialect.deviations.items()},
    }
    return {
        marker
        for marker, role in dialect.markers.items()
        if steps.get((State.TEXT, role)) in (State.SECTION, State.HEADER)
    }


def _force(
    prompt: Prompt, conversation: Conversation, dialect: Dialect, profile: str | None
) -> Prompt:
    """The prompt, and the beginning of a call after it where the client demands one."""
    choice = conversation.tool_choice
    if choice.mode not in _FORCING:
        return prompt
    if dialect.force_call is None:
        raise InvalidRequest(
            f"tool_choice `{choice.mode}` is not possible with the {dialect.name} dialect; "
            "use `auto`",
            param="tool_choice",
        )
    forced = dialect.force_call(conversation, profile, choice.name)
    return replace(
        prompt,
        segments=(*prompt.segments, *forced),
        prefill=prompt.prefill + "".join(segment.text for segment in forced),
    )
