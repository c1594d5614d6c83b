"""Running text in GBNF that cannot spell a special token.

llama.cpp matches a special token where its spelling may stand as text, and a call's end inside a
string would tear the call. So text is written as an automaton that never completes such a
spelling: `<|` before a letter, and what else is given to be avoided.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from toolgate.pipeline.enforcer.charset import Charset, chars, charset, contains, without
from toolgate.pipeline.enforcer.gbnf_rules import Rules, char_class, name_of

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz_"
MARKS: Final = tuple(f"<|{letter}" for letter in LETTERS)
"""How every special token of this shape begins."""


def running_text(
    rules: Rules, allowed: Charset, *, escape: str = "", avoid: Iterable[str] = ()
) -> str:
    """Any number of allowed characters, or escapes, in which none of `avoid` is spelled."""
    states = _Automaton((*MARKS, *avoid))
    key = name_of(f"text {allowed} {escape} {states.words}")
    for state in states.names:
        body = [f"{klass} {key}{target}" for klass, target in states.steps(state, allowed)]
        if escape:
            body.append(f"{escape} {key}{states.names['']}")
        rules.define(f"{key}{states.names[state]}", " | ".join([*body, '""']))
    return f"{key}{states.names['']}"


def long_text(rules: Rules, allowed: Charset, least: int, *, escape: str) -> str:
    """Running text of at least so many characters. Where the count ends behind a `<`, the text goes
    on behind it: otherwise a special token could stand across the seam."""
    states = _Automaton(MARKS).names
    begin = running_text(rules, allowed, escape=escape)
    start = begin, begin.removesuffix(states[""]) + states["<"]
    for _ in range(least):
        start = _must(rules, start, _plain(allowed), escape)
    return start[0]


def counted_text(rules: Rules, allowed: Charset, least: int, most: int, *, escape: str = "") -> str:
    """From `least` to `most` characters, each of them allowed or an escape.

    One rule per character that may still come, and one more for after a `<`: llama.cpp itself
    makes as many of a `{0,n}`, which could not look back. What the target cannot count so is
    counted in tokens.
    """
    if rules.target.most_counted is not None and most > rules.target.most_counted:
        kept = least if least <= rules.target.most_counted else 0
        return rules.within(long_text(rules, allowed, kept, escape=escape), most)
    key = name_of(f"counted {allowed} {escape}")
    plain, other = _plain(allowed)
    for left in range(most + 1):
        for name, first in ((f"{key}n{left}", plain), (f"{key}b{left}", other)):
            if name not in rules.bodies:
                rules.define(name, _step(key, first, escape, left) + ' | ""' * bool(left) or '""')
    start = f"{key}n{most - least}", f"{key}b{most - least}"
    for _ in range(least):
        start = _must(rules, start, (plain, other), escape)
    return start[0]


def _plain(allowed: Charset) -> tuple[str, str]:
    """The characters that say nothing of a special token: after any other one, and after a `<`."""
    return char_class(without(allowed, chars("<"))), char_class(without(allowed, chars("<|")))


def _step(key: str, first: str, escape: str, left: int) -> str:
    after = f"{key}n{left - 1}"
    return _next(first, escape, (after, f"{key}b{left - 1}")) if left else ""


def _must(
    rules: Rules, then: tuple[str, str], first: tuple[str, str], escape: str
) -> tuple[str, str]:
    """One more character before `then`, after any other one and after a `<`."""
    return rules.add(_next(first[0], escape, then)), rules.add(_next(first[1], escape, then))


def _next(first: str, escape: str, then: tuple[str, str]) -> str:
    escaped = f"{escape} {then[0]} | " if escape else ""
    return f'{first} {then[0]} | {escaped}"<" {then[1]}'


class _Automaton:
    """Which beginning of a word to be avoided the text ends with (Aho and Corasick)."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(sorted(set(words)))
        beginnings = {word[:end] for word in self.words for end in range(len(word))}
        self.names: Mapping[str, str] = {
            state: f"s{index}" for index, state in enumerate(sorted(beginnings))
        }

    def steps(self, state: str, allowed: Charset) -> Iterable[tuple[str, str]]:
        """(characters, the state after them), but for those that would complete a word."""
        alphabet = sorted({char for word in self.words for char in word})
        by_target: dict[str, str] = {}
        for char in alphabet:
            target = self._after(state + char)
            if target is not None and contains(allowed, char):
                by_target[target] = by_target.get(target, "") + char
        others = without(allowed, chars("".join(alphabet)))
        for target, members in by_target.items():
            if target:
                yield char_class(chars(members)), self.names[target]
        if plain := charset((*others, *chars(by_target.get("", "")))):
            yield char_class(plain), self.names[""]

    def _after(self, text: str) -> str | None:
        """The longest end of the text that begins a word; None when one is complete."""
        if any(text.endswith(word) for word in self.words):
            return None
        ends = (text[start:] for start in range(len(text) + 1))
        return next(end for end in ends if end in self.names)
