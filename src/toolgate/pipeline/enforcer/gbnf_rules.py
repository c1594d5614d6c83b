"""Rules of a GBNF grammar: literals, character classes, and names by content.

A rule's name is made of what it says, so that the rules of several schemas can be put together:
what is the same is there once. The format: llama.cpp, grammars/README.md.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

from toolgate.pipeline.enforcer.charset import Charset
from toolgate.pipeline.enforcer.target import GBNF, Target

_LITERAL: Final[Mapping[str, str]] = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_IN_CLASS: Final = frozenset('\\]["^-')
_SHOWN: Final = range(0x20, 0x7F)


class Rules:
    """Grows as an emitter walks; `bodies` are all rules, name → body. Behind a name may stand how
    many tokens its text may have."""

    def __init__(self, target: Target = GBNF) -> None:
        """`target`: who reads them. What it cannot count may have any length, and the check behind
        sees to it."""
        self.bodies: dict[str, str] = {}
        self.target = target

    def add(self, body: str) -> str:
        """The name of the rule that says this."""
        return self.define(name_of(body), body)

    def define(self, name: str, body: str) -> str:
        """A rule whose name is known before its body, because it names itself."""
        self.bodies[name] = body
        return name

    def within(self, body: str, tokens: int) -> str:
        """The same, which ends where it can once it has so many tokens. Only for a target that
        counts those, and not around another one: xgrammar 0.2.8 then forgets the inner count."""
        name = name_of(f"{body} {tokens}")
        self.bodies[f"{name}[max_tokens={tokens}]"] = body
        return name

    def text(self, root: str) -> str:
        """The whole grammar."""
        rules = {"root": root, **self.bodies}
        return "".join(f"{name} ::= {body}\n" for name, body in rules.items())


def name_of(content: str) -> str:
    """A rule's name for this content."""
    return f"r{blake2b(content.encode(), digest_size=6).hexdigest()}"


def literal(text: str) -> str:
    """This text, in quotes."""
    return f'"{"".join(_LITERAL.get(char) or _code(char) for char in text)}"'


def char_class(ranges: Charset) -> str:
    """One character of the set."""
    return f"[{''.join(_range(low, high) for low, high in ranges)}]"


def either(options: Iterable[str]) -> str:
    """One of them; what is there twice is there once."""
    kept = list(dict.fromkeys(options))
    return kept[0] if len(kept) == 1 else f"({' | '.join(kept)})"


def repeated(part: str, least: int, most: int | None) -> str:
    """`part`, which is one atom, so many times."""
    if (least, most) == (1, 1):
        return part
    if most == 0:
        return '""'
    if most is None and least < 2:  # noqa: PLR2004  (the two that have a sign of their own)
        return f"{part}{'+' if least else '*'}"
    if (least, most) == (0, 1):
        return f"{part}?"
    return f"{part}{{{least},{'' if most is None else most}}}"


def _range(low: int, high: int) -> str:
    return _in_class(low) if low == high else f"{_in_class(low)}-{_in_class(high)}"


def _in_class(code: int) -> str:
    char = chr(code)
    if code in _SHOWN and char not in _IN_CLASS:
        return char
    return _escape(code)


def _code(char: str) -> str:
    return char if char.isprintable() else _escape(ord(char))


def _escape(code: int) -> str:
    for limit, letter, digits in ((0xFF, "x", 2), (0xFFFF, "u", 4)):
        if code <= limit:
            return f"\\{letter}{code:0{digits}X}"
    return f"\\U{code:08X}"
