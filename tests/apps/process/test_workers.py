"""Several processes at one address: real ones, with the model that toolgate ships."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from toolgate.engines.traces.row import Wanted
from toolgate.engines.traces.store import TraceStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes share no socket on Windows")

CHAT = "/v1/chat/completions"
ASKED = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}


@contextmanager
def gateway(*options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "toolgate", "serve", "--port", "0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def children(process: "subprocess.Popen[str]") -> list[int]:
    """The workers; the other child is llama.cpp."""
    listed = subprocess.check_output(["ps", "-o", "pid=,args=", "--ppid", f"{process.pid}"])
    lines = listed.decode().splitlines()
    return [int(line.split()[0]) for line in lines if "toolgate.apps.process.worker" in line]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_counted(url: str, answers: int) -> None:
    """A request is counted after its last byte, and perhaps by another worker than is asked."""
    line = f'requests_total{{path="{CHAT}",status="200"}} {answers}.0'
    for _ in range(200):
        if line in httpx2.get(url + "/metrics", timeout=60).text:
            return
        time.sleep(0.05)
    raise AssertionError(f"never {answers} answers")


def test_several_workers_answer_die_and_end_as_one(tmp_path):
    traces = tmp_path / "t.db"
    with gateway("--workers", "2", "--trace-file", str(traces)) as (process, url):
        assert process.stderr is not None
        assert "remembers reasoning by itself" in process.stderr.readline()
        first, second = children(process)
        for _ in range(4):
            assert httpx2.post(url + CHAT, json=ASKED, timeout=60).status_code == 200
        wait_until_counted(url, 4)
        os.kill(first, signal.SIGKILL)
        assert any("another one begins" in line for line in process.stderr)
        for _ in range(4):
            assert httpx2.post(url + CHAT, json=ASKED, timeout=60).status_code == 200
        pids = children(process)
        assert second in pids
        wait_until_counted(url, 8)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not any(is_alive(pid) for pid in [first, *pids])
    store = TraceStore(traces)
    assert 4 <= len(list(store.each(Wanted()))) <= 8  # the killed one took its last ones along
    store.close()


def test_workers_that_cannot_start_say_so_and_leave():
    nowhere = ("--engine", "http://127.0.0.1:1", "--engine-kind", "llama_cpp")
    with gateway("--workers", "2", *nowhere) as (process, url):
        _, said = process.communicate()
    assert (url, process.returncode) == ("", 1)
    assert "toolgate: No inference server answers at http://127.0.0.1:1" in said
    assert "toolgate: No worker started, 3 times" in said
