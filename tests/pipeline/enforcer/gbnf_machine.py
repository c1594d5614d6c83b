"""A reader of GBNF for tests: does a grammar take a text, and what texts does it write by chance?

Follows llama.cpp's own way (a set of stacks, one character at a time), so that what it takes,
llama.cpp takes.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from math import inf
from random import Random
from typing import TypeAlias

Symbol: TypeAlias = str | tuple[tuple[int, int], ...]
"""A rule's name, or the ranges of one character."""
Body: TypeAlias = tuple[Symbol, ...]
Stack: TypeAlias = "tuple[Symbol, Stack] | None"

_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:\\.|[^"\\])*")|(?P<chars>\[(?:\\.|[^\]\\])+\])|(?P<name>[a-zA-Z0-9-]+)'
    r"|(?P<id><\[\d+\]>)|(?P<count>\{\d+(?:,\d*)?\})|(?P<sign>[()|*+?]))"
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-F]{2})|u([0-9A-F]{4})|U([0-9A-F]{8})|(.))", re.DOTALL)
_ITEM = r"\\(?:x..|u....|U........|.)|[^\\]"
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}


class Gbnf:
    """One grammar."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, list[Body]] = {}
        self._made = 0
        for line in text.splitlines():
            name, _, body = line.partition(" ::= ")
            name = name.partition("[")[0]  # behind it: how many tokens xgrammar lets it have
            self.rules[name] = self._read(body)
        used = {one for rule in self.rules.values() for body in rule for one in body}
        assert all(one in self.rules for one in used if isinstance(one, str))

    def takes(self, text: str) -> bool:
        """Whether it is one of the grammar's texts."""
        return None in self._follow(text)

    def begins(self, text: str) -> bool:
        """Whether one of its texts begins like this."""
        return bool(self._follow(text))

    @cached_property
    def longest(self) -> float:
        """Characters of its longest text; infinite where there is none."""
        done: dict[str, float] = {}
        waiting, open_rules = ["root"], set[str]()
        while waiting:
            name = waiting[-1]
            inner = {s for body in self.rules[name] for s in body if isinstance(s, str)}
            unknown = inner - done.keys()
            if unknown & open_rules:
                return inf
            if unknown:
                open_rules.add(name)
                waiting += unknown
                continue
            waiting.pop()
            open_rules.discard(name)
            done[name] = max(
                sum(1 if isinstance(s, tuple) else done[s] for s in body)
                for body in self.rules[name]
            )
        return done["root"]

    def write(self, dice: Random, *, length: int = 300) -> str:
        """One of its texts; once it is longer than this, it ends as soon as it can."""
        written: list[str] = []
        waiting: list[Symbol] = ["root"]
        while waiting:
            symbol = waiting.pop()
            if isinstance(symbol, str):
                waiting += reversed(self._choose(symbol, dice, hurry=len(written) > length))
            else:
                low, high = dice.choice(symbol)
                written.append(chr(dice.randint(low, min(high, low + 200))))
        return "".join(written)

    def _choose(self, name: str, dice: Random, *, hurry: bool) -> Body:
        options = [one for one in self.rules[name] if self._cost(one) < _ENDLESS]
        return min(options, key=self._cost) if hurry else dice.choice(options)

    @cached_property
    def _costs(self) -> dict[str, int]:
        """The least number of characters of each rule."""
        costs = dict.fromkeys(self.rules, _ENDLESS)
        changed = True
        while changed:
            changed = False
            for name, bodies in self.rules.items():
                least = min(
                    (min(_ENDLESS, sum(1 if isinstance(s, tuple) else costs[s] for s in body)))
                    for body in bodies
                )
                changed |= least < costs[name]
                costs[name] = min(least, costs[name])
        return costs

    def _cost(self, body: Body) -> int:
        return sum(1 if isinstance(one, tuple) else self._costs[one] for one in body)

    def _follow(self, text: str) -> set[Stack]:
        stacks = self._expand({("root", None)})
        for char in text:
            code = ord(char)
            stacks = self._expand({one[1] for one in stacks if one and _holds(one[0], code)})
        return stacks

    def _expand(self, stacks: set[Stack]) -> set[Stack]:
        """Until each of them begins with a character, or is empty."""
        found: set[Stack] = set()
        seen: set[Stack] = set()
        waiting = [*stacks]
        while waiting:
            stack = waiting.pop()
            if stack in seen:
                continue
            seen.add(stack)
            if stack is None or isinstance(stack[0], tuple):
                found.add(stack)
                continue
            for body in self.rules[stack[0]]:
                then = stack[1]
                for symbol in reversed(body):
                    then = (symbol, then)
                waiting.append(then)
        return found

    def _read(self, body: str) -> list[Body]:
        tokens = list(_tokens(body))
        options, rest = self._options(tokens, 0)
        assert rest == len(tokens), body
        return options

    def _options(self, tokens: list[tuple[str, str]], at: int) -> tuple[list[Body], int]:
        options: list[Body] = []
        sequence: list[Symbol] = []
        while at < len(tokens) and tokens[at] != ("sign", ")"):
            kind, text = tokens[at]
            at += 1
            if (kind, text) == ("sign", "|"):
                options.append(tuple(sequence))
                sequence = []
                continue
            if (kind, text) == ("sign", "("):
                inner, at = self._options(tokens, at)
                at += 1
                part: Body = (self._make(inner),)
            else:
                part = _symbols(kind, text)
            if at < len(tokens) and (tokens[at][0] == "count" or tokens[at][1] in "*+?"):
                sequence += self._repeat(part[-1:], tokens[at][1], before=part[:-1])
                at += 1
            else:
                sequence += part
        return [*options, tuple(sequence)], at

    def _repeat(self, part: Body, sign: str, before: Body) -> Body:
        assert not before, "llama.cpp repeats a literal as a whole, which nobody here writes"
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign) or _counts(sign)
        if most is None:
            name = self._make([()])
            self.rules[name] = [(), (*part, name)]
            return (*part * least, name)
        rest = self._make([()])
        for _ in range(most - least):
            rest = self._make([(), (*part, rest)])
        return (*part * least, rest)

    def _make(self, options: list[Body]) -> str:
        self._made += 1
        name = f"made{self._made}"
        self.rules[name] = options
        return name


