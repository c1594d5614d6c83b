"""What switches OpenTelemetry on, and what is said when it cannot be."""

import sys

import pytest

from toolgate.apps.settings.config import Config
from toolgate.apps.telemetry.telemetry import Silence, open_telemetry
from toolgate.errors import ConfigError

ON = Config(opentelemetry=True)
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


def test_nobody_is_told_unless_it_is_switched_on():
    assert isinstance(open_telemetry(Config(), COLLECTOR), Silence)


def test_without_a_collector_it_says_which_variable():
    with pytest.raises(ConfigError, match="set OTEL_EXPORTER_OTLP_ENDPOINT"):
        open_telemetry(ON, {})


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "toolgate.apps.telemetry.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[otel\]'"):
        open_telemetry(ON, COLLECTOR)
