"""What steering costs, for whoever tells of an answer and did not steer it."""

from msgspec import Struct


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
