"""A constraint in GBNF, llama.cpp's grammar language, and how llama-server is told of it.

A turn that may call is held from the first trigger on (a lazy grammar: free text costs nothing);
one that must, from its first token. Names stand in a tree by their letters, so that a tool more
hardly costs. The format: llama.cpp, grammars/README.md.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from msgspec import Struct

from toolgate.core.grammar import (
    Alt,
    Bounds,
    Constraint,
    FreeText,
    Index,
    Json,
    Lit,
    Members,
    Node,
    Opt,
    Plus,
    Regex,
    Seq,
    Tok,
    first_index,
)
from toolgate.pipeline.enforcer.charset import ANY
from toolgate.pipeline.enforcer.gbnf_json import write_json
from toolgate.pipeline.enforcer.gbnf_members import write_members
from toolgate.pipeline.enforcer.gbnf_regex import write_regex
from toolgate.pipeline.enforcer.gbnf_rules import Rules, literal, repeated
from toolgate.pipeline.enforcer.gbnf_text import running_text
from toolgate.pipeline.enforcer.regex import read_pattern
from toolgate.pipeline.enforcer.schema_fit import Dropped
from toolgate.pipeline.enforcer.target import GBNF, Target
from toolgate.pipeline.enforcer.written_lately import WrittenLately

NUMBERED: Final = 128
"""Calls times tools that are written out, so that each call has its exact number; the calls after
those have any number of up to four digits, which readers take as well."""
ANY_NUMBER: Final = '("0" | [1-9] [0-9]{0,3})'
_Parts: TypeAlias = tuple[Node, ...]


class Gbnf(Struct, frozen=True):
    """What llama-server is sent."""

    grammar: str
    triggers: tuple[str, ...]
    """Special tokens from which on it holds; none = it holds from the first token on."""
    dropped: tuple[Dropped, ...]
    """What the grammar does not say of the tools' schemas."""


def write_gbnf(constraint: Constraint, token_ids: Mapping[str, int]) -> Gbnf:
    """`token_ids`: special token → its id in the model's vocabulary; others are matched as text.

    A tool set that was written lately is not written again, whichever number its calls begin with.
    """
    key = grammar_key(constraint, token_ids)
    written = _lately.get(key) or _lately.put(key, _write(constraint, token_ids))
    return _numbered(written, constraint)


def find_gbnf(constraint: Constraint, token_ids: Mapping[str, int]) -> Gbnf | None:
    """The same where it was written lately; None where writing it would take its time."""
    written = _lately.get(grammar_key(constraint, token_ids))
    return None if written is None else _numbered(written, constraint)


class _Written(Struct, frozen=True):
    """A grammar without the rules of its calls' numbers."""

    text: str
    numbers: int
    triggers: tuple[str, ...]
    dropped: tuple[Dropped, ...]


_lately: Final[WrittenLately[_Written]] = WrittenLately()


def grammar_key(constraint: Constraint, token_ids: Mapping[str, int]) -> Hashable:
    """What a grammar is written from, all but the number of the first call."""
    return constraint.content, frozenset(token_ids.items())


def _write(constraint: Constraint, token_ids: Mapping[str, int]) -> _Written:
    def write_token(text: str) -> str:
        return f"<[{token_ids[text]}]>" if text in token_ids else literal(text)

    writer = GrammarWriter(constraint.bounds, write_token)
    calls = writer.write(constraint.calls, None)
    lead = writer.write(constraint.lead, None) if constraint.required else ""
    triggers = () if constraint.required else constraint.triggers
    text = writer.rules.text(f"{lead} {calls}".strip())
    return _Written(text, writer.numbers, triggers, writer.dropped)


def _numbered(written: _Written, constraint: Constraint) -> Gbnf:
    first = first_index(constraint)
    numbers = (f'{_number(n)} ::= "{first + n}"\n' for n in range(written.numbers))
    return Gbnf(written.text + "".join(numbers), written.triggers, written.dropped)


def _number(number: int) -> str:
    """The rule of this call's number, counted from the turn's first."""
    return f"number{number}"


