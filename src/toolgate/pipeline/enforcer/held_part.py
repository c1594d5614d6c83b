"""Which part of an answer a matcher follows, and with what it begins; knows no matcher."""

from collections.abc import Mapping

from toolgate.core.dialect import Dialect
from toolgate.core.grammar import Constraint, Node, Seq


def held_part(constraint: Constraint) -> Node:
    """What a matcher must follow: calls, and of a turn that must have one all that leads there."""
    return Seq((constraint.lead, constraint.calls)) if constraint.required else constraint.calls


def find_triggers(constraint: Constraint, dialect: Dialect) -> Mapping[str, str]:
    """Spelling → trigger: their own, and how models misspell them."""
    roles = {
        dialect.markers[trigger]: trigger
        for trigger in constraint.triggers
        if trigger in dialect.markers
    }
    misspelled = {text: roles[role] for text, role in dialect.markers.items() if role in roles}
    return misspelled | {trigger: trigger for trigger in constraint.triggers}
