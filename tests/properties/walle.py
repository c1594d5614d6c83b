"""The schemas of Moonshot's own validator (walle, MIT: walle/LICENSE): those that it takes, and
those that it refuses with what it says of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolgate.core.conversation import ToolSpec
from toolgate.core.schema import check_schema
from toolgate.errors import InvalidRequest

FOLDER = Path(__file__).parent / "walle"


def valid_tools() -> Iterator[ToolSpec]:
    """One per valid schema. One of no object becomes a member: arguments always are an object."""
    for number, line in enumerate(_lines("valid")):
        schema = json.loads(line)
        tool = ToolSpec(f"tool_{number}", parameters=schema)
        yield tool if _is_taken(tool) else ToolSpec(tool.name, parameters=_member(schema))


def invalid_texts() -> Iterator[tuple[str, str]]:
    """(what is sent, what is wrong with it)."""
    for line in _lines("invalid"):
        case = json.loads(line)
        yield case["schema"], case["expect"]


def invalid_members() -> Iterator[tuple[str, str]]:
    """Those of them that are of no object, as a member of one: so their own fault is met."""
    for text, complaint in invalid_texts():
        try:
            schema = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(schema, dict) and schema.get("type", "object") != "object":
            yield json.dumps(_member(schema)), complaint


def _lines(name: str) -> list[str]:
    return (FOLDER / f"{name}.jsonl").read_text().splitlines()


def _is_taken(tool: ToolSpec) -> bool:
    try:
        check_schema(tool)
    except InvalidRequest:
        return False
    return True


def _member(schema: dict[str, Any]) -> dict[str, Any]:
    root = {key: schema.pop(key) for key in ("$defs", "$id") if key in schema}
    return root | {"type": "object", "properties": {"value": schema}, "required": ["value"]}
