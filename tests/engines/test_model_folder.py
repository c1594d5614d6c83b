"""What a model's folder says is read as Hugging Face's own code reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolgate.engines.model_folder import read_model_folder, read_template
from toolgate.errors import ConfigError


def write(folder: Path, name: str, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, "utf-8")


def test_an_empty_folder_says_nothing(tmp_path):
    found = read_model_folder(str(tmp_path))
    assert (found.template, found.constants, found.vocabulary) == (None, {}, frozenset())


def test_each_place_goes_before_the_next(tmp_path):
    write(tmp_path, "tokenizer_config.json", {"chat_template": "a"})
    assert read_model_folder(str(tmp_path)).template == "a"
    write(tmp_path, "chat_template.json", {"chat_template": "b"})
    assert read_model_folder(str(tmp_path)).template == "b"
    write(tmp_path, "chat_template.jinja", "c")
    assert read_model_folder(str(tmp_path)).template == "c"


@pytest.mark.parametrize(
    ("templates", "chosen"),
    [
        ([{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}], "t"),
        ([{"name": "default", "template": "d"}, "odd"], "d"),
        ([{"name": "rag", "template": "r"}], None),
        (7, None),
    ],
)
def test_of_several_templates_the_one_for_tools_is_taken(tmp_path, templates, chosen):
    write(tmp_path, "tokenizer_config.json", {"chat_template": templates})
    assert read_model_folder(str(tmp_path)).template == chosen


def test_special_tokens_are_read_from_both_files(tmp_path):
    settings = {
        "bos_token": {"content": "<s>", "lstrip": False},
        "eos_token": "</s>",
        "pad_token": None,
        "added_tokens_decoder": {"1": {"content": "<s>"}, "2": {"content": "  "}, "3": 7},
    }
    write(tmp_path, "tokenizer_config.json", settings)
    write(tmp_path, "tokenizer.json", {"added_tokens": [{"content": "<tool_call>", "id": 9}]})
    found = read_model_folder(str(tmp_path))
    assert found.constants == {"bos_token": "<s>", "eos_token": "</s>"}
    assert found.vocabulary == {"<s>", "<tool_call>"}


def test_what_cannot_be_read_is_told(tmp_path):
    write(tmp_path, "tokenizer_config.json", "{")
    with pytest.raises(ConfigError, match=r"tokenizer_config\.json cannot be read"):
        read_model_folder(str(tmp_path))
    with pytest.raises(ConfigError, match=r"template: .*none\.jinja cannot be read"):
        read_template(tmp_path / "none.jinja")
    write(tmp_path, "tokenizer_config.json", "[]")
    assert read_model_folder(str(tmp_path)).template is None


@pytest.mark.parametrize(
    ("config", "context"),
    [
        ({"max_position_embeddings": 4096}, 4096),
        ({"text_config": {"max_position_embeddings": 262144}}, 262144),
        ({"text_config": None}, None),
    ],
)
def test_the_context_that_the_model_was_trained_for(tmp_path, config, context):
    write(tmp_path, "config.json", config)
    assert read_model_folder(str(tmp_path)).trained_context == context
