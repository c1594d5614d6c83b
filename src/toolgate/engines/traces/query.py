"""What is wanted, as SQL that an index answers: of 100,000 recordings few are looked at.

The rarest condition leads: a text, by an index of its three-letter pieces; else a mark; else what
stands in the row. Each gives its rows in order, so that a list ends with its last line.
"""

from typing import Any, Final, NamedTuple, TypeAlias

from toolgate.engines.traces.row import Wanted

Term: TypeAlias = tuple[str, tuple[Any, ...]]
"""A condition, and the values for its question marks."""

MARKS: Final = {
    "tool": "tools",
    "anomaly": "anomalies",
    "repair": "repairs",
    "finding": "findings",
}
"""A filter → the list in a row that it looks into."""
SEARCHED: Final = ("id", "title", "client", "tools")
"""Columns of a row in which a text is looked for."""
LETTERS: Final = 3
"""Of a piece in the texts' index; a shorter text is looked for in each row."""
_EQUAL: Final = ("model", "client", "outcome", "conversation")
_HOLDS: Final = f"instr(fold({' || char(31) || '.join(SEARCHED)}), ?)"
_IS_MARKED: Final = (
    "EXISTS (SELECT 1 FROM marks WHERE kind = ? AND name = ? AND marks.number = rows.number)"
)


class Query(NamedTuple):
    """`SELECT` from these tables where this holds; `number` is the column to order by."""

    tables: str
    number: str
    where: str
    values: list[Any]


def to_query(wanted: Wanted, *, indexed: bool) -> Query:
    """The recordings that are wanted; `indexed` is whether there is an index of texts."""
    terms, marks, text = _equal_terms(wanted), _marks(wanted), wanted.text
    if indexed and len(text) >= LETTERS:
        tables, number = "words CROSS JOIN rows ON rows.number = words.rowid", "words.rowid"
        quoted = text.replace('"', '""')
        terms.append(("words MATCH ?", (f'"{quoted}"',)))
        text = ""
    elif marks:
        tables, number = "marks CROSS JOIN rows ON rows.number = marks.number", "marks.number"
        terms.append(("marks.kind = ? AND marks.name = ?", marks.pop(0)))
    else:
        tables, number = "rows", "rows.number"
    terms += [*_rest(marks, text), *_page(wanted, number)]
    return _query(tables, number, terms)


def of_conversation(wanted: Wanted, conversation: str) -> Query:
    """Those of one conversation."""
    terms = [*_equal_terms(wanted), ("rows.conversation = ?", (conversation,))]
    terms += [*_rest(_marks(wanted), wanted.text), *_page(wanted, "rows.number")]
    return _query("rows", "rows.number", terms)


def _query(tables: str, number: str, terms: list[Term]) -> Query:
    where = " AND ".join(["1", *(term for term, _ in terms)])
    return Query(tables, number, where, [value for _, values in terms for value in values])


def _equal_terms(wanted: Wanted) -> list[Term]:
    return [(f"rows.{name} = ?", (value,)) for name in _EQUAL if (value := getattr(wanted, name))]


def _marks(wanted: Wanted) -> list[tuple[str, str]]:
    return [(kind, name) for kind in MARKS if (name := getattr(wanted, kind))]


def _rest(marks: list[tuple[str, str]], text: str) -> list[Term]:
    """What is looked at in each row."""
    return [
        *((_IS_MARKED, mark) for mark in marks),
        *([(_HOLDS, (text.lower(),))] if text else []),
    ]


def _page(wanted: Wanted, number: str) -> list[Term]:
    signs = {"after": ">", "before": "<"}
    return [
        (f"{number} {sign} ?", (value,))
        for name, sign in signs.items()
        if (value := getattr(wanted, name))
    ]
