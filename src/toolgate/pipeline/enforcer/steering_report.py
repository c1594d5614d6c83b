"""What steering costs, for whoever tells of an answer and did not steer it."""

from typing import Final

from msgspec import Struct

MOST_PREVENTED: Final = 200
"""Characters of one text in `prevented`; what was wrong is at its beginning."""


class SteeringReport(Struct):
    """What it took to keep one answer valid."""

    steers: int = 0
    """How often the model had to be corrected."""
    requests: int = 0
    """What the engine was asked beyond the one request of a free answer."""
    thrown_away: int = 0
    """Tokens generated for nothing, as far as the engine told of them before it was stopped."""
    respelled: int = 0
    """Characters that were passed on as JSON spells them, and not as the model did."""
    completed: int = 0
    """How often the rest of a value, or of the answer, was written for the model."""
    prevented: list[str] = []
    """Of each request what the model had written from where it could not be valid any more."""
