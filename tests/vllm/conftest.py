"""A live vLLM and a live llama.cpp that run the same unquantised weights."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.apps.conftest import open_gateway, openai_for
from tests.vllm.install import ROOT, install
from toolgate.engines.discover import Address, DiscoveredEngine
from toolgate.engines.embedded.engine import EmbeddedEngine

__all__ = ["open_gateway", "openai_for"]  # fixtures that the tests here use too

START_SECONDS = 240
"""It takes half a minute on two idle cores."""
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}
# `vllm serve` asks for the metadata of a distribution called vllm; this one is called vllm-cpu.
SERVER = ("-m", "vllm.entrypoints.openai.api_server", "--served-model-name", "nano")
OPTIONS = (
    *("--max-model-len", "4096", "--max-num-seqs", "8", "--enforce-eager"),
    *("--dtype", "float32", "--enable-prompt-tokens-details"),
    *("--structured-outputs-config", '{"backend":"xgrammar"}'),
)


class Weights(NamedTuple):
    """The shipped model, unquantised: for llama.cpp, and for vLLM."""

    gguf: Path
    folder: Path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    out = tmp_path_factory.mktemp("weights")
    script = ROOT / "training" / "dequantise.py"
    with resources.as_file(resources.files("toolgate") / "models" / "toolgate-nano.gguf") as gguf:
        subprocess.run([install(), script, gguf, out], check=True)
    return Weights(out / "nano-f32.gguf", out / "hf")


@contextmanager
def serving_vllm(folder: Path, log: Path, *options: str, **environment: str) -> Iterator[str]:
    """A vLLM's address; it writes to `log`, and ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ("--model", str(folder), "--host", "127.0.0.1", "--port", str(port))
    with log.open("wb") as output:
        server = subprocess.Popen(
            [install(), *SERVER, *where, *OPTIONS, *options],
            env=os.environ | ENVIRONMENT | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            asyncio.run(until_healthy(url, server, log))
            yield url
        finally:
            server.terminate()
            server.wait(60)


@pytest.fixture(scope="session")
def vllm_url(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("vllm") / "log.txt"
    with serving_vllm(weights.folder, log, "--no-enable-prefix-caching") as url:
        yield url


async def until_healthy(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    engine = DiscoveredEngine(Address(url=url))
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await engine.healthy():
                assert server.poll() is None, f"vLLM has ended:\n{log.read_text()[-3000:]}"
                await asyncio.sleep(0.5)
    finally:
        await engine.close()


@pytest.fixture
async def vllm(vllm_url: str) -> AsyncIterator[DiscoveredEngine]:
    engine = DiscoveredEngine(Address(url=vllm_url))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def llama(weights: Weights) -> AsyncIterator[EmbeddedEngine]:
    engine = EmbeddedEngine(weights.gguf, context=4096, threads=1)
    await engine.start()
    yield engine
    await engine.close()
