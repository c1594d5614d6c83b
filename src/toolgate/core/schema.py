"""JSON Schema: is a tool's declaration one, and do a call's arguments fit it?

Full JSON Schema of every draft, whatever an engine's grammar can hold of it. Fetches nothing:
a `$ref` that leads out of the schema is an error.
"""

from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec

from toolgate.core.conversation import ToolSpec
from toolgate.core.nesting import is_nested_deeper
from toolgate.core.schema_faults import MAX_MESSAGE, explain_fault
from toolgate.core.schema_limits import find_excess
from toolgate.core.schema_types import json_type
from toolgate.core.schema_values import find_emptiness
from toolgate.errors import InvalidRequest

MAX_VALIDATORS = 512
"""Some 20 kB each. Agents send up to 128 tools, the same ones in every request."""
MAX_UNREADABLE = 16
"""Patterns of one schema that may be passed over; each costs one more compilation."""


class _Excessive(Exception):
    """Nothing can be validated by it, or that could take for ever."""


def check_schema(spec: ToolSpec, *, param: str = "parameters") -> None:
    """Refuses parameters that are no JSON Schema, or that no JSON object could fit.

    Raises: InvalidRequest; `param` is where they stand in the request.
    """
    try:
        _compile(_encoded(spec))
    except _Excessive as error:
        raise InvalidRequest(f"`{param}` of {spec.name!r}: {error}.", param=param) from None
    except jsonschema_rs.ValidationError as error:
        path, fault = explain_fault(spec.parameters, error)
        at = ".".join(map(str, [param, *path]))
        raise InvalidRequest(
            f"`{param}` of {spec.name!r} is not a JSON Schema: `{at}`: {fault}.", param=at
        ) from None
    if not _takes_objects(spec.parameters):
        raise InvalidRequest(
            f'`{param}` of {spec.name!r} must be a schema of "type": "object": '
            "a call's arguments always are one.",
            param=param,
        )
    if empty := _find_emptiness(_encoded(spec)):
        path, advice = empty
        at = ".".join([param, *path])
        raise InvalidRequest(f"`{at}` of {spec.name!r}: {advice}.", param=at)


def find_violation(spec: ToolSpec, arguments: str) -> str | None:
    """What is wrong with a call's arguments, by the tool's whole schema; None when they fit."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return f"the arguments are not JSON: {error}"
    if not isinstance(value, dict):
        return "the arguments are not a JSON object"
    if is_nested_deeper(value):
        return "the arguments nest too deep"
    try:
        _compile(_encoded(spec)).validate(value)
    except _Excessive as error:
        return str(error)
    except jsonschema_rs.ValidationError as error:
        path = ".".join(map(str, error.instance_path))
        message = f"{error.message:.{MAX_MESSAGE}}"
        return f"{message} (at {path})" if path else message
    return None


def _takes_objects(schema: object) -> bool:
    if not isinstance(schema, dict):
        return schema is not False
    kinds = schema.get("type", "object")
    return "object" in (kinds if isinstance(kinds, list) else [kinds])


def _encoded(spec: ToolSpec) -> bytes:
    try:
        return msgspec.json.encode(True if spec.parameters is None else spec.parameters)
    except RecursionError:
        raise _Excessive("it nests too deep") from None


@lru_cache(MAX_VALIDATORS)
def _compile(schema: bytes) -> jsonschema_rs.Validator:
    readable = msgspec.json.decode(schema)
    if excess := find_excess(readable, size=len(schema)):
        raise _Excessive(excess)
    if not isinstance(readable, dict | bool):
        raise _Excessive(f"a schema is an object, and this is {json_type(readable)}")
    if isinstance(readable, dict) and isinstance(readable.get("$id"), str):
        # Says only where the schema could be had; Moonshot takes what is no URI (walle, TestID).
        del readable["$id"]
    for _ in range(MAX_UNREADABLE):
        try:
            return jsonschema_rs.validator_for(readable, offline=True)
        except jsonschema_rs.ValidationError as error:
            if not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Format):
                raise
            # JavaScript allows patterns that Rust's engine cannot read (`[\w-.]`). Such a tool
            # works, so it is served, and only this one constraint goes unchecked.
            _remove(readable, error.instance_path)
    return jsonschema_rs.validator_for(readable, offline=True)


@lru_cache(MAX_VALIDATORS)
def _find_emptiness(schema: bytes) -> tuple[tuple[str, ...], str] | None:
    readable = msgspec.json.decode(schema)
    return find_emptiness(readable) if isinstance(readable, dict) else None


def _remove(schema: Any, path: list[str | int]) -> None:
    for step in path[:-1]:
        schema = schema[step]
    del schema[path[-1]]
