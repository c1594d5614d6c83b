"""docs/formats.md is what each dialect writes and knows; `make goldens` writes it anew."""

import html
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import toolgate
from toolgate.core.dialect import Dialect, State
from toolgate.core.prompt import Prompt, Special
from toolgate.dialects import get_dialect, list_dialects

PAGE = Path(__file__).parent.parent / "docs" / "formats.md"
QUESTION = "What is the weather in Oslo?"
TOOL = {
    "name": "get_weather",
    "description": "Weather of a place",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
CALL = {"name": "get_weather", "arguments": '{"city": "Oslo", "days": 2}'}
REQUEST = {
    "messages": [
        {"role": "user", "content": QUESTION},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": CALL}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Rain"},
    ],
    "tools": [{"type": "function", "function": TOOL}],
}
ROLES = ("user", 'message role="user"')
OPENS = re.compile(r"⟦(?!\[/|</|<\|end\|>)|user$|message role")
"""What stands before the question and belongs to its turn."""
HEAD = f"""\
# Formats

How each family writes a conversation. All of this is told by the code that serves it: the
examples are prompts of the family's first member, written by its dialect, and the tables are
those that its parser reads with.

Every example is the same: the user asks “{QUESTION}”, the model calls `get_weather` with a text
and a number, “Rain” comes back, and the model is to go on. What stands before, the tools'
declarations, is left out here; `toolgate render` [prints](cli.md#toolgate-render) it all. ⟦ ⟧
enclose one special token: text from outside that spells the same is other tokens, and stays
text.

A *marker* is what the parser looks for, beside it the vendor's id of its token. One without an
id is ordinary text, or a spelling that models use by mistake. *Deviations* are what models do
although the family does not write so: the [anomaly](anomalies.md) that is named, where the
parser stands, and which markers come there. A marker in no table is a `stray_marker`.
"""


def section(name: str) -> str:
    """One family: its members, an example, what ends a turn, its tables."""
    dialect = get_dialect(name)
    module = sys.modules[f"toolgate.dialects.{name}"]
    title = (inspect.getdoc(module) or "").partition("\n")[0]
    members = ", ".join(f"`{one}`" for one in dialect.profiles if one != "nano")
    ends = ", ".join(f"`{one}`" for one in dialect.stop)
    parts = [
        f"\n## {name}\n\n{title}\n\nMembers: {members}. A turn ends with {ends}. {ids(dialect)}\n"
    ]
    parts.append(f"\n````text\n{shown(toolgate.render(REQUEST, dialect=name))}\n````\n")
    parts.append("\n| marker | what it is | token |\n|---|---|---|\n")
    parts += markers(dialect)
    if dialect.deviations:
        parts.append("\n| deviation | where: what comes |\n|---|---|\n")
        parts += deviations(dialect)
    return "".join(parts)


def ids(dialect: Dialect) -> str:
    """How it numbers calls."""
    if dialect.write_id is None:
        return "Prompts show no ids of calls."
    first, second = (dialect.write_id("get_weather", place) for place in (0, 1))
    return f"The conversation's first call is shown as `{first}`, its second as `{second}`."


def shown(prompt: Prompt) -> str:
    """The prompt from the user's turn on, with its special tokens in ⟦⟧."""
    pieces = [f"⟦{one.text}⟧" if isinstance(one, Special) else one.text for one in prompt.segments]
    asked = max(place for place, text in enumerate(pieces) if QUESTION in text)
    while OPENS.match(pieces[asked - 1]):
        asked -= 1
        if pieces[asked + 1].startswith(ROLES):
            break
    told = "".join(pieces[asked:])
    at = told.index(QUESTION)
    return told[max(0, told.rfind("\n\n", 0, at)) :].strip("\n") if at > 400 else told.strip("\n")


def markers(dialect: Dialect) -> Iterator[str]:
    numbers = {text: token for token, text in dialect.token_ids.items()}
    for text, role in dialect.markers.items():
        token = numbers.get(text, "special" if text in dialect.special else "")
        yield f"| {code(text)} | {role.replace('_', ' ')} | {token} |\n"


def deviations(dialect: Dialect) -> Iterator[str]:
    places: dict[str, dict[str, list[str]]] = {}
    for (state, role), (_, kind) in sorted(dialect.deviations.items(), key=str):
        places.setdefault(kind, {}).setdefault(state.value, []).append(role.replace("_", " "))
    for named, where in sorted(places.items()):
        told = "; ".join(f"{state}: {', '.join(roles)}" for state, roles in where.items())
        yield f"| `{named}` | {told} |\n"


def code(text: str) -> str:
    """As HTML where there is a `|`: GitHub and the site read one in a table differently."""
    if not {"|", "`", "\n"} & {*text}:
        return f"`{text}`"
    return f"<code>{html.escape(text).replace('|', '&#124;').replace(chr(10), '⏎')}</code>"


def test_the_page_is_generated(update_goldens: bool):
    fresh = HEAD + "".join(map(section, list_dialects()))
    if update_goldens:
        PAGE.write_text(fresh, "utf-8")
    assert PAGE.read_text("utf-8") == fresh


@pytest.mark.parametrize("name", list_dialects())
def test_an_example_shows_the_whole_round(name):
    told = shown(toolgate.render(REQUEST, dialect=name))
    assert re.search(f"{re.escape(QUESTION)}.*get_weather.*Oslo.*Rain", told, re.DOTALL)
    assert told.count(QUESTION) == 1
    assert "Weather of a place" not in told


def test_states_are_words_that_a_reader_knows():
    assert all(re.fullmatch(r"[a-z ]+", state.value) for state in State)
