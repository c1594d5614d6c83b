"""The grammar of a turn's calls as one small tree, from which each engine's own form is written.

A dialect builds the tree out of the constants that it renders and parses with; emitters walk it.
Knows no engine, no syntax of any grammar language, and not what a schema means.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

Schema: TypeAlias = Mapping[str, Any] | bool


class Tok(Struct, frozen=True):
    """One special token, by its spelling; ordinary tokens that spell it do not match."""

    text: str


class Lit(Struct, frozen=True):
    """This text, of ordinary tokens."""

    text: str


class Regex(Struct, frozen=True):
    """Text that matches as a whole; classes, groups and `{m,n}`, no anchors or look-around."""

    pattern: str


class Index(Struct, frozen=True):
    """A call's number: `first` in the first round of the `Plus` around it, then one more each."""

    first: int


class Json(Struct, frozen=True):
    """A JSON value that fits a schema."""

    schema: Schema


class Members(Struct, frozen=True):
    """An object's members in XML-like tags of their own, a string's bare text, others as JSON."""

    schema: Schema
    tags: "Callable[[str | None, str], tuple[Node, Node]]"
    """(key or None for any, JSON type) → what stands before its value, and what after it: one
    `Lit`, or something that begins with a `Tok`."""


class FreeText(Struct, frozen=True):
    """Any text without special tokens."""


class Seq(Struct, frozen=True):
    """One after the other."""

    parts: "tuple[Node, ...]"


class Alt(Struct, frozen=True):
    """One of them."""

    options: "tuple[Node, ...]"


class Opt(Struct, frozen=True):
    """This, or nothing."""

    part: "Node"


class Plus(Struct, frozen=True):
    """This, `least` to `most` times."""

    part: "Node"
    least: int = 1
    most: int | None = None


Node: TypeAlias = Tok | Lit | Regex | Index | Json | Members | FreeText | Seq | Alt | Opt | Plus


class Bounds(Struct, frozen=True, kw_only=True):
    """How long the parts of a call may be: a grammar alone never makes a model end.

    None = as long as the schema lets it be.
    """

    digits: int = 15
    """Of a number's whole part and of its fraction; what a double holds exactly."""
    string: int | None = None
    """Characters of a string, in values and in keys that no schema names."""
    items: int | None = None
    """Of an array, and members of an object that no schema names. Inside another array a quarter
    of it holds, and of `string` too: so that the whole is bounded, and not only its parts."""
    depth: int | None = None
    """How often a schema may contain itself."""
    total: int | None = None
    """Characters of all of a call's arguments, or tokens where an engine counts those: the other
    bounds become narrower until no call of this schema can be longer."""


class ToolRule(Struct, frozen=True):
    """A tool that may be called, and what its arguments must be."""

    name: str
    schema: Schema


class CallRules(Struct, frozen=True, kw_only=True):
    """What a turn's calls may be: out of this a dialect writes a `Constraint`."""

    tools: tuple[ToolRule, ...]
    """At least one."""
    first_index: int = 0
    """How many calls the conversation has so far."""
    most: int = 32
    """Calls of one turn."""
    required: bool = False
    """Whether the turn must have a call."""
    prefill: str = ""
    """Where the prompt leaves the model, as in `Prompt.prefill`."""
    profile: str | None = None
    bounds: Bounds = Bounds()


class Constraint(Struct, frozen=True, kw_only=True, dict=True):
    """What holds for one turn: free text until a trigger, and `calls` from there to the end.

    Of a `required` turn everything holds from its first token on: `lead`, then `calls`.
    """

    calls: Node
    """All of the turn's calls, the trigger included, up to the end of the turn."""
    triggers: tuple[str, ...]
    """Special tokens with which `calls` can begin; nothing else in a turn begins with them."""
    required: bool = False
    """Whether the turn must have a call."""
    lead: Node = Seq(())
    """What stands before the calls of a required turn: reasoning."""
    bounds: Bounds = Bounds()

    @cached_property
    def content(self) -> Hashable:
        """The same for two that are written alike, but for the numbers of their calls: a cache's
        key. All schemas are encoded for it, once for all turns that share the constraint."""
        parts = (self.lead, self.calls) if self.required else (self.calls,)
        return self.required, *map(_content, parts), self.triggers, self.bounds


def special_tokens(constraint: Constraint) -> tuple[str, ...]:
    """All special tokens that it names."""
    found: dict[str, None] = dict.fromkeys(constraint.triggers)
    for node in _nodes(constraint):
        if isinstance(node, Tok):
            found[node.text] = None
    return tuple(found)


def first_index(constraint: Constraint) -> int:
    """The number of the turn's first call; 0 where calls have none."""
    return next((node.first for node in _nodes(constraint) if isinstance(node, Index)), 0)


def text_ends(node: Node) -> tuple[str, ...]:
    """What ends running text that no special token ends: the tags behind a bare string."""
    found: dict[str, None] = {}
    for part in _walk(node):
        if isinstance(part, Members):
            end = part.tags(None, "string")[1]
            first = end.parts[0] if isinstance(end, Seq) else end
            if isinstance(first, Lit):
                found[first.text] = None
    return tuple(found)


def _content(node: Node) -> Hashable:
    match node:
        case Json() | Members():
            tags = node.tags if isinstance(node, Members) else None
            return tags, msgspec.json.encode(node.schema)
        case Index():
            return Index
        case Seq(parts) | Alt(parts):
            return type(node), tuple(map(_content, parts))
        case Opt(part):
            return Opt, _content(part)
        case Plus(part, least, most):
            return Plus, _content(part), least, most
        case _:
            return node


def _nodes(constraint: Constraint) -> Iterator[Node]:
    yield from _walk(Seq((constraint.calls, constraint.lead)))


def _walk(whole: Node) -> Iterator[Node]:
    waiting = [whole]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case Seq(parts) | Alt(parts):
                waiting += parts
            case Opt(part) | Plus(part):
                waiting.append(part)
            case Members(_, tags):
                waiting += tags(None, "string")
            case _:
                pass
