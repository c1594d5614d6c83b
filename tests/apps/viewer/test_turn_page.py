"""One request, worked out for its page."""

from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from tests.apps.viewer.turns import (
    ASKED,
    CALL,
    SECTION,
    answered,
    cut,
    hear,
    loss,
    record,
    roo_stream,
)
from toolgate.apps.viewer.turn_page import Page, open_page
from toolgate.core.conversation import Conversation, Message, ToolSpec
from toolgate.engines.traces.store import TraceStore
from toolgate.pipeline.finding import Finding
from toolgate.pipeline.trace import Recording

GOOD = hear(cut("I look." + SECTION + CALL, 9), turn_id="a")
NEXT = hear(cut("Fine.", 9), asked=answered(GOOD, "Here."), turn_id="b")


@pytest.fixture
def store(tmp_path) -> Iterator[TraceStore]:
    opened = TraceStore(tmp_path / "t.db")
    yield opened
    opened.close()


def page_of(store: TraceStore, recording_id: str, running: Recording | None = None) -> Page:
    page = open_page(store, recording_id, running)
    assert page is not None
    assert msgspec.json.decode(msgspec.json.encode(page))["row"]["id"] == recording_id
    return page


def test_a_request_among_those_of_its_conversation(store):
    store.add(
        [record(GOOD, "req_1"), record(None, "other", conversation="d"), record(NEXT, "req_2")]
    )
    page = page_of(store, "req_1")
    assert [row.id for row in page.neighbours] == ["req_1", "req_2"]
    assert page.headline.text == "look was called, and its result came back."
    (turn,) = page.turns
    assert turn.calls[0].raw == CALL.removesuffix("<|tool_calls_section_end|>")
    assert (turn.start, turn.moves[0].marker, turn.shared) == ("text", SECTION, 0)
    assert "heard" not in turn.trace and turn.trace["turn_id"] == "a"
    assert page.recording["client"] == "Roo" and "traces" not in page.recording
    assert not page.has_previous
    assert open_page(store, "req_9", None) is None


def test_what_the_request_before_had_too_is_told(store):
    store.add([record(GOOD, "req_1"), record(None, "req_2", status=400), record(NEXT, "req_3")])
    page = page_of(store, "req_3")
    assert page.has_previous and [row.id for row in page.neighbours] == ["req_1", "req_2", "req_3"]
    (turn,) = page.turns
    whole, before = str(NEXT.prompt), str(GOOD.prompt)
    assert 0 < turn.shared <= len(before) and whole[: turn.shared] == before[: turn.shared]
    shared = "".join(text for _, text in turn.segments)[: turn.shared]
    assert shared.endswith("<|im_middle|>") and not whole[turn.shared :].startswith("|")


def test_a_special_token_is_shared_as_a_whole(store):
    first = hear([], asked=Conversation(messages=(Message(role="user", content="a"),)))
    asked = Conversation(
        messages=(Message(role="user", content="a"), Message(role="user", content="b"))
    )
    store.add([record(first, "req_1"), record(hear([], asked=asked), "req_2")])
    (turn,) = page_of(store, "req_2").turns
    assert str(first.prompt)[: turn.shared].endswith("a<|im_end|>")  # and not "<|im_"


def test_a_request_under_way(store):
    store.add([record(GOOD, "req_1")])
    under_way = record(
        hear(cut("Fi", 9), asked=answered(GOOD, "Here."), reason=None), "req_2", running=True
    )
    page = page_of(store, "req_2", under_way)
    assert page.headline.mood == "live" and [row.id for row in page.neighbours] == [
        "req_1",
        "req_2",
    ]
    assert page.turns[0].shared > 0 and page.turns[0].calls == []


def test_one_that_was_asked_again(store):
    wrong = hear(cut(SECTION + CALL.replace('"Ann"', "1"), 9))
    store.add([record(None, "req_1", traces=(wrong, replace(GOOD, retries=1)), conversation="")])
    page = page_of(store, "req_1")
    first, second = page.turns
    assert [step.mark for step in first.calls[0].steps] == ["yes", "odd", "none", "none"]
    assert [step.mark for step in second.calls[0].steps] == ["yes", "yes", "unknown", "unknown"]
    assert second.shared == len(str(GOOD.prompt)) and len(page.neighbours) == 1


def test_without_texts_or_family(store):
    unknown = replace(GOOD, dialect="of_another_package")
    store.add([record(unknown, "req_1"), record(None, "req_2", error="It died.", status=502)])
    (turn,) = page_of(store, "req_1").turns
    assert (turn.table, turn.calls[0].raw) == ((), None)
    assert {move.marker for move in turn.moves} == {""}
    assert page_of(store, "req_2").headline.text == "It failed: It died."


def test_the_loop_of_the_roo_code_report_shows_its_missing_step(store):
    """Roo-Code#9551: declared, called, and the result never came back, again and again."""
    for number, name in enumerate(["read_file", "write_to_file"]):
        tokens, declared = roo_stream(number)
        tools = tuple(
            ToolSpec(one["function"]["name"], "", one["function"]["parameters"]) for one in declared
        )
        asked = replace(ASKED, tools=tools)
        recordings: list[Recording] = []
        findings: tuple[Finding, ...] = ()
        for turn in range(3):
            trace = hear(tokens, asked=asked, profile="k2.5", turn_id=f"{number}.{turn}")
            kept = {"conversation": f"roo-{number}", "findings": findings}
            recordings.append(record(trace, f"req_{number}_{turn}", **kept))
            findings = (loss(trace.message.tool_calls[0].id or ""),)
            error = Message(role="user", content="[ERROR] You did not use a tool")
            asked = replace(asked, messages=(*asked.messages, error))
        store.add(recordings)
        for turn in range(2):
            page = page_of(store, f"req_{number}_{turn}")
            assert page.headline.mood == "bad"
            assert page.headline.text == f"{name} was called, and its result never came back."
            (call,) = page.turns[0].calls
            marks = {step.name: step.mark for step in call.steps}
            assert marks == {
                "declared": "yes",
                "called": "yes",
                "executed": "unknown",
                "returned": "no",
            }
            assert page.turns[0].pieces[0].ids == tokens[0].token_ids
            ids = {one.text: one.ids for one in page.turns[0].pieces if one.kind == "special"}
            assert ids["</think>"] == (163607,)
