"""Whom a gateway tells of its requests beside Prometheus: nobody, or an OpenTelemetry collector."""

from collections.abc import Mapping
from typing import Final, Protocol

from toolgate.apps.serving.recorder import Take
from toolgate.apps.settings.config import Config
from toolgate.errors import ConfigError

ENDPOINTS: Final = ("", "_TRACES", "_METRICS")
"""`OTEL_EXPORTER_OTLP{…}_ENDPOINT`, of which one must be set."""


class Telemetry(Protocol):
    """Is told of each request once it is over."""

    def end(self, take: Take, headers: Mapping[str, str]) -> None:
        """This request is over; its headers may name the trace that it belongs to."""

    def close(self) -> None:
        """Sends what waits. It may take seconds, where nobody answers."""


class Silence:
    """Tells nobody."""

    def end(self, take: Take, headers: Mapping[str, str]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def open_telemetry(config: Config, environment: Mapping[str, str]) -> Telemetry:
    """What is switched on.

    Raises: ConfigError where the extra is not installed, or no collector is named.
    """
    if not config.opentelemetry:
        return Silence()
    if not any(environment.get(f"OTEL_EXPORTER_OTLP{one}_ENDPOINT") for one in ENDPOINTS):
        raise ConfigError(
            "opentelemetry is on and no collector is named: set OTEL_EXPORTER_OTLP_ENDPOINT, for "
            "instance to http://localhost:4318"
        )
    try:
        from toolgate.apps.telemetry.otel import open_otel  # noqa: PLC0415  an optional extra
    except ModuleNotFoundError:
        raise ConfigError(
            "opentelemetry is on and not installed: pip install '.[otel]' in the checkout"
        ) from None
    return open_otel(environment)
