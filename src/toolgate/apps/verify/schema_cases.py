"""The schema suite's cases, read from schemas.toml, which says what its fields mean.

They cover the keywords of Moonshot's own suite, walle's, and those that agents send and it refuses.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from json import loads
from typing import Any, Final

from msgspec import Struct

from toolgate.apps.verify.samples import Sample

MAX_TOKENS: Final = 2048
_ASK: Final = "Call {tool} once. Any arguments that fit its parameters are right."


class SchemaCase(Struct, frozen=True):
    """One tool that is declared."""

    name: str
    schema: str
    """Its whole `parameters`, as JSON."""
    tells: Sequence[str] = ()
    """What must be refused: words of which a refusal has one. Empty where it must be taken."""
    tool: str = "take"

    @property
    def must_be_refused(self) -> bool:
        return bool(self.tells)

    def sample(self, data_index: int, tool_choice: str) -> Sample:
        """The request that declares it."""
        function: dict[str, Any] = {"name": self.tool, "description": "Take values"}
        function["parameters"] = loads(self.schema)
        request = {
            "messages": [{"role": "user", "content": _ASK.format(tool=self.tool)}],
            "tools": [{"type": "function", "function": function}],
            "tool_choice": tool_choice,
            "max_tokens": MAX_TOKENS,
            "temperature": 0.0,
        }
        return Sample(data_index, request, "schema")


@cache
def schema_cases() -> tuple[SchemaCase, ...]:
    """All of them, in the file's order."""
    text = resources.files(__package__).joinpath("schemas.toml").read_text("utf-8")
    return tuple(SchemaCase(**one) for one in tomllib.loads(text)["case"])
