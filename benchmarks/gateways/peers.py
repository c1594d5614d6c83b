"""Who is measured: how each gateway is installed, started and asked. A table, and nothing else.

Peers come from PyPI and npm into a cache of their own, each with everything that it needs.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gateways.process import free_port

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("TOOLGATE_BENCH") or ROOT / ".bench").absolute()
MODEL = "kimi-k2"
KEY = "sk-bench"
INSTALL_SECONDS = 900

Command = Sequence[str | Path]


class Setting(NamedTuple):
    """What a gateway is started with."""

    engine: str
    """The scripted engine's URL."""
    port: int
    folder: Path
    """Where it may write its configuration."""


class Gateway(NamedTuple):
    name: str
    command: Callable[[Setting], Command]
    protocol: str = "chat"
    pip: str = ""
    npm: str = ""
    env: Mapping[str, str] = {}

    @property
    def home(self) -> Path:
        return CACHE / re.sub(r"[^a-z0-9.]+", "-", (self.pip or self.npm).strip("@"))

    def install(self) -> None:
        """Once; another version is another folder only if the table names it."""
        done = self.home / "installed"
        if not (self.pip or self.npm) or done.exists():
            return
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        for step in _pip_steps(self) if self.pip else _npm_steps(self):
            subprocess.run(step, check=True, timeout=INSTALL_SECONDS, cwd=self.home)
        done.touch()


def _pip_steps(gateway: Gateway) -> Sequence[Command]:
    uv = Path(sys.executable).parent / "uv"
    python = gateway.home / "bin" / "python"
    return (
        (uv, "venv", "-q", "--allow-existing", "--python", sys.executable, gateway.home),
        (uv, "pip", "install", "-q", "--python", python, gateway.pip),
    )


def _npm_steps(gateway: Gateway) -> Sequence[Command]:
    (gateway.home / "package.json").write_text('{"private": true}\n')
    return (("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", gateway.npm),)


def _toolgate(given: Setting) -> Command:
    toolgate = Path(sys.executable).parent / "toolgate"
    family = ("--dialect", "kimi_k2", "--profile", "k2-0905")
    return (toolgate, "serve", "--engine", given.engine, *family, "--port", str(given.port))


def _byte_proxy(given: Setting) -> Command:
    return (sys.executable, HERE / "byte_proxy.py", str(given.port), given.engine)


def _litellm(given: Setting) -> Command:
    config = given.folder / "litellm.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n"
        f"      model: openai/{MODEL}\n      api_base: {given.engine}/v1\n      api_key: none\n"
    )
    litellm = LITELLM.home / "bin" / "litellm"
    return (litellm, "--config", config, "--host", "127.0.0.1", "--port", str(given.port))


def _smg(given: Setting) -> Command:
    return (
        *(SMG.home / "bin" / "smg", "launch", "--worker-urls", given.engine),
        *("--host", "127.0.0.1", "--port", str(given.port)),
        *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(free_port())),
        *("--backend", "openai", "--log-level", "warn"),
    )


def _claude_code_proxy(given: Setting) -> Command:
    return (
        *("env", f"OPENAI_API_BASE={given.engine}/v1", "OPENAI_API_KEY=none"),
        *(f"BIG_MODEL={MODEL}", f"SMALL_MODEL={MODEL}"),
        *(CLAUDE_CODE_PROXY.home / "bin" / "uvicorn", "server.fastapi:app"),
        *("--host", "127.0.0.1", "--port", str(given.port), "--log-level", "warning"),
    )


TOOLGATE = Gateway("toolgate", _toolgate)
TOOLGATE_MESSAGES = Gateway("toolgate, Anthropic Messages", _toolgate, "messages")
BYTE_PROXY = Gateway("byte proxy (parses nothing)", _byte_proxy)
LITELLM = Gateway(
    "LiteLLM 1.106.2",
    _litellm,
    pip="litellm[proxy]==1.106.2",
    env={"LITELLM_MASTER_KEY": KEY, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
)
SMG = Gateway("smg 1.13.0", _smg, pip="smg==1.13.0")
CLAUDE_CODE_PROXY = Gateway(
    "claude-code-proxy 0.1.5, Anthropic Messages",
    _claude_code_proxy,
    "messages",
    pip="claude-code-proxy==0.1.5",
)
# Not among them: claude-code-router, whose 2.0.0 stopped answering at a single stream and whose 3.1
# needs packages that npm does not have; kimi-proxy, which is in no registry.
GATEWAYS = (BYTE_PROXY, TOOLGATE, TOOLGATE_MESSAGES, SMG, LITELLM, CLAUDE_CODE_PROXY)

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}
