"""What is wrong with a schema that is none, where it stands, and what mends it.

A validator speaks of its own schema of schemas; here its words become the reader's.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from jsonschema_rs import ValidationError
from jsonschema_rs import ValidationErrorKind as _Kind

from toolgate.core.schema_limits import DATA

Path: TypeAlias = tuple[str | int, ...]
MAX_MESSAGE = 300
"""A validator quotes the value that it refuses, which may be the whole of the schema."""
MAX_QUOTED = 100
TYPES = '"object", "array", "string", "number", "integer", "boolean" or "null"'


def explain_fault(schema: Any, error: ValidationError) -> tuple[Path, str]:
    """Where the fault stands in the schema, and what it is."""
    path = tuple(error.instance_path)
    if isinstance(error.kind, _Kind.Referencing):
        return _find_reference(schema, error.message) or (path, f"{error.message:.{MAX_MESSAGE}}")
    if isinstance(error.kind, _Kind.AnyOf) and path[-1:] == ("type",):
        written = json.dumps(error.instance, ensure_ascii=False)
        return path, f"{written:.{MAX_QUOTED}} is not a type: write {TYPES}, or a list of several"
    return path, f"{error.message:.{MAX_MESSAGE}}"


def _find_reference(schema: Any, message: str) -> tuple[Path, str] | None:
    """The reference that the validator could not follow: it names the pointer, and not the place.
    None where that is not what it said."""
    waiting: list[tuple[Path, Any]] = [((), schema)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, Mapping):
            target = one.get("$ref")
            if isinstance(target, str) and target[:1] == "#" and f"'{target[1:]}'" in message:
                advice = "put a definition there, or name one that is there"
                return (*path, "$ref"), f'"{target:.{MAX_QUOTED}}" leads nowhere: {advice}'
            waiting += (((*path, key), inner) for key, inner in one.items() if key not in DATA)
        elif isinstance(one, list):
            waiting += (((*path, index), inner) for index, inner in enumerate(one))
    return None
