"""Writes texts of a Lark grammar by chance, byte by byte, as llguidance lets it."""

from random import Random

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from toolgate.pipeline.enforcer.matcher import BYTES

INSIDE, OUTSIDE = b'"', b'}],:"'
"""What of several possible bytes leads on to an end, the best first: in JSON's strings, which hold
no line breaks, and between them."""


class _Bytes:
    """A vocabulary of bytes; the last token ends the output."""

    bos_token_id = None
    eos_token_id = BYTES
    special_token_ids = (BYTES,)

    def __init__(self) -> None:
        self.tokens = [*(bytes([byte]) for byte in range(BYTES)), b"<end>"]

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


TOKENIZER = LLTokenizer(TokenizerWrapper(_Bytes()), slices=[])


def write_text(lark: str, dice: Random, *, length: int = 200) -> str:
    """One of its texts; once it is longer than this, it ends as soon as it can."""
    matcher = LLMatcher(TOKENIZER, lark, log_level=0)
    written = bytearray()
    while not matcher.is_stopped():
        mask = matcher.compute_bitmask()
        assert not matcher.is_error(), matcher.get_error()
        allowed = [token for token in range(BYTES + 1) if mask[token >> 3] >> (token & 7) & 1]
        token = dice.choice(_soonest(allowed) if len(written) > length else allowed)
        if token == BYTES:
            break
        written.append(token)
        matcher.consume_token(token)
    return written.decode()


def _soonest(allowed: list[int]) -> list[int]:
    """Those that lead to an end; of several keys any, as one may lead deeper each time."""
    best = OUTSIDE if ord("\n") in allowed else INSIDE
    distances = [_distance(token, best) for token in allowed]
    nearest = min(distances)
    return [token for token, far in zip(allowed, distances, strict=True) if far == nearest]


def _distance(token: int, best: bytes) -> int:
    at = best.find(token) if token < BYTES else -2
    return at if at != -1 else len(best) + (token in b"0 \t\r\n")
