"""Cuts a model's output into text and markers, holding back at most one marker's length.

Theory of operation. A marker is a literal made of one or more special tokens and, in some
families, ordinary text between them. Without token ids its spelling decides. With token ids they
decide: each true special token is replaced by one private character before matching (a lone
surrogate, which no decoded text can hold), so that a marker which the model spelled out of
ordinary tokens stays text. Whatever could still become a longer marker waits for the next chunk.

Knows no states and no meaning of markers; that is the `StreamParser`'s table.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct

_PRIVATE: Final = 0xDC00
_SURROGATES = re.compile("[\ud800-\udfff]")


class Lexeme(Struct, frozen=True, gc=False):
    """A piece of output: a marker as it is spelled, or text."""

    text: str
    is_marker: bool = False
    proven: bool = False
    """Whether token ids showed that the marker is one; its spelling alone proves nothing."""


class _Patterns:
    """Regular expressions over one alphabet: whole markers, and the beginnings of markers."""

    def __init__(self, markers: Mapping[str, Lexeme]) -> None:
        self.markers = markers
        ordered = sorted(markers, key=len, reverse=True)
        self.whole = re.compile("|".join(map(re.escape, ordered)) or "(?!)")
        firsts = "".join(sorted({re.escape(text[0]) for text in ordered}))
        self.first = re.compile(f"[{firsts}]" if firsts else "(?!)")
        self._longest = len(ordered[0]) if ordered else 0
        self._halves = frozenset(text[:n] for text in ordered for n in range(1, len(text)))

    def find_half(self, text: str, at: int) -> int:
        """Where a suffix begins that is the proper beginning of a marker; the end if none does."""
        start = max(at, len(text) - self._longest + 1)
        while match := self.first.search(text, start):
            start = match.start()
            if text[start:] in self._halves:
                return start
            start += 1
        return len(text)


class _Alphabet:
    """How a family's markers look: as they are spelled, and where token ids tell special ones."""

    def __init__(self, markers: Collection[str], special: Collection[str]) -> None:
        self.private = {token: chr(_PRIVATE + n) for n, token in enumerate(sorted(special))}
        self.public = {private: token for token, private in self.private.items()}
        literals = {*markers, *special}
        self.spelled = _Patterns({literal: Lexeme(literal, True) for literal in literals})
        self.encoded = _Patterns(dict(map(self._encoded_marker, literals)))

    def _encoded_marker(self, literal: str) -> tuple[str, Lexeme]:
        """A marker as it stands in encoded text. One of ordinary tokens alone proves nothing."""
        encoded = _encode(literal, self.private)
        return encoded, Lexeme(literal, True, proven=encoded != literal)


# Some 0.3 ms for each message otherwise; there are as many as there are families.
_alphabet = lru_cache(64)(_Alphabet)


_LONGEST_TEXT: Final = 256
"""Characters of one lexeme: where calls stand one after another without markers, each looks at all
of its lexeme, so a whole answer in one chunk would be quadratic work."""


class MarkerLexer:
    """`feed` text, with its token ids where the engine tells them; `finish` at the end.

    Whether ids count is decided by the first chunk that holds text: an engine tells them or not.
    """

    def __init__(
        self,
        markers: Collection[str],
        *,
        special: Collection[str] = (),
        token_ids: Mapping[int, str] | None = None,
    ) -> None:
        self._ids = token_ids or {}
        self._special_ids = frozenset(self._ids)
        alphabet = _alphabet(frozenset(markers), frozenset(special))
        self._private, self._public = alphabet.private, alphabet.public
        self._spelled, self._encoded = alphabet.spelled, alphabet.encoded
        self._patterns: _Patterns | None = None
        self._held = ""

    @property
    def held(self) -> str:
        """What waits because it may be the beginning of a marker."""
        return self._decode(self._held)

    def is_plain(self, text: str, token_ids: Sequence[int] | None = None) -> bool:
        """Whether this chunk is text and nothing else: then it need not be fed, and is read."""
        patterns = self._patterns
        if self._held or patterns is None or not 0 < len(text) <= _LONGEST_TEXT:
            return False
        if patterns.first.search(text):
            return False
        if patterns is self._spelled:
            return True
        has_special = token_ids is None or not self._special_ids.isdisjoint(token_ids)
        return text.isascii() and not has_special

    def feed(self, text: str, token_ids: Sequence[int] | None = None) -> list[Lexeme]:
        """The lexemes that are certain now."""
        if self._patterns is None and (text or token_ids):
            self._patterns = self._spelled if token_ids is None else self._encoded
        patterns = self._patterns or self._spelled
        if patterns is self._encoded:
            text = self._mark_special(text, token_ids)
        if not self._held and not patterns.first.search(text):
            return _cut(text)
        return self._split(self._held + text, patterns, final=False)

    def finish(self) -> list[Lexeme]:
        """Whatever was held back, now that nothing follows it."""
        return self._split(self._held, self._patterns or self._spelled, final=True)

    def _split(self, text: str, patterns: _Patterns, *, final: bool) -> list[Lexeme]:
        lexemes: list[Lexeme] = []
        at, wait = 0, len(text) if final else patterns.find_half(text, 0)
        while (match := patterns.whole.search(text, at)) and match.start() < wait:
            self._add_text(lexemes, text[at : match.start()])
            lexemes.append(patterns.markers[match.group()])
            at = match.end()
            if wait < at:
                wait = patterns.find_half(text, at)
        self._add_text(lexemes, text[at:wait])
        self._held = text[wait:]
        return lexemes

    def _add_text(self, lexemes: list[Lexeme], text: str) -> None:
        lexemes += _cut(self._decode(text))

    def _decode(self, text: str) -> str:
        if self._patterns is not self._encoded:
            return text
        return "".join(self._public.get(char, char) for char in text) if text else text

    def _mark_special(self, text: str, token_ids: Sequence[int] | None) -> str:
        """The text with its true special tokens as private characters."""
        if not text.isascii():
            text = _SURROGATES.sub("\ufffd", text)
        if token_ids is None:  # an engine that told ids and stops: spelling is all there is
            return _encode(text, self._private)
        marked: list[str] = []
        at = 0
        for n, token_id in enumerate(token_ids):
            token = self._ids.get(token_id)
            if token is None:
                continue
            place = self._place(text, at, token, is_last=n == len(token_ids) - 1)
            marked += (text[at:place], self._private[token])
            at = place + len(token) if text.startswith(token, place) else place
        return "".join((*marked, text[at:])) if marked else text

    def _place(self, text: str, at: int, token: str, *, is_last: bool) -> int:
        """Where a special token stands in its chunk; engines that strip it leave no spelling."""
        if is_last:
            return len(text) - len(token) if text.endswith(token, at) else len(text)
        found = text.find(token, at)
        return at if found < 0 else found


def _cut(text: str) -> list[Lexeme]:
    if 0 < len(text) <= _LONGEST_TEXT:  # as nearly always
        return [Lexeme(text)]
    places = range(0, len(text), _LONGEST_TEXT)
    return [Lexeme(text[at : at + _LONGEST_TEXT]) for at in places]


def _encode(text: str, private: Mapping[str, str]) -> str:
    for token, char in private.items():
        text = text.replace(token, char)
    return text
