"""What a tally says is whole, on one line each, and safe to print."""

from io import StringIO

from rich.console import Console

from toolgate.apps.diagnose import report
from toolgate.pipeline.diagnose import Diagnosis
from toolgate.pipeline.diagnose.failure import Failure, FailureKind
from toolgate.pipeline.diagnose.tally import Tally

BAD = Failure(FailureKind.SCHEMA_VIOLATION, "3 is\nno \x1b[31mcity", "look[/]")
EMPTY = Failure(FailureKind.EMPTY_TURN)


def make(*found: Diagnosis) -> Tally:
    tally = Tally()
    for number, one in enumerate(found):
        tally.add(one, f"a.jsonl, byte {number}")
    return tally


MIXED = make(
    Diagnosis("kimi", ("look[/]",), (BAD,)),
    Diagnosis("", ("look[/]", "find"), (BAD, EMPTY)),
    Diagnosis("", (), ()),
)


def printed(tally: Tally) -> str:
    out = StringIO()
    console = Console(file=out, markup=False, width=120)
    for table in report.tables(tally):
        console.print(table)
    return out.getvalue()


def test_tables():
    told = [" ".join(line.split()) for line in printed(MIXED).splitlines()]
    assert "schema_violation 2 66.67 % look[/] 2" in told
    assert "empty_turn 1 33.33 %" in told
    assert "(not told) 2 50.00 % schema_violation 1, empty_turn 1" in told
    assert "look[/] 2 2 schema_violation 2" in told
    assert report.summary(MIXED, 1) == "3 answers in 1 files, 2 with a failure (66.67 %)."


def test_one_model_and_no_tool_need_no_table():
    assert len(list(report.tables(make(Diagnosis("m", (), (EMPTY,)))))) == 1
    assert list(report.tables(make(Diagnosis("m", (), ())))) == []


def test_notes_tell_what_mends_it_and_obey_nothing():
    MIXED.add_unread("b.jsonl, byte 0", "no\x1b JSON")
    told = "\n".join(report.notes(MIXED))
    assert "    To mend it: hold calls" in told
    assert "    a.jsonl, byte 0: 3 is no [31mcity\n" in told
    assert told.endswith("Could not be read:\n    b.jsonl, byte 0: no JSON")
    assert "\x1b" not in told
    assert report.summary(MIXED, 2).endswith("; 1 records could not be read.")


def test_json_has_everything():
    told = report.as_json(make(Diagnosis("m", ("look",), (BAD,))), 1)
    assert told["answers"] == told["failing"] == 1
    (failure,) = told["failures"]
    assert failure["share"] == 1 and failure["about"] == {"look[/]": 1}
    assert told["models"] == [
        {"model": "m", "answers": 1, "failing": 1, "failures": {"schema_violation": 1}}
    ]
    assert told["tools"] == [{"tool": "look[/]", "calls": 0, "failures": {"schema_violation": 1}}]
    assert report.summary(Tally(), 1) == "0 answers in 1 files, 0 with a failure."
