"""The numbers of one or more runs side by side, as a table for a terminal."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.table import Table

from toolgate.apps.verify.faults import FaultKind
from toolgate.apps.verify.fidelity import Fidelity
from toolgate.apps.verify.probes import PROBES
from toolgate.apps.verify.report import Report
from toolgate.apps.verify.scores import Share, Trigger, percentile

NOTHING: Final = "–"
MOST_DIFFERENCES: Final = 3


def show_finish(report: Report, reason: str) -> str:
    return str(report.finish_reasons[reason]) if report.judged else NOTHING


def show_others(report: Report) -> str:
    others = {
        reason: count
        for reason, count in report.finish_reasons.items()
        if reason not in ("stop", "tool_calls")
    }
    return ", ".join(f"{count} {reason}" for reason, count in others.items()) or "0"


_HEAD: Final[Sequence[tuple[str, Callable[[Report], str]]]] = (
    ("answered", lambda one: show_count(Share(len(one.answered), len(one.judged)))),
    ("finish: stop", lambda one: show_finish(one, "stop")),
    ("finish: tool_calls", lambda one: show_finish(one, "tool_calls")),
    ("finish: other", lambda one: show_others(one) if one.judged else NOTHING),
    (
        "turns with valid calls",
        lambda one: f"{one.valid_turns.hits} of {one.valid_turns.total}" if one.judged else NOTHING,
    ),
    ("schema accuracy", lambda one: show_share(one.valid_turns)),
    ("F1 of calling", lambda one: show_f1(one.reference)),
    ("  precision", lambda one: show_share(one.reference.precision) if one.reference else NOTHING),
    ("  recall", lambda one: show_share(one.reference.recall) if one.reference else NOTHING),
    ("  reference with itself", lambda one: show_f1(one.reference_itself)),
    ("right tools", lambda one: show_share(one.right_tools)),
    ("right tools and arguments", lambda one: show_share(one.right)),
    ("same streamed and whole", lambda one: show_share(one.same_streamed)),
    ("same prompt tokens as the reference", lambda one: show_share(one.same_prompt)),
    ("refused what must be", lambda one: show_count(one.refused)),
    ("first token, ms (50 %, 90 %)", lambda one: show_times(one.first_ms)),
    ("whole answer, ms (50 %, 90 %)", lambda one: show_times(one.duration_ms)),
)


_PROMPTS: Final[Sequence[tuple[str, Callable[[Report], str]]]] = (
    ("as many tokens", lambda one: show_share(one.fidelity.exact)),
    ("told less own, how often", lambda one: show_differences(one.fidelity)),
    ("the largest", lambda one: show_largest(one.fidelity)),
)
_SCHEMAS: Final[Sequence[tuple[str, Callable[[Report], str]]]] = (
    ("taken", lambda one: show_count(one.schemas_taken)),
    ("called", lambda one: show_count(one.schemas_called)),
    ("arguments fit", lambda one: show_count(one.schemas_fitting)),
    ("rightly refused", lambda one: show_count(one.schemas_refused)),
)


def make_table(reports: Sequence[Report], title: str) -> Table:
    """One column for each report."""
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for report in reports:
        table.add_column(report.name, justify="right")
    for head, lines in sections(reports).items():
        table.add_section()
        table.add_row(f"[bold]{head}[/]")
        for label, *cells in lines:
            table.add_row(f"  {label}", *cells)
    return table


def sections(reports: Sequence[Report]) -> dict[str, list[list[str]]]:
    """By heading: a label and a cell each; lines that say nothing are left out."""
    kinds = dict.fromkeys(kind for report in reports for kind in report.by_kind)
    found = {
        "All requests": [[label, *map(show, reports)] for label, show in _HEAD],
        "Right, by kind of request": [
            [_words(kind), *(show_share(one.by_kind.get(kind, Share(0, 0))) for one in reports)]
            for kind in kinds
        ],
        "Answers with this fault": [
            [_words(fault), *(str(one.faults[fault]) for one in reports)]
            for fault in FaultKind
            if any(one.faults[fault] for one in reports)
        ],
    }
    found["Prompts beside toolgate's own"] = [
        [label, *map(show, reports)] for label, show in _PROMPTS
    ]
    found["Schemas"] = [[label, *map(show, reports)] for label, show in _SCHEMAS]
    found["Schemas that were not treated right"] = [
        [name, *(_show_schema(report, name) for report in reports)]
        for name in dict.fromkeys(one.case.name for report in reports for one in report.schemas)
        if any(_show_schema(report, name) not in ("", NOTHING) for report in reports)
    ]
    found["Answered, and should have been refused"] = [
        [name, *(_show_probe(report, name) for report in reports)]
        for name in PROBES
        if any(_show_probe(report, name) not in ("", NOTHING) for report in reports)
    ]
    told = {head: list(filter(_says_something, lines)) for head, lines in found.items()}
    return {head: lines for head, lines in told.items() if lines}


def show_differences(fidelity: Fidelity) -> str:
    """`+3: 12, -1: 4`, the commonest first."""
    found = fidelity.differences.most_common()
    shown = [f"{difference:+}: {count}" for difference, count in found[:MOST_DIFFERENCES]]
    rest = sum(count for _, count in found[MOST_DIFFERENCES:])
    return ", ".join([*shown, *([f"others: {rest}"] if rest else [])]) or NOTHING


def show_largest(fidelity: Fidelity) -> str:
    """`#17 +43`: the request, and told less own."""
    largest = fidelity.largest(MOST_DIFFERENCES)
    return ", ".join(f"#{one.data_index} {one.difference:+}" for one in largest) or NOTHING


def _show_schema(report: Report, name: str) -> str:
    """What is wrong; nothing where it is right."""
    found = {one.case.name: "" if one.is_right else _words(one.verdict) for one in report.schemas}
    return found.get(name, NOTHING)


def _show_probe(report: Report, name: str) -> str:
    """The status of an answer that should have been a refusal; nothing where it was one."""
    status = {one.name: "" if one.is_refused else f"{one.status}" for one in report.probed}
    return status.get(name, NOTHING)


def _says_something(line: Sequence[str]) -> bool:
    return any(cell != NOTHING for cell in line[1:])


def _words(name: str) -> str:
    return name.replace("_", " ")


def show_count(share: Share) -> str:
    return f"{share.hits} of {share.total}" if share.total else NOTHING


def show_share(share: Share) -> str:
    """`87.2 % (84–90)`."""
    if share.value is None or share.interval is None:
        return NOTHING
    return _show(share.value, share.interval)


def show_f1(trigger: Trigger | None) -> str:
    if trigger is None or trigger.f1 is None or trigger.interval is None:
        return NOTHING
    return _show(trigger.f1, trigger.interval)


def show_times(values: Sequence[float]) -> str:
    half, most = percentile(values, 0.5), percentile(values, 0.9)
    return NOTHING if half is None or most is None else f"{half:.0f}, {most:.0f}"


def _show(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * value:.1f} % ({100 * low:.0f}–{100 * high:.0f})"
