"""How one model is served: made once, from flags, `TOOLGATE_*` variables or a file, then frozen.

Knows no engine and no HTTP; whoever starts something reads his setting here. `config_file` makes
several of these, one for each model; they differ in what concerns the model alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from toolgate.dialects import get_dialect, list_dialects
from toolgate.errors import ConfigError, UnknownModel

PREFIX: Final = "TOOLGATE_"
MEBIBYTE: Final = 1 << 20
SHIPPED_PROFILE: Final = "nano"
AUTO: Final = "auto"
DEFAULT_DIALECT: Final = "kimi_k2"
OWN_TEMPLATE: Final = "model"
_LISTS: Final = frozenset(
    {"aliases", "api_keys", "allowed_hosts", "engines", "fallbacks", "viewer_keys"}
)
"""Settings of several values, separated by commas in their variables."""
RENAMED: Final[Mapping[str, str]] = {"api_key": "engine_key"}
"""Old name → new one: `TOOLGATE_API_KEY` and `TOOLGATE_API_KEYS` were mistaken for each other."""


class Upstream(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One inference server of a model."""

    url: str
    kind: str | None = None
    """What it is (`engines.discover.ENGINES`); without it, toolgate finds out."""
    key: str | None = None
    """What it wants as `Authorization: Bearer …`."""
    key_env: str | None = None
    """The variable that holds the key, for files that others may read."""
    weight: Annotated[float, Meta(gt=0)] = 1.0
    """How much work it takes beside the others: 2.0 gets twice the requests of 1.0."""


