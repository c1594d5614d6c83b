"""The net under an engine's grammar: steering, where the grammar does not hold all of a schema.

A structural tag counts up to 32, llama.cpp's grammars up to 1,500; toolgate's own matcher counts
on. So where a tool's schema says more than its engine's grammar, the matcher follows what the
engine generates, and lets nothing pass that breaks it. Knows when, and what the matcher follows.
"""

from collections.abc import Iterator
from typing import Final

from toolgate.core.grammar import (
    Alt,
    Constraint,
    Index,
    Json,
    Members,
    Node,
    Opt,
    Plus,
    Regex,
    Schema,
    Seq,
)
from toolgate.pipeline.enforcer.member_forms import read_members
from toolgate.pipeline.enforcer.schema_fit import Dropped, fit_schema
from toolgate.pipeline.enforcer.target import LLGUIDANCE, TARGETS, Target
from toolgate.pipeline.enforcer.written_lately import WrittenLately

ANY_NUMBER: Final = Regex("0|[1-9][0-9]{0,3}")
"""As in a tag, which says of a call's number no more than that."""


def needs_net(constraint: Constraint, grammar: str) -> bool:
    """Whether the matcher holds something of the tools' schemas that the engine does not, which
    takes a grammar so (`Capabilities.grammar`).

    Not where arguments may come in several forms, of which the matcher reads one (Kimi K3). What
    was decided lately is not decided again.
    """
    known = find_need(constraint, grammar)
    if known is not None:
        return known
    found = [*_arguments(constraint.calls)]
    is_needed = None not in found and any(
        _is_left_out(node, TARGETS[grammar]) for node in found if node
    )
    return _lately.put((constraint.content, grammar), is_needed)


def find_need(constraint: Constraint, grammar: str) -> bool | None:
    """The same where it is known; None where it takes its time."""
    return _lately.get((constraint.content, grammar)) if grammar in TARGETS else False


_lately: Final[WrittenLately[bool]] = WrittenLately()


def dropped_by_both(schema: Schema, target: Target) -> tuple[Dropped, ...]:
    """What neither the target holds nor the matcher behind it."""
    ours = frozenset(fit_schema(schema, LLGUIDANCE).dropped)
    return tuple(one for one in fit_schema(schema, target).dropped if one in ours)


def without_numbers(node: Node) -> Node:
    """The same calls, with any numbers."""
    match node:
        case Index():
            return ANY_NUMBER
        case Seq(parts):
            return Seq(tuple(map(without_numbers, parts)))
        case Alt(options):
            return Alt(tuple(map(without_numbers, options)))
        case Opt(part):
            return Opt(without_numbers(part))
        case Plus(part, least, most):
            return Plus(without_numbers(part), least, most)
        case _:
            return node


def _arguments(node: Node) -> Iterator[Json | Members | None]:
    """None for those of which the matcher cannot follow every form."""
    match node:
        case Json() | Members():
            yield node
        case Alt(options) if any(isinstance(option, Members) for option in options):
            yield None
        case Seq(parts) | Alt(parts):
            for part in parts:
                yield from _arguments(part)
        case Opt(part) | Plus(part):
            yield from _arguments(part)
        case _:
            pass


def _is_left_out(node: Json | Members, target: Target) -> bool:
    dropped = _dropped(node, target)
    return bool(dropped) and not dropped <= _dropped(node, LLGUIDANCE)


def _dropped(node: Json | Members, target: Target) -> frozenset[Dropped]:
    if isinstance(node, Members):
        return frozenset(read_members(node, target).dropped)
    return frozenset(fit_schema(node.schema, target).dropped)
