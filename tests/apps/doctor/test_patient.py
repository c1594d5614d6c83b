"""What a deployment is, for the checks."""

from pathlib import Path
from typing import Any

from toolgate.apps.doctor.patient import Patient
from toolgate.apps.serving.family import Family
from toolgate.apps.settings.config import Config
from toolgate.core.prompt import Plain, Prompt
from toolgate.dialects import get_dialect
from toolgate.engines.endpoint import Endpoint
from toolgate.engines.model_folder import ModelFolder
from toolgate.engines.replay import ReplayEngine

TOLD = {"model": "m", "template": "theirs", "bos_token": "[BOS]", "eos_token": None}


def patient(**more: Any) -> Patient:
    told: dict[str, Any] = {
        "config": Config(),
        "endpoint": Endpoint("http://x"),
        "engine": ReplayEngine(lambda prompt: []),
        "kind": "llama_cpp",
        "told": TOLD,
        "family": Family(get_dialect("kimi_k2"), "k2-thinking", ""),
    }
    return Patient(**(told | more))


def test_the_folders_template_goes_before_the_servers():
    folder = ModelFolder(
        path=Path(), template="mine", constants={"bos_token": "<s>"}, vocabulary=frozenset()
    )
    assert (patient().template, patient().constants) == ("theirs", {"bos_token": "[BOS]"})
    both = patient(folder=folder)
    assert (both.template, both.constants, both.model) == ("mine", {"bos_token": "<s>"}, "m")


async def test_the_engine_counts():
    assert await patient().count(Prompt((Plain("abc"),))) == 3
