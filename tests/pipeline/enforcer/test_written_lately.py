"""What was written lately is found, and the oldest is forgotten."""

from toolgate.pipeline.enforcer.written_lately import WrittenLately


def test_the_last_few_are_kept():
    lately: WrittenLately[str] = WrittenLately(most=2)
    assert lately.get("a") is None
    assert [lately.put(name, name.upper()) for name in "ab"] == ["A", "B"]
    assert lately.get("a") == "A"  # and so b is the oldest
    lately.put("c", "C")
    assert [lately.get(name) for name in "abc"] == ["A", None, "C"]


def test_a_large_one_takes_the_place_of_several():
    lately: WrittenLately[str] = WrittenLately(most=10)
    for name, size in (("a", 4), ("b", 4), ("b", 5), ("c", 2)):
        lately.put(name, name, size)
    assert [lately.get(name) for name in "abc"] == [None, "b", "c"]
    assert lately.put("d", "D", 11) == "D"  # the last one is kept, however large
    assert [lately.get(name) for name in "bcd"] == [None, None, "D"]
