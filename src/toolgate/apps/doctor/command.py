"""Examines a deployment: every check in turn, each on its own, and a report of them all.

A check that cannot be carried out finds no more: what stops it is another check's affair.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, TypeAlias

from toolgate.apps.doctor.behaviour import (
    check_cancel,
    check_context,
    check_grammar,
    check_prefix,
)
from toolgate.apps.doctor.chat_route import check_answers
from toolgate.apps.doctor.foreign_ids import check_ids
from toolgate.apps.doctor.known_bad import find_known_bad
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.report import Finding, Report, Seen, first_of_each
from toolgate.apps.doctor.revision import check_revision
from toolgate.apps.doctor.stream import check_stream
from toolgate.apps.doctor.template import check_prompts
from toolgate.apps.doctor.tokens import (
    check_counts,
    check_end,
    check_special_tokens,
    check_tokenizer,
    check_vocabulary,
)
from toolgate.apps.serving.family import find_family
from toolgate.apps.settings.config import Config
from toolgate.engines.discover import Address, find_kind, guess_kind, open_engine
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.model_folder import read_model_folder
from toolgate.errors import ConfigError, EngineError, EngineRefused, EngineUnavailable

Check: TypeAlias = Callable[[Patient], AsyncIterator[Finding | Seen]]

CHECK_SECONDS: Final = 120
"""For one check; a large model on one processor is slow."""
UNREADABLE: Final = (LookupError, TypeError, AttributeError)
"""What reading an answer comes to that is JSON, and not what this kind of server says."""
_UNAUTHORIZED: Final = (401, 403)
_log: Final = logging.getLogger("toolgate.doctor")


async def check_version(patient: Patient) -> AsyncIterator[Finding]:
    """Is the engine one that is known to break this family's calls?"""
    family, version = patient.family, patient.engine.capabilities.version
    if bad := find_known_bad(patient.kind, version, family.dialect.name, family.profile):
        yield Finding("old_version", f"{version} is older than {bad.since}: {bad.why}")


CHECKS: Final[Sequence[Check]] = (
    check_version,
    check_revision,
    check_vocabulary,
    check_tokenizer,
    check_counts,
    check_special_tokens,
    check_end,
    check_prompts,
    check_answers,
    check_ids,
    check_grammar,
    check_stream,
    check_cancel,
    check_prefix,
    check_context,
)


async def examine(config: Config) -> Report:
    """Raises: ConfigError for settings that name no server."""
    if not config.upstreams:
        raise ConfigError("doctor examines a server: name it with --engine URL.")
    seen = {"server": config.upstreams[0].url}
    async with AsyncExitStack() as stack:
        try:
            patient = await _admit(config, stack, seen)
            told = [one async for one in _examine(patient)]
        except _Hopeless as hopeless:
            return Report(seen, [hopeless.finding])
    measured = [one for one in told if isinstance(one, Seen)]
    return Report(
        seen | {one.name: one.text for one in measured},
        first_of_each(one for one in told if isinstance(one, Finding)),
        {one.name: one.details for one in measured},
    )


class _Hopeless(Exception):
    """Nothing more can be looked at."""

    def __init__(self, code: str, evidence: str) -> None:
        self.finding = Finding(code, evidence.rstrip("."))


async def _admit(config: Config, stack: AsyncExitStack, seen: dict[str, str]) -> Patient:
    """The patient, whose connections `stack` closes; what it is goes to `seen`."""
    upstream = config.upstreams[0]
    endpoint = Endpoint(upstream.url, api_key=upstream.key)
    stack.push_async_callback(endpoint.close)
    try:
        kind = upstream.kind or guess_kind(upstream.url) or await find_kind(endpoint)
        address = Address(url=upstream.url, api_key=upstream.key, model=config.model)
        engine = open_engine(address, kind)
        stack.push_async_callback(engine.close)
        await engine.start()
        told = await engine.describe()
    except EngineError as error:
        raise _unanswered(error) from error
    version = engine.capabilities.version or told.get("build")
    seen |= {
        "engine": f"{engine.capabilities.kind} {version or ''}".rstrip(),
        "model": str(told["model"]),
        "context": str(told["context"] or "not told"),
        "prompts": f"as {engine.capabilities.prompts}",
    }
    if engine.capabilities.prompts == "messages":
        raise _Hopeless("chat_only", f"{endpoint.url} has no /v1/completions")
    try:
        family = await find_family(config, engine)
    except (ConfigError, EngineError) as error:
        raise _Hopeless("unknown_family", str(error)) from error
    seen["family"] = " ".join(filter(None, (family.dialect.name, family.profile)))
    seen["why"] = family.why
    folder = read_model_folder(config.model_dir) if config.model_dir else None
    return Patient(
        config=config,
        endpoint=endpoint,
        engine=engine,
        kind=kind,
        told=told,
        family=family,
        folder=folder,
    )


def _unanswered(error: EngineError) -> _Hopeless:
    if isinstance(error, EngineRefused) and error.status_hint in _UNAUTHORIZED:
        return _Hopeless("wrong_key", str(error))
    is_absent = isinstance(error, EngineUnavailable)
    return _Hopeless("unreachable" if is_absent else "no_server", str(error))


async def _examine(patient: Patient) -> AsyncIterator[Finding | Seen]:
    for check in CHECKS:
        told: list[Finding | Seen] = []
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                async for one in check(patient):
                    told.append(one)
        except (EngineError, TimeoutError) as error:
            _log.warning("%s could not be carried out: %s", check.__name__, error)
        except UNREADABLE as error:
            said = "the server's answer has another shape"
            _log.warning("%s could not be carried out: %s: %r", check.__name__, said, error)
        for one in told:
            yield one