class GrammarWriter:
    """Walks one tree; what it returns is an expression without a bar outside of brackets."""

    def __init__(
        self,
        bounds: Bounds,
        write_token: Callable[[str], str],
        *,
        numbered: int = NUMBERED,
        target: Target = GBNF,
    ) -> None:
        """`write_token`: a special token's spelling → an expression; `numbered`: as `NUMBERED`, and
        0 for calls that have any number; `target`: who reads it."""
        self.rules = Rules(target)
        self.numbers = 0
        """How many calls have a number of their own."""
        self._dropped: dict[Dropped, None] = {}
        self._bounds = bounds
        self._write_token = write_token
        self._numbered = numbered

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        return tuple(self._dropped)

    def write(self, node: Node, number: int | None) -> str:
        """`number`: how many calls came before, where that is known."""
        return self._sequence(_flatten(node), number)

    def _sequence(self, parts: _Parts, number: int | None) -> str:
        written = []
        for index, part in enumerate(parts):
            if isinstance(part, FreeText):
                after = parts[index + 1 : index + 2]
                avoid = [one.text for one in after if isinstance(one, Tok)]
                written.append(running_text(self.rules, ANY, avoid=avoid))
            else:
                written.append(self._part(part, number))
        return " ".join(filter(None, written))

    def _part(self, node: Node, number: int | None) -> str:
        match node:
            case Json() | Members():
                return self._arguments(node)
            case Alt(options):
                return self._choice([_flatten(option) for option in options], number)
            case Opt(part):
                return f"({self.write(part, number)})?"
            case Plus():
                return self._calls(node)
            case _:
                return self._text(node, number)

    def _text(self, node: Node, number: int | None) -> str:
        match node:
            case Tok(text):
                return self._write_token(text)
            case Regex(pattern):
                return write_regex(read_pattern(f"^(?:{pattern})$"))
            case Index():
                return self._index(number)
            case _:
                assert isinstance(node, Lit)
                return literal(node.text)

    def _index(self, number: int | None) -> str:
        if number is None:
            return ANY_NUMBER
        self.numbers = max(self.numbers, number + 1)
        return _number(number)

    def _arguments(self, node: Json | Members) -> str:
        if isinstance(node, Members):
            write = partial(self.write, number=None)  # no number stands around an argument
            return write_members(node.schema, node.tags, self._bounds, self.rules, write)
        fragment = write_json(node.schema, self._bounds, self.rules.target)
        self.rules.bodies.update(fragment.bodies)
        self._dropped.update(dict.fromkeys(fragment.dropped))
        return fragment.root

    def _calls(self, node: Plus) -> str:
        """One after the other, the first of them with their exact numbers."""
        if not self._numbered:
            return repeated(self.rules.add(self.write(node.part, None)), node.least, node.most)
        options = len(node.part.options) if isinstance(node.part, Alt) else 1
        most = node.most or self._numbered
        numbered = min(most, max(1, self._numbered // options))
        then = ""
        if most > numbered:
            any_call = self.rules.add(self.write(node.part, None))
            then = repeated(any_call, 0, most - numbered)
        for number in range(numbered - 1, -1, -1):
            call = self.rules.add(self.write(node.part, number))
            rest = f" ({then})?" if then and number + 1 >= node.least else f" {then}"
            then = f"{call}{rest if then else ''}"
            then = self.rules.add(then)
        return then

    def _choice(self, options: Sequence[_Parts], number: int | None) -> str:
        """Options that begin alike share that beginning: it is read once, whichever it is."""
        written = []
        for first, rests in _group(options):
            if first is None:
                written.append('""')
            elif len(rests) == 1:
                written.append(self._sequence((first, *rests[0]), number))
            else:
                head = self._part(first, number)
                written.append(f"{head} {self._choice(rests, number)}")
        return written[0] if len(written) == 1 else f"({' | '.join(written)})"


def _flatten(node: Node) -> _Parts:
    """A sequence without sequences in it."""
    if not isinstance(node, Seq):
        return (node,)
    return tuple(inner for part in node.parts for inner in _flatten(part))


def _group(options: Iterable[_Parts]) -> Iterable[tuple[Node | None, list[_Parts]]]:
    """By their first part; of texts, by what they have in common at their beginning."""
    groups: dict[object, list[_Parts]] = {}
    for parts in options:
        head = parts[0] if parts else None
        key: object = id(head)
        if isinstance(head, Lit):
            key = ("text", head.text[:1])
        elif isinstance(head, Tok | Index | None):
            key = head
        groups.setdefault(key, []).append(parts)
    for members in groups.values():
        head = members[0][0] if members[0] else None
        if isinstance(head, Lit) and len(members) > 1:
            yield _share([*members])
        else:
            yield head, [parts[1:] for parts in members]


def _share(members: Sequence[_Parts]) -> tuple[Node, list[_Parts]]:
    texts = [head.text for head, *_ in members if isinstance(head, Lit)]
    size = len(texts[0])
    while not all(text.startswith(texts[0][:size]) for text in texts):
        size -= 1
    rests = [
        (*((Lit(text[size:]),) if text[size:] else ()), *parts[1:])
        for text, parts in zip(texts, members, strict=True)
    ]
    return Lit(texts[0][:size]), rests
