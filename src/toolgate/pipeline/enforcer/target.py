"""What a grammar target can hold of JSON Schema: data for the front end."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Target(Struct, frozen=True, kw_only=True):
    """One grammar engine's reach."""

    name: str
    formats: frozenset[str]
    """Those of `format` that it holds a string to."""
    formats_as_patterns: bool = False
    """Whether it has no formats of its own, but holds a string to an expression."""
    longest: int
    """`minLength` and `maxLength`, up to this."""
    most_counted: int | None = None
    """How often a `pattern` may demand that something is repeated, also where repetitions stand
    inside one another; what goes beyond may come without end, or where calls are bounded so many
    tokens long, which such a target counts instead. None: however often."""
    largest_step: int = 10**9
    """`multipleOf` of integers, up to this."""
    steps_within_bounds: bool = True
    """Whether it may stand beside `minimum` and `maximum`."""


_FORMATS: Final = ("date", "time", "date-time", "uuid", "ipv4", "email", "hostname", "uri")

GBNF: Final = Target(
    name="gbnf",
    formats=frozenset(_FORMATS),
    formats_as_patterns=True,
    longest=1500,  # beyond, a grammar grows too large
    largest_step=100,
    steps_within_bounds=False,
)
XGRAMMAR: Final = Target(
    # A structural tag holds our own grammar, the same as llama.cpp's, but xgrammar 0.2.8 counts
    # dearly. With a vocabulary of 160,000 it takes two seconds to compile strings of up to 256
    # characters, a minute for a thousand; of its own `{0,1000}` one mask takes minutes. And with
    # one of 1,280 the slowest mask in 300 tool sets took 450 ms: an address's path, `{0,500}`.
    # Held to counts of up to 32, no mask in the same sets takes more than 40 ms, on average 6 µs.
    name="xgrammar",
    formats=GBNF.formats,
    formats_as_patterns=True,
    longest=32,
    most_counted=32,
    largest_step=GBNF.largest_step,
    steps_within_bounds=False,
)
LLGUIDANCE: Final = Target(
    name="llguidance",
    formats=frozenset((*_FORMATS, "duration", "ipv6")),
    longest=100_000,
)
TARGETS: Final[Mapping[str, Target]] = {
    "gbnf": GBNF,
    "structural_tag": XGRAMMAR,
    "lark": LLGUIDANCE,
}
"""How an engine takes a grammar (`Capabilities.grammar`) → what it can hold by it."""
