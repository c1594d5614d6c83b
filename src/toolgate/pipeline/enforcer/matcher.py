"""Follows a model's output, byte by byte: how much of it fits a grammar, and what may come next.

llguidance with a vocabulary of our own: the 256 bytes and the family's special tokens. So it needs
nothing of the model's tokenizer, and an output means the same however it was cut into tokens. It
takes some 0.4 µs for each byte.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from toolgate.core.grammar import Bounds, Node, text_ends
from toolgate.core.prompt import Plain, Segment, Special, merge_plain
from toolgate.errors import InvalidRequest
from toolgate.pipeline.enforcer.lark import OPEN, write_lark
from toolgate.pipeline.enforcer.target import LLGUIDANCE, Target

BYTES: Final = 256
BLANKS: Final = b" \t\r\n"
LAST: Final = b"0" + BLANKS
"""What leads nowhere: zeros that go on for ever, blanks."""
CLOSERS: Final = b"}]"
"""What closes something between strings; a string is closed by a quote."""
NEXT: Final = b'}],:"'
"""What of several bytes that are possible between strings leads on to an end, the best first."""
DIGITS: Final = 20
"""Of a number's whole part and of its fraction, as many as an integer of 64 bits has. A grammar
bounds them only where it allows no exponents, and models repeat one digit for ever (vllm#52011)."""
MOST_ZEROS: Final = 9
"""Behind a fraction; a bound that is excluded has so many digits."""
_FRACTION: Final = re.compile(rb"[0-9]\.[0-9]+\Z")
_ENDLESS: Final = re.compile(rb"[0-9]{%d}|[eE][+-]?[0-9]{3}" % (DIGITS + 1))
ESCAPED: Final = frozenset(b'"\\bfnrtu')
"""What may stand behind a backslash; llguidance knows no `\\/`."""
_NUMERALS: Final = "0123456789.eE+-"
JOINTS: Final = b"@./"
"""Without them there is no end to an address, or to a tag."""
_NEWLINE, _SPACE, _QUOTE, _COMMA, _SLASH, _BACKSLASH, _LETTER, _TAG = b'\n ",/\\z<'
LIMITS: Final = LLParserLimits(initial_lexer_fuel=20_000_000)
"""Some 0.4 s of work: llguidance's own limit is too small for 64 tools with many patterns."""
NOTHING: Final[Mapping[int, int]] = {}
CACHED: Final = 64
"""Vocabularies: one for each family."""
_CONTINUED: Final = range(0x80, 0xC0)
_TWO, _THREE, _FOUR = 0xC0, 0xE0, 0xF0  # UTF-8's first bytes of characters of so many


class Matcher:
    """One output on its way through a grammar.

    All methods raise InvalidRequest when llguidance gives up: a grammar can be too large.
    """

    def __init__(
        self, matcher: LLMatcher, specials: Sequence[str], text_ends: Sequence[str], size: int
    ) -> None:
        """`matcher`: at its beginning; `size`: of its grammar, in characters."""
        self._matcher = matcher
        self.size = size
        self._text_ends = text_ends
        self._specials = specials
        self._numbers = number_specials(specials)
        self._last = b""
        self.length = 0
        """Of what was taken, in bytes and special tokens; `cut` takes an earlier one."""

    def twin(self) -> "Matcher":
        """For another output; only of one that has taken nothing."""
        return Matcher(self._matcher.deep_copy(), self._specials, self._text_ends, self.size)

    @property
    def is_complete(self) -> bool:
        """Whether the output may end here."""
        return self._matcher.is_accepting()

    @property
    def is_over(self) -> bool:
        """Whether it must."""
        return self._matcher.is_stopped()

    def take(self, segment: Segment) -> str:
        """Goes on as far as this fits, in whole characters, and returns that part of its text."""
        tokens = self._encode(segment)
        taken = self._consume(tokens)
        fitting = _whole(tokens, taken)
        self._matcher.rollback(taken - fitting)
        self.length += fitting
        self._last = (self._last + _as_bytes(tokens[:fitting]))[-DIGITS:]
        return _text(segment, fitting)

    def _consume(self, tokens: list[int]) -> int:
        """How many of them fit, up to where a number has digits enough."""
        text, behind = self._last + _as_bytes(tokens), len(self._last)
        taken = 0
        endless = (found.end() - 1 for found in _ENDLESS.finditer(text) if found.end() > behind)
        for doubtful in (*endless, len(text)):
            piece = tokens[taken : doubtful - behind]
            taken += self._matcher.try_consume_tokens(piece)
            self._check()
            if taken < doubtful - behind or (doubtful < len(text) and _is_number(self._allowed())):
                break
        return taken

    def fits(self, segment: Segment) -> str:
        """What `take` would return."""
        length, last = self.length, self._last
        fitting = self.take(segment)
        self.cut(length)
        self._last = last
        return fitting

    def padding(self, rest: str) -> str:
        """Zeros that a fraction wants before this goes on, which it has taken then; mostly none.

        llguidance 1.9 takes no `0.9` below 0.95, where one digit more would decide, but `0.90`.
        """
        if rest[0] in _NUMERALS or not _FRACTION.search(self._last):
            return ""
        for count in range(1, MOST_ZEROS + 1):
            zeros = "0" * count
            if self.fits(Plain(zeros + rest[:1])) == zeros + rest[:1]:
                return self.take(Plain(zeros))
        return ""

    def cut(self, length: int) -> None:
        """Forgets what came after this length."""
        self._matcher.rollback(self.length - length)
        self._check()
        self.length, self._last = length, b""

    def forced(self) -> tuple[Segment, ...]:
        """What must follow, as far as there is no choice."""
        tokens = self._matcher.compute_ff_tokens()
        self._check()
        return self._decode(tokens[: _whole(tokens, len(tokens))])

    def implied(self) -> tuple[Segment, ...]:
        """The same, where the only other choice is one of blanks. They are left out, but for the
        one behind `:` and `,` that models write."""
        tokens: list[int] = []
        while more := self._forced() or self._but_for_blanks(
            _as_bytes(tokens[-1:]) or self._last[-1:]
        ):
            tokens += more
            self._matcher.consume_tokens(more)
        self._matcher.rollback(len(tokens))
        self._check()
        return self._decode(tokens[: _whole(tokens, len(tokens))])

    def _forced(self) -> list[int]:
        return [] if self.is_over else self._matcher.compute_ff_tokens()

    def _but_for_blanks(self, last: bytes) -> list[int]:
        if not self.is_between:
            return []
        only = [token for token in self._allowed() if token not in BLANKS]
        space = [_SPACE] if last in (b":", b",") else []
        return [*space, *only] if len(only) == 1 else []

    @property
    def is_between(self) -> bool:
        """Whether this is a place between two tokens of JSON, where blanks say nothing."""
        allowed = self._allowed()
        if not _is_outside(allowed):
            return False
        self._matcher.consume_token(_NEWLINE)
        after = self._allowed()
        self._matcher.rollback(1)
        return allowed.difference(BLANKS) <= after

    @property
    def may_have_more(self) -> bool:
        """Whether a comma may follow that separates members or items."""
        allowed = self._allowed()
        return _is_outside(allowed) and _COMMA in allowed

    def closer(self) -> Segment | None:
        """What closes the string, the list, the object or the call that is open here; None where
        none of them can be closed yet."""
        allowed = self._allowed()
        specials = [token for token in allowed if token >= BYTES]
        ends = min(specials, key=self._distance, default=None)
        if _is_outside(allowed):
            ends = next((token for token in CLOSERS if token in allowed), ends)
        elif _NEWLINE not in allowed and _QUOTE in allowed:
            ends = _BACKSLASH if allowed == ESCAPED else _QUOTE
        return self._text_end() if ends is None else self._decode([ends])[0]

    def _text_end(self) -> Segment | None:
        """What ends the running text here; anything may stand in it, also what ends it."""
        if not {_NEWLINE, _LETTER} <= self._allowed():
            return None
        return next((Plain(end) for end in self._text_ends if self.fits(Plain(end)) == end), None)

    def first_choice(self, taken: Mapping[int, int] = NOTHING) -> Segment:
        """Of all that may follow, what leads soonest to an end: a special token or a character.

        Only where something must follow. `taken`: how often each byte was taken of late; what was
        taken least comes first, so that `[a-z]*x` comes to its end.
        """
        if max(self._allowed()) < BYTES and (end := self._text_end()):
            return end
        tokens = [self._soonest(taken)]
        while not _whole(tokens, len(tokens)):
            self._matcher.consume_token(tokens[-1])
            tokens.append(self._soonest(taken))
        self._matcher.rollback(len(tokens) - 1)
        return self._decode(tokens)[0]

    def _soonest(self, taken: Mapping[int, int]) -> int:
        allowed = self._allowed()
        best = _leads_on(allowed)
        return min(allowed, key=lambda token: self._distance(token, best, taken.get(token, 0)))

    def _distance(self, token: int, best: bytes = b"", times: int = 0) -> tuple[int, ...]:
        """A tag's slash; special tokens, of them first those that end all; what closes something;
        any other."""
        at = best.find(token) if token < BYTES else -1
        if token >= BYTES:
            return 1, -self._completes(token), token
        if at >= 0:
            return 0 if token == _SLASH else 2, at
        return 3, times, token in LAST, token not in JOINTS, not bytes([token]).isalnum(), token

    def _completes(self, token: int) -> bool:
        twin = self._matcher.deep_copy()
        twin.consume_token(token)
        twin.consume_tokens(twin.compute_ff_tokens())
        return twin.is_accepting()

    def _allowed(self) -> set[int]:
        """Bytes and special tokens, without the end."""
        if self.is_over:
            return set()
        mask = self._matcher.compute_bitmask()
        self._check()
        count = BYTES + len(self._specials)
        return {token for token in range(count) if mask[token >> 3] >> (token & 7) & 1}

    def _encode(self, segment: Segment) -> list[int]:
        if isinstance(segment, Special):
            return [self._numbers[segment.text]]
        return list(segment.text.encode(errors="surrogatepass"))

    def _decode(self, tokens: Sequence[int]) -> tuple[Segment, ...]:
        run = bytearray()
        found: list[Segment] = []
        for token in tokens:
            if token < BYTES:
                run.append(token)
            else:
                found += (Plain(run.decode()), Special(self._specials[token - BYTES]))
                run.clear()
        return merge_plain([*found, Plain(run.decode())])

    def _check(self) -> None:
        if self._matcher.is_error():
            _refuse(self._matcher.get_error())


def compile_matcher(
    node: Node,
    specials: Sequence[str],
    bounds: Bounds = OPEN,
    *,
    counts_as: Target = LLGUIDANCE,
) -> Matcher:
    """A matcher at the beginning of the node's language; some 5 ms for ten tools.

    The bounds are made as narrow as they are for `counts_as`.

    Raises: InvalidRequest when the grammar is too large.
    """
    lark = write_lark(node, number_specials(specials), bounds, counts_as=counts_as)
    matcher = LLMatcher(_tokenizer(tuple(specials)), lark, log_level=0, limits=LIMITS)
    if matcher.is_error():
        _refuse(matcher.get_error())
    return Matcher(matcher, specials, text_ends(node), len(lark))


def number_specials(specials: Sequence[str]) -> dict[str, int]:
    """Their numbers in the matcher's vocabulary."""
    return {text: BYTES + n for n, text in enumerate(specials)}


@lru_cache(CACHED)
def _tokenizer(specials: tuple[str, ...]) -> LLTokenizer:
    return LLTokenizer(TokenizerWrapper(_Vocabulary(specials)), slices=[])


class _Vocabulary:
    """Bytes, then special tokens; the last one, which ends the output, is nobody's."""

    bos_token_id = None

    def __init__(self, specials: Sequence[str]) -> None:
        single = [bytes([byte]) for byte in range(BYTES)]
        self.tokens = [*single, *(text.encode() for text in specials), b"<end>"]
        self.eos_token_id = len(self.tokens) - 1
        self.special_token_ids = list(range(BYTES, len(self.tokens)))

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


def _is_outside(allowed: AbstractSet[int]) -> bool:
    """Of JSON's strings, which hold no line breaks, and of running text, which holds letters."""
    return _NEWLINE in allowed and _LETTER not in allowed


def _is_number(allowed: AbstractSet[int]) -> bool:
    """Whether a number may end here, or go on; in a string, as in a UUID, there is no line break,
    and no tag."""
    ends = _NEWLINE in allowed or _TAG in allowed or max(allowed, default=0) >= BYTES
    return ends and not allowed & {_LETTER, _QUOTE}


def _as_bytes(tokens: Sequence[int]) -> bytes:
    """Special tokens as what stands in no number."""
    return bytes(min(token, BYTES - 1) for token in tokens)


def _leads_on(allowed: AbstractSet[int]) -> bytes:
    """Which bytes lead to an end here: in a tag, between strings, in a string; in running text
    none does."""
    if _is_outside(allowed):
        return NEXT
    if _NEWLINE in allowed:
        return b""
    if allowed == ESCAPED:
        return b"\\"
    return b"/" if _LETTER not in allowed and max(allowed) >= BYTES else b'"'


def _text(segment: Segment, length: int) -> str:
    """The first tokens of a segment, as text."""
    if isinstance(segment, Special):
        return segment.text if length else ""
    return segment.text.encode(errors="surrogatepass")[:length].decode(errors="surrogatepass")


def _whole(tokens: Sequence[int], length: int) -> int:
    """The longest beginning, up to this length, that ends with a whole character."""
    start = length - 1
    while start > 0 and tokens[start] in _CONTINUED:
        start -= 1
    if start < 0:
        return 0
    lead = tokens[start]
    size = 1 if lead < _TWO or lead >= BYTES else 2 + (lead >= _THREE) + (lead >= _FOUR)
    return length if start + size <= length else start


def _refuse(error: str) -> None:
    raise InvalidRequest(
        f"These tools' schemas are too much to hold a model to ({error:.200}). Simplify them, send "
        "fewer, or declare some with `strict: false`.",
        param="tools",
    )
