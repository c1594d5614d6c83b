"""What an examination found: one finding a line, with its evidence and its mend."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from toolgate.apps.doctor.catalogue import CATALOGUE, Severity

EXIT: Final[Mapping[Severity, int]] = {Severity.WARNING: 1, Severity.ERROR: 2}


class Finding(Struct, frozen=True):
    """One thing that is wrong: a `code` of the catalogue, and what was seen of it."""

    code: str
    evidence: str
    details: Mapping[str, Any] = {}
    """The evidence for programs, where there is more than a sentence: values, by their names."""

    @property
    def severity(self) -> Severity:
        return CATALOGUE[self.code].severity


class Seen(Struct, frozen=True):
    """Something that was measured and is no fault: a line for people, and its values."""

    name: str
    text: str
    details: Mapping[str, Any] = {}


class Report(Struct, frozen=True):
    """All of it; `seen` is what the deployment is, for people."""

    seen: Mapping[str, str]
    findings: Sequence[Finding]
    measured: Mapping[str, Mapping[str, Any]] = {}
    """The values behind lines of `seen`, by their names."""

    @property
    def exit_status(self) -> int:
        """0 for a healthy deployment, 1 where there are only warnings, 2 where there are errors."""
        return max((EXIT[one.severity] for one in self.findings), default=0)

    def as_json(self) -> Mapping[str, Any]:
        """What `--json` prints."""
        return {
            "seen": self.seen,
            "measured": msgspec.to_builtins(self.measured),
            "findings": [_told(one) for one in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """What people read."""
        for name, value in self.seen.items():
            yield f"{name:<12} {value}"
        if not self.findings:
            yield "Nothing is wrong."
        for one in self.findings:
            entry = CATALOGUE[one.code]
            yield f"{entry.severity.value} {one.code}: {entry.what}. Seen: {one.evidence}. "
            yield f"    To mend it: {entry.mend}."


def _told(one: Finding) -> Mapping[str, Any]:
    entry = CATALOGUE[one.code]
    return {
        "code": one.code,
        "severity": entry.severity.value,
        "what": entry.what,
        "evidence": one.evidence,
        "mend": entry.mend,
        **msgspec.to_builtins(one.details),
    }


def first_of_each(findings: Iterable[Finding]) -> list[Finding]:
    """Several probes may show one fault; its first evidence is enough."""
    found: dict[str, Finding] = {}
    for one in findings:
        found.setdefault(one.code, one)
    return list(found.values())