class Config(Struct, frozen=True, kw_only=True):
    """Every setting; `read_config` makes it from what a person typed and exported."""

    engine: str | None = None
    """URL of an inference server; without one toolgate starts its own."""
    engine_kind: str | None = None
    """What that server is, and each in `engines` that does not say so itself."""
    gguf: Path | None = None
    """The model that its own engine loads; without one, the model that toolgate ships."""
    tokenizer: str | None = None
    """The engine's model's tokenizer: its folder, or its name on the hub. Without one, the engine
    is asked for the token ids of each text once."""
    model_dir: str | None = None
    """The engine's model's folder, or its name on the hub: for its tokenizer, its template, and to
    know its family by."""
    template: str | None = None
    """The chat template that writes the prompts instead of the dialect: a file, or `model` for the
    model's own."""
    model: str | None = None
    """The name that clients see; without one, what the engine calls its model."""
    engine_key: str | None = None
    """What the inference server wants as `Authorization: Bearer …`."""
    engines: tuple[Upstream | str, ...] = ()
    """Several servers that run this same model, instead of `engine`."""
    max_in_flight: Annotated[int, Meta(ge=1)] | None = None
    """Requests that one inference server is given at once; more wait here. None: no limit."""
    max_queue: Annotated[int, Meta(ge=0)] = 100
    """Requests of this model that wait; one more is told to come back (429)."""
    queue_seconds: Annotated[float, Meta(gt=0)] = 60.0
    """How long one waits before it is told to come back (503)."""
    fallbacks: tuple[str, ...] = ()
    """Models that answer instead, in this order, while no server of this one can be reached."""
    accept_any_model: bool = True
    """Serve requests for other names too. A gateway with one engine has one model to offer, and
    agents ask for several (Claude Code a small fast one, Codex its default): a 404 helps nobody."""
    aliases: tuple[str, ...] = ()
    """Names that mean this model too, as `claude-*=toolgate-nano`; they are listed if no globs."""
    store_url: str | None = None
    """Where reasoning and arguments are remembered, `redis://…`; without one, in this process."""
    trace_file: Path | None = None
    """Where requests are recorded; without a file, nowhere."""
    trace_contents: Literal["off", "redacted", "on"] = "off"
    """How much of what was said is recorded; `off` keeps nothing of it but its length."""
    trace_max_bytes: Annotated[int, Meta(ge=1)] = 512 * MEBIBYTE
    """Of the file; the oldest recordings make room for new ones."""
    trace_max_days: Annotated[float, Meta(gt=0)] = 30.0
    """How long a recording is kept."""
    log_format: Literal["text", "json"] = "text"
    """How the log is written: lines for people, or one JSON object a line."""
    opentelemetry: bool = False
    """Tell an OpenTelemetry collector of each request; its own variables say where it is."""
    dialect: str = AUTO
    """The model's family; `auto` knows it by the model's template and special tokens."""
    profile: str | None = None
    """The member of the dialect's family; without one, the dialect's default."""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8800
    """0 takes any free port."""
    api_keys: tuple[str, ...] = ()
    """Keys that clients must send one of; without any, and without a file, none is asked for."""
    api_keys_file: Path | None = None
    """SHA-256 hashes of such keys, one a line; `toolgate key` makes a key and its hash."""
    viewer_keys: tuple[str, ...] = ()
    """Keys of those who may look at recordings from anywhere; clients' keys open none."""
    allow_open: bool = False
    """Listen beyond loopback without any key, in a network that is trusted."""
    allowed_hosts: tuple[str, ...] = ()
    """Names of this gateway, and of web pages that may use it, where no keys are asked for."""
    resend: Literal["join", "replace", "off"] = "join"
    """What becomes of a request that its client sends again while the first is being answered."""
    orphan_results: Literal["refuse", "drop"] = "refuse"
    """What becomes of results of calls that the request does not have."""
    missing_results: Literal["refuse", "fill", "drop"] = "refuse"
    """What becomes of calls without a result: `fill` tells the model that none came back, `drop`
    leaves the call out. Refusing is what the vendors do, and what agents have learnt to avoid."""
    enforce: Literal["off", "auto", "bounded"] = "auto"
    """Whether an engine that can be held is held to declared tools and their schemas; `bounded`
    bounds the length of strings and lists too, so that every call ends soon."""
    steer: bool = False
    """Hold calls from outside, by stopping and correcting, although the engine takes grammars."""
    heartbeat: Annotated[float, Meta(gt=0)] = 10.0
    """Seconds without a word from the model after which a streaming client hears that we wait."""
    retries_on_invalid_calls: Annotated[int, Meta(ge=0, le=8)] = 2
    """How often a model is asked again because of a call that is not valid, where no grammar holds
    it. 0 passes calls on as they come."""
    empty_turn_retries: Annotated[int, Meta(ge=0)] = 1
    """How often a turn is tried again that says nothing although it follows a tool's result."""
    max_body: Annotated[int, Meta(ge=1)] = 32 * MEBIBYTE
    """Bytes of a request. The largest agent conversations measured are a few megabytes; images
    in base64 make up the rest."""
    max_messages: Annotated[int, Meta(ge=1)] = 10_000
    """Of one request; the longest agent sessions have some thousands."""
    max_tools: Annotated[int, Meta(ge=1)] = 128
    """Of one request, as at OpenAI and Moonshot; agents send some 25 of their own, and MCP's."""
    max_requests: Annotated[int, Meta(ge=1)] = 1024
    """Answered at once. More wait longer in an engine's queue than clients do."""
    workers: Annotated[int, Meta(ge=1)] = 1
    """Processes that answer at the same address; one fills one core."""
    grace: Annotated[float, Meta(ge=0)] = 10.0
    """Seconds that answers under way may go on once the gateway is told to stop."""

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """Its inference servers, however they were named; none means one of our own."""
        if self.engine is not None:
            return (Upstream(url=self.engine, kind=self.engine_kind, key=self.engine_key),)
        return tuple(
            Upstream(url=one, kind=self.engine_kind, key=self.engine_key)
            if isinstance(one, str)
            else one
            for one in self.engines
        )


def read_config(flags: Mapping[str, Any], environment: Mapping[str, str]) -> Config:
    """Settings from flags, else from `TOOLGATE_<NAME>`, else their defaults. None = not given.

    Raises: ConfigError, which names the setting.
    """
    found = convert(given(flags, environment))
    if isinstance(found, Config):
        return with_keys(found, environment)
    raise ConfigError(f"{explain(found.place[0])} is wrong: {found.what}")


class Mistake(Struct, frozen=True):
    """A setting that cannot be, and what to write instead."""

    place: tuple[str | int, ...]
    """Where: `("engines", 1, "weight")`."""
    what: str


def explain(name: str | int) -> str:
    """A setting, however it was given."""
    return f"{name} (or {PREFIX}{str(name).upper()})"


