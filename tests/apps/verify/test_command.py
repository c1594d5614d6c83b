"""The whole of it on a scripted model: asked, kept, judged, summed up."""

import json
from collections.abc import Callable
from pathlib import Path

from toolgate.apps.settings.config import Config
from toolgate.apps.verify.command import Order, Part, Recorded, verify
from toolgate.apps.verify.generate import generate
from toolgate.apps.verify.runner import Settings
from toolgate.apps.verify.scores import Share
from toolgate.apps.verify.targets import GatewayTarget
from toolgate.core.chunk import Chunk
from toolgate.engines.replay import ReplayEngine


def order(folder: Path) -> Order:
    return Order(samples=generate(16), settings=Settings(), folder=folder)


async def test_a_model_that_never_calls(tmp_path: Path):
    engine = ReplayEngine(lambda prompt: [Chunk(text="No.", finish_reason="stop")])
    config = Config(dialect="kimi_k2", enforce="off", resend="off")
    watched: list[str] = []

    def watch(name: str, total: int) -> Callable[[], None]:
        watched.append(f"{name}: {total}")
        return lambda: None

    (told,) = await verify([GatewayTarget("a/b:1", config, engine)], order(tmp_path), watch)
    assert watched == ["a/b:1, streamed: 16", "a/b:1, whole: 16", "a/b:1, schemas: 53"]
    assert told.finish_reasons == {"stop": 16}
    assert told.same_streamed == Share(16, 16)
    assert told.by_kind["must_not_call"] == Share(2, 2)
    assert told.by_kind["must_call"] == Share(0, 2)
    assert told.judged[0].observed.output == "No."
    assert told.judged[0].observed.prompt.endswith("<|im_middle|>")
    folder = tmp_path / "a-b-1"
    assert json.loads((folder / "summary.json").read_text())["finish_stop"] == 16
    own = json.loads((folder / "summary.toolgate.json").read_text())
    assert own["schemas"]["taken"] == {"hits": 44, "total": 44}
    assert own["prompt_tokens"]["exact"] == {"hits": 16, "total": 16}

    (again,) = await verify([Recorded(folder / "results.jsonl")], order(tmp_path), watch)
    assert again.right == told.right and again.judged[0].observed.output == "No."
    assert len(again.schemas) == len(told.schemas) == 53


async def test_a_part_alone(tmp_path: Path):
    engine = ReplayEngine(lambda prompt: [Chunk(text="No.", finish_reason="stop")])
    config = Config(dialect="kimi_k2", enforce="off", resend="off")
    only = Order(samples=generate(16), settings=Settings(), folder=tmp_path, parts={Part.REFUSALS})

    def watch(name: str, total: int) -> Callable[[], None]:
        raise AssertionError("nothing of this takes long")

    (told,) = await verify([GatewayTarget("x", config, engine)], only, watch)
    assert (told.judged, told.schemas, told.refused) == ([], [], Share(10, 10))
