"""The plug-in where vLLM is not; what it does inside vLLM is tested in tests/vllm."""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

PLUGIN = "toolgate.integrations.vllm"
VOCABULARY = {"<think>": 0, "</think>": 1, "<|im_end|>": 2, "Hi": 3}


class Tokenizer:
    eos_token = "<|im_end|>"

    def get_vocab(self) -> dict[str, int]:
        return VOCABULARY

    def decode(self, token_ids: list[int]) -> str:
        return "".join([*VOCABULARY][one] for one in token_ids)


class Base:
    """What the plug-in inherits from vLLM's two kinds of parsers."""

    def __init__(self, tokenizer: Any, tools: Any = None, **kwargs: Any) -> None:
        self.model_tokenizer, self.tools = tokenizer, tools or []


class Whole:
    """vLLM's parser that holds the other two; what it is told of the prompt it keeps."""

    def __init__(self, reasoning_parser: Any) -> None:
        self.reasoning_parser = reasoning_parser

    def set_prompt_token_ids(self, prompt_token_ids: list[int]) -> None:
        return


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch):
    """The plug-in beside what it takes from vLLM."""
    kept = SimpleNamespace(register_module=lambda name, module: None)
    said = ("FunctionCall", "Message", "ToolCall")
    named: dict[str, dict[str, Any]] = {
        "vllm": {},
        "vllm.entrypoints.generate.base.protocol": dict.fromkeys(
            (*(f"Delta{one}" for one in said), "ExtractedToolCallInformation", said[0], said[2])
        ),
        "vllm.parser.abstract_parser": {"DelegatingParser": type("Own", (Whole,), {})},
        "vllm.parser.utils": {"count_history_tool_calls": None},
        "vllm.reasoning": {"ReasoningParser": Base, "ReasoningParserManager": kept},
        "vllm.tool_parsers": {"ToolParser": Base, "ToolParserManager": kept},
    }
    for name, held in named.items():
        module = ModuleType(name)
        vars(module).update(held)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("TOOLGATE_DIALECT", "kimi_k2")
    yield importlib.import_module(PLUGIN)
    sys.modules.pop(PLUGIN)


@pytest.mark.parametrize(
    ("prompt", "told"), [([3, 0], ("Hm, two", "")), ([3], ("", "Hm, two"))], ids=["begun", "not"]
)
def test_every_whole_answer_knows_how_the_prompt_ended(plugin, prompt, told):
    # vLLM makes a parser for each of `n` answers, and tells the later ones no other way.
    tokenizer = Tokenizer()
    ours = plugin.ToolgateReasoningParser(tokenizer)
    plugin.DelegatingParser(ours).set_prompt_token_ids(prompt)
    request = SimpleNamespace(include_stop_str_in_output=True)
    assert ours.extract_reasoning("Hm, two", request) == (told[0] or None, "Hm, two")
    assert ours._reading.whole.content == told[1]


def test_a_parser_of_others_is_told_nothing(plugin):
    plugin.DelegatingParser(None).set_prompt_token_ids([0])


def test_without_vllm_it_says_what_it_is_for():
    assert find_spec("vllm") is None
    with pytest.raises(ImportError, match="a plug-in for vLLM, which is not here"):
        importlib.import_module("toolgate.integrations.vllm")


def test_its_file_can_be_found_without_vllm():
    found = find_spec("toolgate.integrations.vllm")
    assert found is not None
    assert found.origin is not None
    assert found.origin.endswith("integrations/vllm/__init__.py")
