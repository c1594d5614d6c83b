"""Which definitions of a schema contain themselves."""

from collections.abc import Iterable, Mapping
from typing import Any

from toolgate.pipeline.enforcer.schema_merge import Schema


def find_recursive(definitions: Mapping[str, Schema]) -> frozenset[str]:
    """Names of `$defs`, of a schema in the plain forms, whose values may contain another one."""
    return frozenset(name for name in definitions if _reaches(definitions, name))


def _reaches(definitions: Mapping[str, Schema], sought: str) -> bool:
    seen: set[str] = set()
    waiting = [sought]
    while waiting:
        for found in _references(definitions[waiting.pop()]):
            if found == sought:
                return True
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    return False


def _references(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str) and len(schema) == 1:
            yield reference.rpartition("/")[2]
        for key, inner in schema.items():
            if key != "enum":
                yield from _references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)
