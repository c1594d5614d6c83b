"""What a turn's calls must look like: from the conversation's tools and choice to a `Constraint`.

Chooses the tools that may be called, how strictly each is held, how many calls and from which
number on. Knows no engine, and of schemas only that arguments are an object.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from toolgate.core.conversation import Conversation, ToolSpec
from toolgate.core.dialect import Dialect
from toolgate.core.grammar import Bounds, CallRules, Constraint, Schema, ToolRule
from toolgate.core.prompt import Prompt

ANY_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
"""What Moonshot's own API holds a tool to that is not strict; xgrammar would let any value pass."""


class Enforcement(Struct, frozen=True, kw_only=True):
    """How tightly calls are held where an engine can hold them."""

    bounds: Bounds = Bounds()
    most_calls: int = 32
    """Of one turn; a model that makes more is caught in a loop."""


AUTO: Final = Enforcement()
BOUNDED: Final = Enforcement(
    bounds=Bounds(string=1024, items=16, depth=2, total=32_768), most_calls=8
)
"""Every call ends soon, whatever the model; too narrow for tools that write files."""


def constrain(
    conversation: Conversation,
    dialect: Dialect,
    prompt: Prompt,
    *,
    profile: str | None = None,
    enforcement: Enforcement = AUTO,
) -> Constraint | None:
    """What holds for the answer to this prompt; None where nothing can be called, or held."""
    choice = conversation.tool_choice
    tools = {tool.name: tool for tool in conversation.callable_tools}
    if choice.mode == "named":
        tools = {name: tool for name, tool in tools.items() if name == choice.name}
    if choice.mode == "none" or not tools or dialect.call_grammar is None:
        return None
    single = choice.mode == "named" or not conversation.options.parallel_tool_calls
    return dialect.call_grammar(
        CallRules(
            tools=tuple(ToolRule(tool.name, choose_schema(tool)) for tool in tools.values()),
            first_index=sum(len(message.tool_calls) for message in conversation.messages),
            most=1 if single else enforcement.most_calls,
            required=choice.mode != "auto",
            prefill=prompt.prefill,
            profile=profile,
            bounds=enforcement.bounds,
        )
    )


def choose_schema(tool: ToolSpec) -> Schema:
    """The tool's own schema, unless it says that it is not strict; of an object in any case, also
    where the schema lets in a text or a list beside it."""
    schema = tool.parameters
    if tool.strict is False or not isinstance(schema, Mapping):
        return ANY_OBJECT
    return schema if schema.get("type") == "object" else {**schema, "type": "object"}
