"""What holds of the parser for every output and every chunking, one sentence per property."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.properties.outputs import (
    FAMILIES,
    K2,
    ORDINARY,
    Token,
    bundles,
    cuts,
    prefills,
    reasons,
    text_of,
)
from toolgate.core.assemble import AssembledMessage, assemble, coalesce
from toolgate.core.conversation import ToolChoice, ToolSpec
from toolgate.core.events import (
    Anomaly,
    AnomalyKind,
    ArgumentsDelta,
    Event,
    Finish,
    ReasoningDelta,
    TextDelta,
    ToolCallEnd,
    ToolCallStart,
)
from toolgate.core.json_scanner import JsonScanner
from toolgate.core.marker_lexer import Lexeme, MarkerLexer
from toolgate.core.stream_parser import StreamParser

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.dialect.name)


@every_family
@given(data=st.data(), prefill=prefills, reason=reasons)
def test_p1_any_chunking_gives_the_same_events(family, data, prefill, reason):
    text = text_of(data.draw(family.outputs))
    whole = coalesce(family.parse([text], prefill, reason))
    assert coalesce(family.parse(data.draw(cuts(text)), prefill, reason)) == whole
    assert coalesce(family.parse(list(text), prefill, reason)) == whole


@every_family
@given(data=st.data(), prefill=prefills, reason=reasons)
def test_p1_any_bundling_of_tokens_gives_the_same_events(family, data, prefill, reason):
    output = data.draw(family.outputs)
    one_by_one = coalesce(family.parse_tokens([[token] for token in output], prefill, reason))
    bundled = data.draw(bundles(output, family))
    assert coalesce(family.parse_tokens(bundled, prefill, reason)) == one_by_one


@every_family
@given(data=st.data(), prefill=prefills, reason=reasons)
def test_p2_nothing_is_ever_taken_back(family, data, prefill, reason):
    text = text_of(data.draw(family.outputs))
    place = data.draw(st.integers(0, len(text)))
    shown = unfold(family.new_parser(prefill).feed(text[:place]))
    assert unfold(family.parse([text], prefill, reason))[: len(shown)] == shown


@every_family
@given(data=st.data(), prefill=prefills)
def test_p2_what_may_be_run_after_a_cut_may_be_run_after_the_whole(family, data, prefill):
    text = text_of(data.draw(family.outputs))
    place = data.draw(st.integers(0, len(text)))
    cut = assemble(family.parse([text[:place]], prefill, "length"))
    whole = assemble(family.parse([text], prefill, "stop"))
    runnable = {place: call for place, call in enumerate(cut.tool_calls) if call.complete}
    assert {place: whole.tool_calls[place] for place in runnable} == runnable
    assert cut.finish_reason == "length"


def unfold(events: Sequence[Event]) -> list[Any]:
    """Events with their text by characters, so that it does not matter where a delta ends."""
    return [item for event in events for item in _characters(event)]


def _characters(event: Event) -> Iterator[Any]:
    match event:
        case TextDelta(text) | ReasoningDelta(text):
            yield from ((type(event), char) for char in text)
        case ArgumentsDelta(index, text):
            yield from ((index, char) for char in text)
        case _:
            yield event


@every_family
@given(data=st.data(), prefill=prefills, reason=reasons)
def test_f23_f24_calls_come_one_after_another_with_dense_indexes(family, data, prefill, reason):
    """Calls open and close one after another, with dense indexes, and `Finish` comes last, once."""
    events = family.parse([text_of(data.draw(family.outputs))], prefill, reason)
    opened: int | None = None
    calls = 0
    for event in events[:-1]:
        match event:
            case ToolCallStart(index):
                assert opened is None
                assert index == calls
                opened, calls = index, calls + 1
            case ArgumentsDelta(index, text):
                assert index == opened
                assert text
            case ToolCallEnd(index):
                assert index == opened
                opened = None
            case TextDelta(text) | ReasoningDelta(text):
                assert opened is None
                assert text
            case Finish():
                raise AssertionError("Finish before the end")
    assert opened is None
    assert isinstance(events[-1], Finish)


@given(K2.outputs, prefills, reasons)
def test_p4_no_marker_is_shown_but_as_data(output, prefill, reason):
    """Not as text or reasoning; in arguments only where a string was open."""
    arguments = ""
    for event in coalesce(K2.parse([text_of(output)], prefill, reason)):
        match event:
            case TextDelta(text) | ReasoningDelta(text):
                assert [marker for marker in K2.markers if marker in text] == []
            case ToolCallStart():
                arguments = ""
            case ArgumentsDelta(_, text):
                for marker in K2.markers:
                    assert stands_in_string(marker, text, arguments)
                arguments += text


def stands_in_string(marker: str, text: str, before: str) -> bool:
    if marker not in text:
        return True
    scanner = JsonScanner()
    scanner.feed(before + text[: text.index(marker)])
    return scanner.in_string


@given(K2.outputs, prefills, reasons)
def test_p4_what_ids_show_to_be_text_stays_text(output, prefill, reason):
    """Ordinary tokens that spell a special one mean no more than any other text."""
    output = [token for token in output if "section" not in token.text or token.is_special]
    masked = [token if token.is_special else Token(mask(token.text)) for token in output]
    given_, harmless = (
        assemble(K2.parse_tokens([[token] for token in tokens], prefill, reason))
        for tokens in (output, masked)
    )
    assume(AnomalyKind.PARTIAL_MARKER not in kinds(given_))  # half a marker is hidden at the end
    assert mask(given_.content) == harmless.content
    assert mask(given_.reasoning) == harmless.reasoning
    shapes = [
        [(call.name, call.complete, mask(call.arguments)) for call in message.tool_calls]
        for message in (given_, harmless)
    ]
    assert shapes[0] == shapes[1]


def mask(text: str) -> str:
    return text.replace("<", "«").replace("\ud83d", "\ufffd")


@given(K2.outputs, prefills, reasons)
@example([Token("functions.now:0{")], "", "stop")
def test_p5_every_character_is_accounted_for(output, prefill, reason):
    events = K2.parse([text_of(output)], prefill, reason)
    Ledger(text_of(output)).book(events)


def is_healed(event: Event) -> bool:
    return isinstance(event, Anomaly) and event.kind is AnomalyKind.HEALED_ARGUMENTS


ENDS_OF_CALL = {
    *("call_end", "call_begin", "section_begin", "section_end", "turn_end", "turn_begin"),
}


class Ledger:
    """Strikes out of a raw output what the events tell of it, in order; blanks do not count.

    A marker counts as told, unless it is data: then it must stand in the events. Where arguments
    were mended, the anomaly's `raw` stood there, and what follows it until the call's end is new.
    """

    def __init__(self, raw: str) -> None:
        lexer = MarkerLexer(K2.markers, special=K2.special)
        self._left = deque(lexer.feed(raw) + lexer.finish())

    def book(self, events: Sequence[Event]) -> None:
        mended = bare = False
        for event in events:
            match event:
                case TextDelta(text) | ReasoningDelta(text):
                    self._strike(text)
                case ToolCallStart(_, _, _, native_id):
                    self._strike(native_id)
                case ArgumentsDelta(_, text) if bare or not (mended or self._is_invented(text)):
                    self._strike(text)
                case ToolCallEnd():
                    mended = bare = False
                case Anomaly(kind, raw) if kind is not AnomalyKind.STRAY_MARKER:
                    self._strike(raw)
                    mended = mended or kind is AnomalyKind.HEALED_ARGUMENTS
                    bare = bare or kind is AnomalyKind.MARKERS_STRIPPED
        self._pass_markers("")
        assert "".join(lexeme.text for lexeme in self._left) == ""

    def _is_invented(self, text: str) -> bool:
        """A call without arguments has an empty object for them, which nobody wrote."""
        told = "".join(lexeme.text for lexeme in self._left if not lexeme.is_marker)
        before = takewhile(lambda one: one.is_marker or not squeeze(one.text), self._left)
        is_over = any(K2.markers.get(one.text) in ENDS_OF_CALL for one in before)
        return text == "{}" and (is_over or not squeeze(told).startswith("{}"))

    def _strike(self, text: str) -> None:
        text = squeeze(text)
        while text:
            self._pass_markers(text)
            lexeme = self._left.popleft()
            there = squeeze(lexeme.text)
            length = min(len(there), len(text))
            assert text[:length] == there[:length]
            text = text[length:]
            if there[length:]:
                self._left.appendleft(Lexeme(there[length:]))

    def _pass_markers(self, text: str) -> None:
        """Leaves out markers that are no data, and blanks."""
        while self._left and self._is_told(self._left[0], squeeze(text)):
            self._left.popleft()

    def _is_told(self, lexeme: Lexeme, text: str) -> bool:
        if lexeme.is_marker:
            return not text.startswith(lexeme.text)
        return squeeze(lexeme.text) == ""


def squeeze(text: str) -> str:
    return "".join(text.split())


junk = st.one_of(st.text(max_size=30), st.text('<|tol_caseinbdhk>/{}[]",:\\ \n', max_size=60))
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
schemas = (
    st.none()
    | st.booleans()
    | st.dictionaries(
        st.sampled_from(("properties", "required", "type", "$ref")), anything, max_size=4
    )
)
tools = st.none() | st.lists(
    st.builds(
        ToolSpec,
        st.sampled_from(("", "f", "get_weather", "a.b", "[", "(", "\ud800")),
        st.just(""),
        schemas,
    ),
    max_size=3,
)


@every_family
@given(
    data=st.data(),
    declared=tools,
    choice=st.sampled_from((None, ToolChoice("none"), ToolChoice("required"))),
    reason=st.none() | st.text(max_size=3),
)
def test_p6_nothing_raises(family, data, declared, choice, reason):
    """Whatever text and ids come, in agreement with each other or not, there is a message."""
    texts = junk | family.outputs.map(text_of)
    ids = st.none() | st.lists(st.sampled_from((*family.marker_ids, ORDINARY, -1)), max_size=4)
    chunks = data.draw(st.lists(st.tuples(texts, ids)))
    parser = StreamParser(
        family.dialect,
        tools=declared,
        prefill=data.draw(texts),
        tool_choice=choice,
        marker_ids=family.marker_ids,
    )
    events = [event for text, ids in chunks for event in parser.feed(text, ids)]
    events += parser.finish(reason)
    message = assemble(events)
    assert message.finish_reason is not None
    assert coalesce(coalesce(events)) == coalesce(events)
    if choice is not None and choice.mode == "none":
        assert message.tool_calls == ()


@given(K2.outputs, prefills)
def test_printing_the_end_of_the_turn_makes_no_difference(output, prefill):
    """Engines that print the token that ends a turn, and engines that do not, tell the same."""
    text = text_of(output)
    ended, stopped = (
        assemble(K2.parse([raw], prefill, "stop")) for raw in (f"{text}<|im_end|>", text)
    )
    assume(AnomalyKind.PARTIAL_MARKER not in kinds(stopped))  # half a marker is hidden at the end
    assert ended.content == stopped.content
    assert ended.tool_calls == stopped.tool_calls
    assert ended.reasoning == stopped.reasoning
    assert ended.finish_reason == stopped.finish_reason


@given(K2.outputs, prefills, reasons)
def test_whole_arguments_are_json_or_flagged(output, prefill, reason):
    """What a complete call holds can be read, unless an anomaly says that it cannot."""
    unreadable = 0
    message = assemble(K2.parse([text_of(output)], prefill, reason))
    for call in message.tool_calls:
        try:
            json.loads(call.arguments)
        except ValueError:
            unreadable += call.complete
    assert unreadable == kinds(message).count(AnomalyKind.INVALID_ARGUMENTS)


def kinds(message: AssembledMessage) -> list[AnomalyKind]:
    return [anomaly.kind for anomaly in message.anomalies]
