"""docs/deploy: every flag, variable, port, path and image stage in it is one that exists."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import yaml
from typer.main import get_command

from toolgate.apps.cli import app
from toolgate.apps.http.metrics import PATHS
from toolgate.apps.process.server import LINGERING_SECONDS
from toolgate.apps.settings.config import Config
from toolgate.apps.settings.config_file import read_configs

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "deploy"
TEXTS = {
    path.relative_to(DEPLOY).as_posix(): path.read_text("utf-8")
    for path in DEPLOY.rglob("*")
    if path.is_file()
}
COMPOSE = yaml.decode(TEXTS["compose.yaml"])
VALUES = yaml.decode(TEXTS["helm/values.yaml"])
TEMPLATES = sorted(name for name in TEXTS if re.fullmatch(r"helm/templates/\w+\.yaml", name))
PORT = Config().port


def filled(name: str) -> Any:
    """A template as YAML: without its conditions and loops, and a word for what is filled in."""
    lines = [line for line in TEXTS[name].splitlines() if not re.fullmatch(r"\s*{{.*}}", line)]
    return yaml.decode(re.sub(r"\"?{{[^}]*}}\"?", "filled", "\n".join(lines)))


def find(value: Any, key: str) -> Iterator[Any]:
    """What stands under a key, wherever it is."""
    if isinstance(value, dict):
        yield from (one for name, one in value.items() if name == key)
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, dict | list):
            yield from find(one, key)


@pytest.mark.parametrize("name", TEXTS)
def test_variables_are_settings(name):
    named = set(re.findall(r"\bTOOLGATE_([A-Z_]+)\b", TEXTS[name]))
    assert {one.lower() for one in named} <= {*Config.__struct_fields__}


def test_flags_are_those_of_serve():
    command = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    known = {flag for option in command.params for flag in option.opts}
    started = re.findall(r"toolgate serve( .*)", TEXTS["toolgate.service"])
    args = re.findall(r"args: (\[.*\])", TEXTS["helm/templates/deployment.yaml"])
    told = [*started, *args]
    assert len(told) == 2
    assert {flag for one in told for flag in re.findall(r"--[a-z-]+", one)} <= known


def test_it_listens_where_others_ask():
    (deployment,) = [filled(name) for name in TEMPLATES if "deployment" in name]
    service = COMPOSE["services"]["toolgate"]
    assert f"EXPOSE {PORT}\n" in TEXTS["Dockerfile"]
    assert f"http://127.0.0.1:{PORT}/health" in TEXTS["Dockerfile"]
    assert service["ports"] == [f"{PORT}:{PORT}"]
    assert VALUES["service"]["port"] == PORT
    assert [*find(deployment, "containerPort")] == [PORT]
    assert {one["path"] for one in find(deployment, "httpGet")} <= PATHS
    assert {*find(filled("helm/templates/monitor.yaml"), "path")} <= PATHS


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_one_object(name):
    made = filled(name)
    assert made["kind"].lower() in (Path(name).stem, "configmap", "servicemonitor")
    assert made["metadata"]["name"] == "filled"


def test_values_are_those_that_templates_ask_for():
    used = {
        path
        for name in TEMPLATES
        for path in re.findall(
            r"\.Values\.([\w.]+)", TEXTS[name] + TEXTS["helm/templates/NOTES.txt"]
        )
    }
    for path in used:
        value = VALUES
        for name in path.split("."):
            assert name in value, path
            value = value[name]
    assert {path.partition(".")[0] for path in used} == {*VALUES}


def test_the_charts_settings_are_right(tmp_path):
    file = tmp_path / "toolgate.toml"
    file.write_text(VALUES["config"], "utf-8")
    (config,) = read_configs({}, {}, file)
    assert (config.port, config.host) == (PORT, "0.0.0.0")


def test_answers_end_before_the_process_is_killed():
    least = Config().grace + LINGERING_SECONDS
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", TEXTS["toolgate.service"], re.MULTILINE)
    assert int(seconds) > least
    assert int(COMPOSE["services"]["toolgate"]["stop_grace_period"].removesuffix("s")) > least
    chart = re.search(r"add \.Values\.leaveAfter \.Values\.grace (\d+)", "".join(TEXTS.values()))
    assert chart and int(chart[1]) > LINGERING_SECONDS


def test_volumes_and_secrets_of_compose_exist():
    for service in COMPOSE["services"].values():
        named = {one.partition(":")[0] for one in service["volumes"]}
        assert named <= {*COMPOSE["volumes"]}
        assert {*service.get("secrets", [])} <= {*COMPOSE["secrets"]}
        assert {*service.get("depends_on", [])} <= {*COMPOSE["services"]}
    build = COMPOSE["services"]["toolgate"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_both_of_compose_reach_a_gated_model():
    told = [one["environment"].get("HF_TOKEN") for one in COMPOSE["services"].values()]
    assert told == ["${HF_TOKEN:-}"] * 2


def test_git_leaves_the_keys_alone():
    (file,) = [one["file"] for one in COMPOSE["secrets"].values()]
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    assert (DEPLOY / file).relative_to(ROOT).as_posix() in ignored


def test_a_claim_is_one_pods():
    text = TEXTS["helm/templates/deployment.yaml"]
    assert re.search(
        r"{{- if \.Values\.stateClaim }}\n( +#.*\n)* +strategy: { type: Recreate }", text
    )
    assert re.search(
        r"and \.Values\.stateClaim \(gt \(int \.Values\.replicas\) 1\) }}\n{{- fail", text
    )


def test_the_image_is_built_of_what_there_is():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", TEXTS["Dockerfile"], re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert all((ROOT / name).exists() for name in names)
    assert {f"!{name}" for name in names} <= {*TEXTS["Dockerfile.dockerignore"].split()}
    assert {project["readme"], *project["license-files"]} <= names
    (version,) = re.findall(r"^UV_VERSION := (.+)$", makefile, re.MULTILINE)
    assert f"uv=={version}\n" in TEXTS["Dockerfile"]
    pythons = set(re.findall(r"^FROM python:([\d.]+)", TEXTS["Dockerfile"], re.MULTILINE))
    assert {f"Programming Language :: Python :: {one}" for one in pythons} <= {
        *project["classifiers"]
    }


def test_the_charts_version_is_the_programs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert yaml.decode(TEXTS["helm/Chart.yaml"])["appVersion"] == project["version"]


def test_no_container_runs_as_root():
    user = re.findall(r"^USER (\d+)$", TEXTS["Dockerfile"], re.MULTILINE)
    (deployment,) = [filled(name) for name in TEMPLATES if "deployment" in name]
    assert user == [str(one) for one in find(deployment, "runAsUser")]
    assert f"--uid {user[0]} " in TEXTS["Dockerfile"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path):
    unit = tmp_path / "toolgate.service"
    unit.write_text(TEXTS["toolgate.service"].replace("/opt/toolgate/bin/toolgate", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not shutil.which("helm"), reason="Helm is not installed")
def test_helm_takes_the_chart():
    subprocess.run(["helm", "lint", "--strict", DEPLOY / "helm"], check=True)