_ENDLESS = 10**9


def _holds(symbol: Symbol, code: int) -> bool:
    return not isinstance(symbol, str) and any(low <= code <= high for low, high in symbol)


def _tokens(body: str) -> Iterator[tuple[str, str]]:
    at = 0
    while body[at:].strip():
        found = _TOKEN.match(body, at)
        assert found and found.lastgroup, body[at:]
        yield found.lastgroup, found.group(found.lastgroup)
        at = found.end()


def _symbols(kind: str, text: str) -> Body:
    if kind == "text":
        return tuple(((code, code),) for code in _codes(text[1:-1]))
    if kind == "chars":
        return (tuple(_ranges(text[1:-1])),)
    assert kind == "name", text
    return (text,)


def _codes(text: str) -> Iterator[int]:
    at = 0
    while at < len(text):
        found = _ESCAPE.match(text, at)
        if not found:
            yield ord(text[at])
            at += 1
            continue
        at = found.end()
        code = found.group(1) or found.group(2) or found.group(3)
        yield int(code, 16) if code else ord(_LETTERS.get(found.group(4), found.group(4)))


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    """Only what this project writes: a `-` inside a class is always escaped."""
    items = list(
        re.finditer(
            r"((?:\\(?:x..|u....|U........|.)|[^\\]))(?:-((?:\\(?:x..|u....|U........|.)|[^\\])))?",
            text,
        )
    )
    for item in items:
        low = next(_codes(item.group(1)))
        yield low, next(_codes(item.group(2))) if item.group(2) else low


def _counts(sign: str) -> tuple[int, int | None]:
    least, comma, most = sign[1:-1].partition(",")
    return int(least), int(most) if most else None if comma else int(least)
