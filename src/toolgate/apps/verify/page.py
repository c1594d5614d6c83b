"""The report as one HTML page that needs nothing beside it: to be opened, kept and sent."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib import resources
from json import dumps, loads
from typing import Any, Final

from jinja2 import Environment
from markupsafe import Markup

from toolgate.apps.verify.charts import color, draw_share, draw_times
from toolgate.apps.verify.faults import FaultKind
from toolgate.apps.verify.report import Judged, Report
from toolgate.apps.verify.schema_suite import SchemaJudged, SchemaVerdict
from toolgate.apps.verify.scores import Share
from toolgate.apps.verify.table import (
    NOTHING,
    sections,
    show_count,
    show_f1,
    show_share,
    show_times,
)

_TEMPLATE: Final = "page.html.j2"
_SCHEMA_FAULT: Final = "schema: {}"


def write_page(reports: Sequence[Report], title: str, now: datetime) -> str:
    """The whole page. All that models and clients wrote is escaped."""
    text = resources.files(__package__).joinpath(_TEMPLATE).read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
    longest = max((max(one.duration_ms, default=0.0) for one in reports), default=0.0)
    failures = [one for report in reports for one in _failures(report)]
    return template.render(
        title=title,
        made=f"{now:%Y-%m-%d %H:%M}",
        targets=[_target(report, place, longest) for place, report in enumerate(reports)],
        sections=sections(reports),
        kinds=_kinds(reports),
        failures=failures,
        faults=_fault_names(failures),
        nothing=NOTHING,
    )


def _target(report: Report, place: int, longest: float) -> dict[str, Any]:
    return {
        "name": report.name,
        "color": color(place),
        "answered": f"{len(report.answered)} of {len(report.judged)} answered"
        * bool(report.judged),
        "figures": [
            ("schema accuracy", show_share(report.valid_turns), _chart(report.valid_turns, place)),
            ("F1 of calling", show_f1(report.reference), ""),
            ("right tools", show_share(report.right_tools), _chart(report.right_tools, place)),
            ("right tools and arguments", show_share(report.right), _chart(report.right, place)),
            ("schemas taken, called and kept", *_of_schemas(report, place)),
            ("prompts as toolgate writes them", *_of_prompts(report, place)),
        ],
        "times": Markup(draw_times(report.duration_ms, longest, place)),
        "times_text": show_times(report.duration_ms),
    }


def _of_schemas(report: Report, place: int) -> tuple[str, Markup]:
    share = report.schemas_fitting
    return show_count(share), _chart(share, place)


def _of_prompts(report: Report, place: int) -> tuple[str, Markup]:
    share = report.fidelity.exact
    return show_share(share), _chart(share, place)


def _kinds(reports: Sequence[Report]) -> list[tuple[str, list[tuple[str, Markup]]]]:
    """By kind of request: each target's share of right answers, in figures and drawn."""
    names = dict.fromkeys(kind for report in reports for kind in report.by_kind)
    return [
        (
            name.replace("_", " "),
            [
                (show_share(share), _chart(share, place))
                for place, report in enumerate(reports)
                for share in [report.by_kind.get(name, Share(0, 0))]
            ],
        )
        for name in names
    ]


def _chart(share: Share, place: int) -> Markup:
    return Markup(draw_share(share, place))


def _failures(report: Report) -> Iterator[dict[str, Any]]:
    for one in report.judged:
        if one.faults:
            yield _failure(report.name, one)
    for wrong in report.schemas:
        if not wrong.is_right:
            yield _wrong_schema(report.name, wrong)


def _wrong_schema(target: str, one: SchemaJudged) -> dict[str, Any]:
    judged = Judged(one.result, (), None, one.observed)
    return _failure(target, judged) | {
        "kind": "schema",
        "faults": [(_SCHEMA_FAULT.format(one.verdict.replace("_", " ")), one.detail)],
        "said": one.case.name,
        "schema": _pretty(loads(one.case.schema)),
    }


def _failure(target: str, one: Judged) -> dict[str, Any]:
    request = one.result.request
    return {
        "target": target,
        "index": one.result.data_index,
        "kind": one.sample.kind.replace("_", " ") if one.sample else "",
        "faults": [(fault.kind.replace("_", " "), fault.detail) for fault in one.faults],
        "said": _last_words(request),
        "messages": [_message(message) for message in request.get("messages") or ()],
        "tools": ", ".join(
            str((tool.get("function") or {}).get("name")) for tool in request.get("tools") or ()
        ),
        "expected": _expected(one),
        "schema": None,
        "prompt": one.observed.prompt,
        "output": one.observed.output,
        "answer": _pretty(one.result.message or one.result.response),
        "finish": one.result.finish_reason,
    }


def _last_words(request: Mapping[str, Any]) -> str:
    """What the user said last, for the line that stands for the whole."""
    texts = [_text(one) for one in request.get("messages") or () if one.get("role") == "user"]
    return texts[-1] if texts else ""


def _message(message: Mapping[str, Any]) -> tuple[str, str]:
    calls = message.get("tool_calls")
    told = _text(message) + (f"\n{_pretty(calls)}" if calls else "")
    answers = message.get("tool_call_id")
    role = str(message.get("role"))
    return (f"{role}, answers {answers}" if answers else role), told.strip()


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", part)) for part in content)
    return "" if content is None else str(content)


def _expected(one: Judged) -> str | None:
    """None where nobody knows what is right."""
    if one.sample is None or one.sample.expected is None:
        return None
    calls = [f"{call.name} {_pretty(call.arguments)}" for call in one.sample.expected]
    return "\n".join(calls) or "words, and no call"


def _fault_names(failures: Sequence[Mapping[str, Any]]) -> list[str]:
    found = {name for one in failures for name, _ in one["faults"]}
    kinds = [kind.replace("_", " ") for kind in FaultKind]
    kinds += [_SCHEMA_FAULT.format(one.replace("_", " ")) for one in SchemaVerdict]
    return [name for name in kinds if name in found]


def _pretty(value: Any) -> str:
    return dumps(value, ensure_ascii=False, indent=1)
