"""Values of JSON of which nothing is certain: each as what it should be, or else an empty one.

Logs hold what somebody's program wrote. What is not as it should be is judged elsewhere, by what is
missing.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

Object: TypeAlias = Mapping[str, Any]


def is_object(value: object) -> bool:
    return isinstance(value, dict)


def as_object(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[Object]:
    """Those entries of a list that are objects."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def as_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def decode(text: str) -> object:
    """What the text says in JSON; None where it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
