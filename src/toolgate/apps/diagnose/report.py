"""What a tally says: tables for a terminal, and the same for programs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.table import Table

from toolgate.apps.diagnose.catalogue import CATALOGUE
from toolgate.pipeline.diagnose.failure import FailureKind
from toolgate.pipeline.diagnose.tally import Tally

MOST_ROWS: Final = 12
"""Of models and of tools; `--json` has all."""
_MOST_ABOUT: Final = 3
_UNNAMED: Final = "(not told)"


def found_kinds(tally: Tally) -> list[FailureKind]:
    """Those that there are, the commonest first."""
    kinds = [kind for kind in FailureKind if tally.of_kind(kind)]
    return sorted(kinds, key=tally.of_kind, reverse=True)


def summary(tally: Tally, files: int) -> str:
    """One sentence."""
    failing = tally.failing.total()
    told = f"{tally.total:,} answers in {files:,} files, {failing:,} with a failure"
    share = f" ({_share(failing, tally.total)})" if tally.total else ""
    unread = f"; {tally.unread:,} records could not be read" if tally.unread else ""
    return f"{told}{share}{unread}."


def tables(tally: Tally) -> Iterator[Table]:
    """Failures by class; by model where there are several; by tool where calls failed."""
    if not tally.kinds:
        return
    yield _by_class(tally)
    if len(tally.answers) > 1:
        yield _by_model(tally)
    if any(kind in _OF_TOOLS for kind, _ in tally.about):
        yield _by_tool(tally)


def notes(tally: Tally) -> Iterator[str]:
    """Examples of each class with what mends it, and what could not be read."""
    for kind in found_kinds(tally):
        entry = CATALOGUE[kind]
        yield f"\n{kind}: {entry.what}\n    To mend it: {entry.mend}."
        for one in tally.examples.get(kind, ()):
            yield f"    {one.where}: {_line(one.detail)}"
    if tally.unread_examples:
        yield "\nCould not be read:"
        yield from (f"    {_line(one)}" for one in tally.unread_examples)


def as_json(tally: Tally, files: int) -> Mapping[str, Any]:
    """What `--json` prints: counts, shares of answers, and examples."""
    return {
        "files": files,
        "answers": tally.total,
        "failing": tally.failing.total(),
        "unread": {"count": tally.unread, "examples": tally.unread_examples},
        "failures": [_class_as_json(tally, kind) for kind in found_kinds(tally)],
        "models": [
            {
                "model": name,
                "answers": count,
                "failing": tally.failing[name],
                "failures": {
                    kind: tally.kinds[name, kind] for kind in FailureKind if tally.kinds[name, kind]
                },
            }
            for name, count in tally.answers.most_common()
        ],
        "tools": [
            {
                "tool": name,
                "calls": tally.calls[name],
                "failures": {
                    kind: tally.about[kind, name] for kind in _OF_TOOLS if tally.about[kind, name]
                },
            }
            for name in _tools(tally)
        ],
    }


def _class_as_json(tally: Tally, kind: FailureKind) -> Mapping[str, Any]:
    count, entry = tally.of_kind(kind), CATALOGUE[kind]
    return {
        "failure": kind,
        "answers": count,
        "share": count / tally.total,
        "about": {name: times for one, name, times in _about(tally) if one is kind},
        "what": entry.what,
        "mend": entry.mend,
        "examples": tally.examples.get(kind, []),
    }


def _by_class(tally: Tally) -> Table:
    table = _table("failure", "answers", "share", "most often")
    for kind in found_kinds(tally):
        about = [f"{name} {times:,}" for one, name, times in _about(tally) if one is kind]
        count = tally.of_kind(kind)
        most = ", ".join(about[:_MOST_ABOUT])
        table.add_row(kind, f"{count:,}", _share(count, tally.total), _line(most))
    return table


def _by_model(tally: Tally) -> Table:
    table = _table("model", "answers", "with a failure", "most often")
    for name, count in tally.answers.most_common(MOST_ROWS):
        kinds = sorted(FailureKind, key=lambda kind: -tally.kinds[name, kind])
        most = [f"{kind} {tally.kinds[name, kind]:,}" for kind in kinds if tally.kinds[name, kind]]
        failing = _share(tally.failing[name], count)
        table.add_row(_line(name) or _UNNAMED, f"{count:,}", failing, ", ".join(most[:_MOST_ABOUT]))
    return table


def _by_tool(tally: Tally) -> Table:
    table = _table("tool", "calls", "failures", "most often")
    for name in _tools(tally)[:MOST_ROWS]:
        found = [(kind, tally.about[kind, name]) for kind in _OF_TOOLS if tally.about[kind, name]]
        found.sort(key=lambda pair: -pair[1])
        most = ", ".join(f"{kind} {times:,}" for kind, times in found[:_MOST_ABOUT])
        total = sum(times for _, times in found)
        table.add_row(_line(name), f"{tally.calls[name]:,}", f"{total:,}", most)
    return table


_OF_TOOLS: Final = (
    FailureKind.LOST_CALL,
    FailureKind.UNDECLARED_TOOL,
    FailureKind.ARGUMENTS_NOT_JSON,
    FailureKind.SCHEMA_VIOLATION,
    FailureKind.BAD_ID,
    FailureKind.DUPLICATE_CALL,
    FailureKind.RESULT_MISSING,
    FailureKind.CALL_LOOP,
)


def _tools(tally: Tally) -> list[str]:
    """Of which a call failed, the most often first."""
    times: dict[str, int] = {}
    for (kind, name), count in tally.about.items():
        if kind in _OF_TOOLS:
            times[name] = times.get(name, 0) + count
    return sorted(times, key=lambda name: (-times[name], name))


def _about(tally: Tally) -> list[tuple[FailureKind, str, int]]:
    return [(kind, name, count) for (kind, name), count in tally.about.most_common()]


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        is_number = head in ("answers", "share", "calls", "failures", "with a failure")
        table.add_column(head, justify="right" if is_number else "left", no_wrap=is_number)
    return table


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.2f} %"


def _line(text: str) -> str:
    """On one line, and with nothing in it that a terminal obeys."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())
