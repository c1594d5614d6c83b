"""What a model's folder, as it was published, says of its chat template and special tokens.

Reads `chat_template.jinja`, else `chat_template.json`, else what tokenizer_config.json holds: the
order in which Hugging Face's code looks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from toolgate.engines.tokenizers import find_folder
from toolgate.errors import ConfigError

SETTINGS: Final = "tokenizer_config.json"
_CONSTANTS: Final = ("bos_token", "eos_token", "pad_token", "unk_token")


class ModelFolder(Struct, frozen=True, kw_only=True):
    """What was found."""

    path: Path
    template: str | None
    constants: Mapping[str, str]
    """`bos_token` and its like, which templates write."""
    vocabulary: frozenset[str]
    """Special tokens; empty where the folder does not list them."""
    trained_context: int | None = None
    """Tokens that the model was trained to read, where the folder says so."""


def read_model_folder(name: str) -> ModelFolder:
    """Of a folder, or of a model's name on the hub.

    Raises: ConfigError.
    """
    path = find_folder(name)
    settings = _read_json(path / SETTINGS)
    added = settings.get("added_tokens_decoder")
    listed = list(added.values()) if isinstance(added, dict) else []
    listed += _list(_read_json(path / "tokenizer.json").get("added_tokens"))
    return ModelFolder(
        path=path,
        template=_find_template(path, settings),
        constants={name: text for name in _CONSTANTS if (text := _token(settings.get(name)))},
        vocabulary=frozenset(text for one in listed if (text := _token(one)) and text.strip()),
        trained_context=_find_context(_read_json(path / "config.json")),
    )


def read_template(path: Path) -> str:
    """Raises: ConfigError."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"template: {path} cannot be read: {error}") from error


def _find_template(path: Path, settings: Mapping[str, Any]) -> str | None:
    if (file := path / "chat_template.jinja").is_file():
        return read_template(file)
    own = _read_json(path / "chat_template.json").get("chat_template")
    return _choose(own) or _choose(settings.get("chat_template"))


def _find_context(config: Mapping[str, Any]) -> int | None:
    """Models that see and hear have a text model inside."""
    inner = config.get("text_config")
    for one in (config, inner if isinstance(inner, dict) else {}):
        if isinstance(found := one.get("max_position_embeddings"), int):
            return found
    return None


def _choose(found: Any) -> str | None:
    """Some models list several by name: the one for tools goes before the default."""
    if isinstance(found, str):
        return found
    named = {one.get("name"): one.get("template") for one in _list(found) if isinstance(one, dict)}
    chosen = named.get("tool_use") or named.get("default")
    return chosen if isinstance(chosen, str) else None


def _token(value: Any) -> str | None:
    """A token is written as its text, or as an object that holds it."""
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) and content else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _read_json(path: Path) -> Mapping[str, Any]:
    """Empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}
