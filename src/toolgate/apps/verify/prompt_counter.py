"""How many tokens a request's prompt has as toolgate writes it, in the model's own vocabulary.

What a deployment tells in `usage.prompt_tokens` beside it shows whether both read the same prompt.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from toolgate.apps.serving.open_engine import open_engine
from toolgate.apps.serving.service import Service
from toolgate.apps.settings.config import Config
from toolgate.core.prompt import Prompt
from toolgate.engines.engine import Engine
from toolgate.engines.replay import ReplayEngine
from toolgate.engines.tokenizers import Tokenizer, find_folder, has_tokenizer, open_tokenizer
from toolgate.engines.tokenizers.prompt_tokens import PromptTokens
from toolgate.errors import ConfigError, EngineError, InvalidRequest, ToolgateError
from toolgate.pipeline.notes import Notes
from toolgate.wire.openai_chat import decode_request

_log: Final = logging.getLogger("toolgate")


async def count_prompt(service: Service, request: Mapping[str, Any]) -> int | None:
    """Of a Chat Completions request, by a service that has started; None where nobody can."""
    if service.chats or not service.engine.capabilities.counts_exactly:
        return None
    try:
        asked = decode_request(msgspec.json.encode(request))
        conversation, _ = await service.make_ready(asked.conversation)
        turn = await service.begin_turn(conversation, Notes())
        return await service.engine.count_tokens(turn.prompt)
    except (InvalidRequest, EngineError):
        return None


async def open_counter(config: Config, name: str) -> Service | None:
    """A started service to count for somebody's server: by the model's folder, else by the server.

    None, and a warning that says why, where neither tells the vocabulary or the family.
    """
    service = Service(config, _open_reader(config))
    try:
        await service.start()
        if service.chats:
            raise ConfigError("it only chats; --model-dir names the model's folder")
    except ToolgateError as error:
        await service.close()
        _log.warning("%s: its prompts' tokens are not compared: %s", name, error)
        return None
    return service


def _open_reader(config: Config) -> Engine:
    """Raises: ConfigError."""
    folder = find_folder(config.model_dir) if config.model_dir else None
    if folder is not None and has_tokenizer(folder):
        return _Reader(open_tokenizer(str(folder)))
    return open_engine(config)


class _Reader(ReplayEngine):
    """An `Engine` that has a tokenizer, and no model to ask."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(lambda prompt: ())
        self._tokens = PromptTokens(tokenizer.tokenize)

    async def marker_ids(self, markers: Any) -> Mapping[int, str]:
        return {one: text for text, one in (await self._tokens.special_ids(markers)).items()}

    async def count_tokens(self, prompt: Prompt) -> int:
        return len(await self._tokens.encode(prompt))
