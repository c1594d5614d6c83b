"""Which engine a model's settings mean."""

from functools import partial
from typing import Final

from msgspec.structs import replace

from toolgate.apps.settings.config import Config, Upstream
from toolgate.engines import discover
from toolgate.engines.embedded.engine import EmbeddedEngine
from toolgate.engines.engine import Engine
from toolgate.engines.pool.engine import Limits, Pool, Server
from toolgate.engines.tokenizers import find_folder, has_tokenizer, open_tokenizer

OUR_OWN: Final = "our own llama.cpp"


def open_engine(config: Config) -> Engine:
    """The engine that serves this model, not yet started; of several servers, a pool.

    So is one with fallbacks: a pool knows that it is down, and does not try it anew each time.

    Raises: ConfigError when there is no such kind of engine, or its tokenizer cannot be read.
    """
    servers = [
        Server(one.url, open_one(), one.weight, open_one)
        for one in config.upstreams
        for open_one in (partial(_open_upstream, config, one),)
    ] or [Server(OUR_OWN, EmbeddedEngine(config.gguf))]
    if len(servers) == 1 and config.max_in_flight is None and not config.fallbacks:
        return servers[0].engine
    limits = Limits(
        max_in_flight=config.max_in_flight,
        max_queue=config.max_queue,
        queue_seconds=config.queue_seconds,
    )
    return Pool(servers, limits)


def engine_settings(config: Config) -> Config:
    """The settings that make the engine, and defaults for all others: equal ones may share it."""
    return Config(
        model=config.model,  # an upstream that serves several is asked for it
        engines=config.upstreams,
        gguf=config.gguf,
        tokenizer=config.tokenizer,
        model_dir=config.model_dir,
        fallbacks=config.fallbacks,
        max_in_flight=config.max_in_flight,
        max_queue=config.max_queue,
        queue_seconds=config.queue_seconds,
    )


def _open_upstream(config: Config, upstream: Upstream) -> Engine:
    address = discover.Address(url=upstream.url, api_key=upstream.key, model=config.model)
    kind = upstream.kind or discover.guess_kind(upstream.url)
    if name := config.tokenizer or _tokenizer_folder(config):
        discover.check_tokenizer_use(kind)
        address = replace(address, tokenizer=open_tokenizer(name))
    return discover.open_engine(address, kind)


def _tokenizer_folder(config: Config) -> str | None:
    """The model's own folder, where it has a tokenizer; it may hold no more than a template."""
    if config.model_dir is None:
        return None
    folder = find_folder(config.model_dir)
    return str(folder) if has_tokenizer(folder) else None
