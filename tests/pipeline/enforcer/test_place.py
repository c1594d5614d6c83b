"""Bounds become narrower with each array around a value."""

from toolgate.pipeline.enforcer.place import TOP


def test_a_bound_is_a_quarter_in_each_array_and_never_nothing():
    inner = TOP.within.within
    assert [place.narrowed(16) for place in (TOP, TOP.within, inner, inner.within)] == [16, 4, 1, 1]
    assert inner.narrowed(None) is None


def test_definitions_and_arrays_are_counted_apart():
    place = TOP.deeper.within.deeper
    assert (place.depth, place.inside) == (2, 1)
