"""Which family a model is of, by its chat template and its vocabulary; its name decides nothing.

Each dialect tells its signs as data (`core.dialect.Signs`); here they are only looked for. Where
several fit, or none, a person is asked.
"""

from collections.abc import Callable, Iterable, Sequence, Set

from msgspec import Struct

from toolgate.core.conversation import Conversation
from toolgate.core.dialect import Dialect, Signs
from toolgate.core.prompt import Prompt
from toolgate.errors import ConfigError
from toolgate.pipeline.templates.compare import PROBES, closest_profiles


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known of a model; None where nothing is."""

    template: str | None = None
    """Its chat template's text."""
    vocabulary: Set[str] | None = None
    """Those of all families' special tokens that it has."""
    source: str = "the model"
    """Where this was read, for people."""
    setting: str = "--dialect"
    """Where they say which family it is."""

    @property
    def say(self) -> str:
        """What to ask them."""
        return f"Say which one it is with {self.setting}"


class Verdict(Struct, frozen=True):
    """The family, its member, and why."""

    dialect: str
    profile: str | None
    """None where nothing tells the member: then the family's first is taken."""
    why: str


def detect(evidence: Evidence, dialects: Iterable[Dialect]) -> Verdict:
    """Raises: ConfigError where none fits or several do; it names them, and the flag to choose."""
    known = [one for one in dialects if one.signs is not None]
    found = fitting(evidence, known)
    if len(found) != 1:
        raise ConfigError(_refusal(evidence, found, known))
    (dialect,) = found
    assert dialect.signs is not None
    _check_vocabulary(dialect, dialect.signs, evidence)
    profile = _profile(dialect.signs, evidence.template)
    seen = " ".join((*sorted(dialect.signs.tokens), *dialect.signs.fragments))
    where = "chat template" if evidence.template else "vocabulary"
    return Verdict(dialect.name, profile, f"{evidence.source}: its {where} has {seen}")


def fitting(evidence: Evidence, dialects: Iterable[Dialect]) -> list[Dialect]:
    """Those whose signs the model shows."""
    return [one for one in dialects if one.signs and _fits(one.signs, evidence)]


def all_signs(dialects: Iterable[Dialect]) -> frozenset[str]:
    """The tokens to look for in a vocabulary."""
    return frozenset().union(*(_held(one.signs) for one in dialects if one.signs))


def _held(signs: Signs) -> frozenset[str]:
    """What its vocabulary must hold."""
    return signs.tokens | signs.unwritten


def confirm_profile(
    verdict: Verdict, dialect: Dialect, template: Callable[[Conversation, str | None], Prompt]
) -> Verdict:
    """The member whose prompts are the template's own, where there is one, instead of the likely.

    A template that writes none of them so is an older or an edited one: then signs must do.
    """
    profiles, agreeing = closest_profiles(dialect, template)
    how = f"{agreeing} of {len(PROBES)} probes are written as its template writes them"
    is_exact = agreeing == len(PROBES) and verdict.profile not in profiles
    profile = profiles[0] if is_exact else verdict.profile
    return Verdict(verdict.dialect, profile, f"{verdict.why}; {how}")


def _fits(signs: Signs, evidence: Evidence) -> bool:
    if evidence.template is None:
        return evidence.vocabulary is not None and _held(signs) <= evidence.vocabulary
    text = evidence.template
    needed = (*signs.tokens, *signs.fragments)
    return all(one in text for one in needed) and not any(one in text for one in signs.foreign)


def _check_vocabulary(dialect: Dialect, signs: Signs, evidence: Evidence) -> None:
    if evidence.vocabulary is None or _held(signs) <= evidence.vocabulary:
        return
    missing = ", ".join(sorted(_held(signs) - evidence.vocabulary))
    raise ConfigError(
        f"{evidence.source}: the template is {dialect.name}'s, and the engine's model does not "
        f"have its special tokens {missing}. Does the engine run another model? {evidence.say}."
    )


def _profile(signs: Signs, template: str | None) -> str | None:
    if template is None:
        return None
    fitting = (
        name for name, fragments in signs.profiles if all(one in template for one in fragments)
    )
    return next(fitting, None)


def _refusal(evidence: Evidence, found: Sequence[Dialect], known: Sequence[Dialect]) -> str:
    if found:
        names = " and ".join(dialect.name for dialect in found)
        return f"{evidence.source} fits {names}. {evidence.say}."
    names = ", ".join(dialect.name for dialect in known)
    if evidence.template is None and evidence.vocabulary is None:
        return (
            "Nothing tells the model's family: this engine shows neither a chat template nor a "
            f"vocabulary. {evidence.say} ({names}), or name the model's folder with --model-dir."
        )
    return (
        f"{evidence.source} is of no family that toolgate knows ({names}). {evidence.say} if it "
        "writes its calls as one of them does."
    )
