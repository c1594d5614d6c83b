"""`toolgate view` as a process: it shows a file, follows it, and ends when told to."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.apps.cli.run_toolgate import complain
from tests.engines.traces.recordings import make_recording
from toolgate.engines.traces.store import TraceStore
from toolgate.pipeline.trace import encode_recording


@contextmanager
def viewing(file: Path) -> Iterator[httpx2.Client]:
    command = [sys.executable, "-m", "toolgate", "view", str(file), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:") and address.endswith("/_toolgate/")
        try:
            with httpx2.Client(base_url=address) as client:
                yield client
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    client.close()


def ids(client: httpx2.Client) -> list[str]:
    return [one["newest"]["id"] for one in client.get("api/conversations").json()]


def test_a_gateways_file_is_followed(tmp_path):
    file = tmp_path / "t.db"
    with closing(TraceStore(file)) as store:
        store.add([make_recording("req_1", conversation="a")])
        with viewing(file) as client:
            assert ids(client) == ["req_1"]
            with client.stream("GET", "api/live") as told:
                frames = told.iter_lines()
                assert '"newest":1' in next(frames)
                store.add([make_recording("req_2", conversation="b")])
                assert any('"newest":2' in line for line in frames)
            assert ids(client) == ["req_2", "req_1"]


def test_whoever_looks_on_does_not_hold_up_the_end(tmp_path):
    file = tmp_path / "t.db"
    TraceStore(file).close()
    with viewing(file) as client:
        told = client.send(client.build_request("GET", "api/live"), stream=True)
        assert next(told.iter_lines())
    told.close()


def test_exported_lines_are_shown_too(tmp_path):
    file = tmp_path / "turns.jsonl"
    file.write_bytes(encode_recording(make_recording()) + b"\n")
    with viewing(file) as client:
        assert ids(client) == ["req_1"]
        assert client.get("api/about").json()["file"] == "turns.db"
        answer = client.get("api/about", headers={"host": "evil.com"})
        assert answer.status_code == 403
    assert [path.name for path in tmp_path.iterdir()] == ["turns.jsonl"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot read"), (b"\xff\xfe", "neither"), (b"{}", "line 1, is no recording")],
)
def test_mistakes(tmp_path, content, said):
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    assert said in complain("view", str(file))
