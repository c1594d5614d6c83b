import json
from pathlib import Path

import pytest

from toolgate.apps.verify.generate import generate
from toolgate.apps.verify.samples import fingerprint, prepare, read_samples, write_samples
from toolgate.errors import ConfigError


def test_our_own_set_goes_through_a_file(tmp_path: Path):
    samples = generate(16)
    write_samples(samples, tmp_path / "samples.jsonl")
    assert read_samples(tmp_path / "samples.jsonl") == samples


def test_official_samples_come_out_as_they_came_in(tmp_path: Path):
    """Fields of K2-Vendor-Verifier's file, in its order; one text holds U+2028 and U+0085."""
    call = {"id": "functions.search:0", "type": "function", "function": {"name": "search"}}
    asked = [
        [
            {"role": "system", "content": "你是 Kimi。"},
            {"role": "user", "content": "a\u2028b\u0085"},
        ],
        [{"role": "_input", "name": "memory", "content": "x"}, {"role": "user", "content": ""}],
        [{"role": "assistant", "content": "", "tool_calls": [call]}],
    ]
    settings = {"tools": [], "temperature": 0.6, "max_tokens": 64000, "stream": True, "user": "u"}
    lines = [
        json.dumps({"model": "moonshot", "messages": one, **settings}, ensure_ascii=False) + "\n"
        for one in asked
    ]
    (tmp_path / "in.jsonl").write_text("".join(lines), "utf-8")
    samples = read_samples(tmp_path / "in.jsonl")
    write_samples(samples, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "in.jsonl").read_bytes()
    assert [one.data_index for one in samples] == [1, 2, 3]


def test_what_is_sent_is_for_this_model_and_knows_no_input_role(tmp_path: Path):
    path = tmp_path / "samples.jsonl"
    path.write_text(
        '{"model": "moonshot", "messages": [{"role": "_input", "content": "x", "name": "n"}],'
        ' "user": "a"}\n'
    )
    (sample,) = read_samples(path)
    body = prepare(sample, model="kimi", stream=False, changes={"temperature": 1.0})
    assert body["messages"] == [{"role": "system", "content": "x", "name": "n"}]
    assert (body["model"], body["stream"], body["temperature"]) == ("kimi", False, 1.0)
    assert body["user"] == "a"
    assert sample.expected is None
    assert sample.request["messages"][0]["role"] == "_input", "the sample itself stays"


def test_the_fingerprint_is_the_official_one():
    # md5 of json.dumps(request, sort_keys=True, ensure_ascii=False)
    assert fingerprint({"b": "é", "a": 1}) == "4958a382e543ba9bf8b8c958ed0c1b21"
    assert fingerprint({"a": 1, "b": "é"}) == fingerprint({"b": "é", "a": 1})


@pytest.mark.parametrize("line", ["{", "[]", '{"messages": "hi"}'])
def test_a_line_that_is_no_request_is_named(tmp_path: Path, line: str):
    path = tmp_path / "samples.jsonl"
    path.write_text('{"messages": []}\n' + line + "\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_samples(path)


def test_no_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_samples(tmp_path / "none.jsonl")
