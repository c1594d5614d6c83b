"""A constraint as an xgrammar structural tag: what vLLM, SGLang and TensorRT-LLM take.

Plain dicts, tokens by their integer ids: vLLM refuses a token by its spelling, and a marker as text
could be spelled by ordinary tokens. What stands between the markers is our own grammar, the same as
llama.cpp's: of JSON Schema itself xgrammar passes over what it does not know, and lets special
tokens into strings. The format: xgrammar 0.2.8, docs/tutorials/structural_tag.md.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct

from toolgate.core.grammar import Alt, Constraint, Node, Opt, Plus, Seq, Tok, special_tokens
from toolgate.pipeline.enforcer.gbnf import GrammarWriter, grammar_key
from toolgate.pipeline.enforcer.gbnf_rules import Rules, literal
from toolgate.pipeline.enforcer.schema_fit import Dropped
from toolgate.pipeline.enforcer.target import XGRAMMAR
from toolgate.pipeline.enforcer.written_lately import WrittenLately

Format: TypeAlias = dict[str, Any]
UNNUMBERED: Final = 0
"""An exact number for each call would be another grammar in each turn, and xgrammar compiles for
seconds; so the same tools give the same tag."""


class StructuralTag(Struct, frozen=True):
    """What goes into `response_format`, and what it does not say of the schemas."""

    tag: Mapping[str, Any]
    dropped: tuple[Dropped, ...]


def write_structural_tag(
    constraint: Constraint, token_ids: Mapping[str, int]
) -> StructuralTag | None:
    """`token_ids`: special token → its id. None where one of the grammar's tokens is missing.

    A tool set that was written lately is not written again.
    """
    if not set(special_tokens(constraint)) <= token_ids.keys():
        return None
    found = find_structural_tag(constraint, token_ids)
    if found is not None:
        return found
    return _lately.put(grammar_key(constraint, token_ids), _write(constraint, token_ids))


def find_structural_tag(
    constraint: Constraint, token_ids: Mapping[str, int]
) -> StructuralTag | None:
    """The same where it was written lately; None where writing it would take its time."""
    return _lately.get(grammar_key(constraint, token_ids))


_lately: Final[WrittenLately[StructuralTag]] = WrittenLately()


def _write(constraint: Constraint, token_ids: Mapping[str, int]) -> StructuralTag:
    writer = GrammarWriter(
        constraint.bounds,
        lambda text: f"Token({token_ids[text]})",
        numbered=UNNUMBERED,
        target=XGRAMMAR,
    )
    if constraint.required:
        whole = _grammar(writer, Seq((constraint.lead, constraint.calls)))
    else:
        whole = _lazy(writer, constraint, token_ids)
    return StructuralTag({"type": "structural_tag", "format": whole}, writer.dropped)


def write_probe_tag(word: str, token_id: int) -> Mapping[str, Any]:
    """A tag that only lets this word be said, and this token behind it; with all that our tags use
    of xgrammar's language."""
    rules = Rules(XGRAMMAR)
    said = rules.within(literal(word), len(word))
    grammar = rules.text(f"{said} Token({token_id})")
    return {"type": "structural_tag", "format": {"type": "grammar", "grammar": grammar}}


def _lazy(writer: GrammarWriter, constraint: Constraint, ids: Mapping[str, int]) -> Format:
    """Free text until the first of the triggers. The others are forbidden in it, as a rule of its
    own for each would be all schemas once more."""
    trigger, *others = constraint.triggers
    rests = [rest for first, rest in _openings(constraint.calls) if first == trigger]
    return {
        "type": "token_dispatch",
        "rules": [[ids[trigger], _grammar(writer, Alt(tuple(rests)))]],
        "loop": False,
        "exclude_tokens": sorted(ids[one] for one in others),
    }


def _grammar(writer: GrammarWriter, node: Node) -> Format:
    root = writer.write(node, None)
    return {"type": "grammar", "grammar": writer.rules.text(root)}


def _openings(node: Node) -> Iterator[tuple[str, Node]]:
    """(special token, what follows it), for each way to begin."""
    match node:
        case Tok(text):
            yield text, Seq(())
        case Alt(options):
            for option in options:
                yield from _openings(option)
        case Seq((first, *rest)):
            for token, after in _openings(first):
                yield token, Seq((after, *rest))
        case Plus(part):
            found = [*_openings(part)]
            for token in dict.fromkeys(token for token, _ in found):
                after = Alt(tuple(rest for first, rest in found if first == token))
                yield token, Seq((after, Opt(node))) if node.most != 1 else after
