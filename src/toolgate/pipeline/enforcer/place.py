"""Where in a value its part stands, and how narrow the bounds are there."""

from msgspec import Struct


class Place(Struct, frozen=True):
    """Inside of what."""

    depth: int = 0
    """Inside of so many recursive definitions."""
    inside: int = 0
    """Inside of so many arrays, or members without a name."""

    @property
    def deeper(self) -> "Place":
        return Place(self.depth + 1, self.inside)

    @property
    def within(self) -> "Place":
        return Place(self.depth, self.inside + 1)

    def narrowed(self, bound: int | None) -> int | None:
        """A bound at this place: a quarter with each array around it."""
        return None if bound is None else max(1, bound >> 2 * self.inside)


TOP = Place()