def given(flags: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """What was typed or exported, and nothing else; flags win.

    Raises: ConfigError for a variable under its old name.
    """
    for old, new in RENAMED.items():
        if environment.get(PREFIX + old.upper()):
            raise ConfigError(
                f"{PREFIX}{old.upper()} is now called {PREFIX}{new.upper()}: the key that your "
                f"inference server asks of toolgate. What clients send is in {PREFIX}API_KEYS."
            )
    exported = {name: _find_exported(name, environment) for name in Config.__struct_fields__}
    everything = exported | {name: value for name, value in flags.items() if value is not None}
    return {name: value for name, value in everything.items() if value is not None}


def convert(settings: Mapping[str, Any]) -> Config | Mistake:
    """These settings, with defaults for the others, or the first that cannot be."""
    try:
        config = msgspec.convert(settings, Config, strict=False, dec_hook=_to_path)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at ")
        return Mistake(_place(path), what)
    return find_mistake(config) or config


def find_mistake(config: Config) -> Mistake | None:
    """What settings that are each right cannot be together, or in this place."""
    for url, place in _urls(config):
        if not url.startswith(("http://", "https://")):
            return Mistake(place, f"an address begins with http:// or https://, not {url!r}")
    for name, is_wrong, what in _excluded(config):
        if is_wrong:
            return Mistake((name,), what)
    return find_family_mistake(config)


def _excluded(config: Config) -> Iterator[tuple[str, bool, str]]:
    """(setting, whether it is wrong beside the others, why)."""
    served = bool(config.upstreams)
    both = config.engine is not None and bool(config.engines)
    yield (
        "gguf",
        config.gguf is not None and served,
        "engine and gguf exclude each other: a server has its own model",
    )
    yield "engines", both, "engine and engines exclude each other: write all in engines"
    for name in ("tokenizer", "model_dir"):
        yield (
            name,
            getattr(config, name) is not None and not served,
            f"{name} needs an engine: our own llama.cpp has its model's tokenizer",
        )
    missing = config.gguf is not None and not config.gguf.is_file()
    yield "gguf", missing, f"there is no file {config.gguf}"


def find_family_mistake(config: Config) -> Mistake | None:
    """A family or a member of it that does not exist."""
    if config.dialect == AUTO:
        return _find_member_mistake(config.profile)
    try:
        dialect = get_dialect(config.dialect)
    except UnknownModel as error:
        return Mistake(("dialect",), str(error))
    if config.profile in (None, *dialect.profiles):
        return None
    members = ", ".join(dialect.profiles)
    return Mistake(("profile",), f"it is {config.profile!r}; {config.dialect} has {members}")


def _find_member_mistake(profile: str | None) -> Mistake | None:
    members = [member for name in list_dialects() for member in get_dialect(name).profiles]
    if profile in (None, *members):
        return None
    return Mistake(("profile",), f"it is {profile!r}; there are {', '.join(members)}")


def with_keys(config: Config, environment: Mapping[str, str]) -> Config:
    """The same with each engine's key read from the variable that `key_env` names.

    Raises: ConfigError when there is no such variable.
    """
    return replace(config, engines=tuple(_with_key(one, environment) for one in config.engines))


def _with_key(upstream: Upstream | str, environment: Mapping[str, str]) -> Upstream | str:
    if isinstance(upstream, str) or upstream.key_env is None:
        return upstream
    if not (key := environment.get(upstream.key_env)):
        raise ConfigError(
            f"key_env of {upstream.url} names the variable {upstream.key_env}, which is not set"
        )
    return replace(upstream, key=key, key_env=None)


def _urls(config: Config) -> list[tuple[str, tuple[str | int, ...]]]:
    urls: list[tuple[str, tuple[str | int, ...]]] = [(config.engine or "http://", ("engine",))]
    for index, one in enumerate(config.engines):
        place: Sequence[str | int] = () if isinstance(one, str) else ("url",)
        urls.append((one if isinstance(one, str) else one.url, ("engines", index, *place)))
    return urls


def _place(path: str) -> tuple[str | int, ...]:
    """`$.engines[1].weight` as names and numbers."""
    found = re.findall(r"\.(\w+)|\[(\d+)\]", path)
    return tuple(name or int(number) for name, number in found)


def _find_exported(name: str, environment: Mapping[str, str]) -> str | tuple[str, ...] | None:
    value = environment.get(PREFIX + name.upper(), "")
    if name in _LISTS:
        return tuple(item.strip() for item in value.split(",") if item.strip()) or None
    if name == "port" and value.startswith("tcp://"):
        return None  # Kubernetes exports this beside a Service that is called toolgate
    return value or None


def _to_path(kind: type, value: Any) -> Path:
    assert kind is Path
    return Path(value)
