"""Each deployment of the story has its one fault, and only that."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from toolgate.apps.settings.config import Config
from toolgate.apps.verify.command import Order, Part, verify
from toolgate.apps.verify.generate import generate
from toolgate.apps.verify.runner import Settings
from toolgate.apps.verify.scores import Share
from toolgate.apps.verify.story import FAULTY, Deployment, open_story, read_strictly, spoil
from toolgate.core.chunk import Chunk, Usage
from toolgate.dialects import get_dialect
from toolgate.engines.engine import Engine
from toolgate.engines.replay import ReplayEngine
from toolgate.wire.openai_chat import decode_request

CALL = {"id": "toolu_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
REQUEST = {
    "messages": [
        {"role": "user", "content": "Add."},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "3"},
        {"role": "user", "content": "Again."},
    ],
    "tools": [{"type": "function", "function": {"name": "add"}}],
}
HEADER = "<|im_assistant|>assistant<|im_middle|>"
WRITTEN = (
    "On it.<|tool_calls_section_begin|><|tool_call_begin|>{}<|tool_call_argument_begin|>{{}}"
    "<|tool_call_end|><|tool_calls_section_end|>"
)


def prompt(deployment: Deployment) -> str:
    asked = decode_request(msgspec.json.encode(REQUEST)).conversation
    return str(get_dialect("kimi_k2").render(spoil(asked, deployment), "k2-instruct"))


def test_what_the_model_reads():
    mended = prompt(Deployment(name="mended"))
    no_header, lists, ids = map(prompt, FAULTY)
    assert mended.endswith(HEADER)
    assert no_header + HEADER == mended
    assert lists == mended.replace(
        "<|tool_calls_section_begin|>",
        "[{'type': 'text', 'text': ''}]<|tool_calls_section_begin|>",
    ).replace("functions.add:0\n3", "functions.add:0\n[{'type': 'text', 'text': '3'}]")
    assert ids == mended.replace("functions.add:0", "toolu_1")


@pytest.mark.parametrize(
    ("written", "names"),
    [("functions.add:0", ["add"]), ("toolu_1", []), ("add:0", []), ("functions.a.b:0", [])],
)
def test_a_strict_parser_knows_canonical_ids_alone(written: str, names: list[str]):
    output = WRITTEN.format(written)
    told = read_strictly([Chunk(text=output), Chunk(finish_reason="stop")])
    assert [call.name for call in told.tool_calls] == names
    assert told.content == ("On it." if names else output)
    assert told.finish_reason == ("tool_calls" if names else "stop")


async def test_five_runs_over_the_same_requests(tmp_path: Path):
    def make_engine(config: Config) -> Engine:
        def script(prompt: str) -> list[Chunk]:
            """Says nothing where it is not its turn."""
            text = WRITTEN.format("add:0") if prompt.endswith(HEADER) else ""
            usage = Usage(prompt_tokens=len(prompt), completion_tokens=1)
            return [Chunk(text=text), Chunk(finish_reason="stop", usage=usage)]

        return ReplayEngine(script)

    def watch(name: str, total: int) -> Callable[[], None]:
        return lambda: None

    config = Config(dialect="kimi_k2", profile="k2-instruct", resend="off")
    targets = open_story(config, make_engine)
    order = Order(
        samples=generate(8),
        settings=Settings(retries=0),
        folder=tmp_path,
        streams=(False,),
        parts={Part.REQUESTS},
    )
    reports = await verify([*targets], order, watch)
    assert [one.name[0] for one in reports] == list("abcde")
    assert all(len(one.answered) == 8 for one in reports), reports[0].judged[0].result.response
    empty, _, strict, mended, _ = (one.finish_reasons for one in reports)
    assert empty == {"stop": 8} and strict == {"stop": 8} and mended == {"tool_calls": 8}
    exact = [one.fidelity.exact for one in reports]
    assert exact[0] == Share(0, 8) and exact[1].hits < 8 and exact[2].hits < 8, "each fault shows"
    assert exact[3] == Share(8, 8)
    assert json.loads((tmp_path / "c-ids" / "summary.json").read_text())["finish_stop"] == 8
