"""What each kind of engine answers, word for word but for the values: its shapes, with sources.

SGLang and TensorRT-LLM have no CPU build, so these stand for them; vLLM's and llama.cpp's were
recorded from the real servers, which `make test-vllm` and the tests of `llama_cpp` run.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.engines.scripted_server import Script, answer

MARKER, END = "<|tool_call_begin|>", "<|im_end|>"
SPECIAL = {
    MARKER: 700,
    "<|tool_calls_section_begin|>": 701,
    "<|tool_calls_section_end|>": 702,
    "<|tool_call_argument_begin|>": 703,
    "<|tool_call_end|>": 704,
    **{
        f"<|im_{role}|>": 705 + n
        for n, role in enumerate(("system", "user", "assistant", "middle"))
    },
    "<think>": 709,
    "</think>": 710,
    END: 900,
}
SPELLED = re.compile(f"({'|'.join(map(re.escape, SPECIAL))})")
MODEL = "toolgate-nano"
CONTEXT = 4096


def sse(value: Any) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def encode(text: str, *, special: bool) -> list[int]:
    """A vocabulary: characters, and a few special tokens."""
    pieces = SPELLED.split(text) if special else [text]
    return [
        token
        for piece in pieces
        for token in ([SPECIAL[piece]] if piece in SPECIAL else map(ord, piece))
    ]


@dataclass(frozen=True)
class RecordedEngine:
    """One kind of engine: how it answers each path, and how it writes an answer's frames."""

    kind: str
    path: str
    """Where it generates."""
    paths: Mapping[str, Script]
    piece: Callable[[str, int], Any]
    """The frame of one token: its text and its id."""
    end: Callable[[str], Sequence[Any]]
    """The frames with which an answer ends, `stop` or `length`."""
    error: Any
    """The frame of an error in the middle, `boom` with code 500."""
    request: Mapping[str, Any]
    """What a request for `ask` in the tests must say."""
    tells_ids: bool = True
    takes_tokens: bool = True
    context: int | None = CONTEXT
    """How many tokens prompt and answer may have, as far as that is known."""
    cached: int = 0
    """Of two tokens, as `end` tells."""
    abort: Sequence[Any] = field(default=())
    """The frames with which it says that it gave up, if it has words for that."""

    def __str__(self) -> str:
        return self.kind


def models(owner: str, **card: Any) -> bytes:
    cards = [{"id": MODEL, "object": "model", "created": 1795237811, "owned_by": owner, **card}]
    return answer(json.dumps({"object": "list", "data": cards}).encode())


def tokenizer(field: str, *, parse_special: bool = False) -> Script:
    """With `parse_special`, a request may say that special tokens are only text."""

    def tokenize(body: bytes) -> bytes:
        asked = json.loads(body)
        tokens = encode(asked[field], special=asked.get("parse_special", True) or not parse_special)
        return answer(json.dumps({"count": len(tokens), "tokens": tokens}).encode())

    return tokenize


EMPTY = answer(b"")
COUNTS = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def choice(text: str, reason: str | None = None, **rest: Any) -> dict[str, Any]:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1795237839, "model": MODEL}
    one = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason, **rest}
    return {**head, "choices": [one]}


def usage(**rest: Any) -> dict[str, Any]:
    return {**choice(""), "choices": [], "usage": {**COUNTS, **rest}}


# vLLM 0.32.0, recorded from its server; read in entrypoints/openai/completion/serving.py.
VLLM = RecordedEngine(
    kind="vllm",
    path="/v1/completions",
    paths={
        "/v1/models": models("vllm", root="/models/nano", parent=None, max_model_len=CONTEXT),
        "/version": answer(b'{"version":"0.32.0"}'),
        "/health": EMPTY,
        "/tokenize": tokenizer("prompt"),
    },
    piece=lambda text, token_id: choice(
        text, stop_reason=None, prompt_token_ids=None, token_ids=[token_id]
    ),
    end=lambda reason: [
        choice("", reason, stop_reason=None, token_ids=[SPECIAL[END]] if reason == "stop" else []),
        {**usage(), "system_fingerprint": "vllm-0.32.0-1f233f9d"},
        b"[DONE]",
    ],
    error={"error": {"message": "boom", "type": "InternalServerError", "param": None, "code": 500}},
    abort=[choice("", "abort", stop_reason=None, token_ids=[])],
    request={
        "prompt": [ord("H"), ord("i"), SPECIAL[END]],
        "max_tokens": CONTEXT - 3,
        "stop_token_ids": [SPECIAL[END]],
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "add_special_tokens": False,
        "return_token_ids": True,
    },
)

# SGLang's main branch of 2026: srt/entrypoints/openai/serving_completions.py
# (`_generate_completion_stream`), protocol.py (`CompletionResponseStreamChoice`, `ModelCard`),
# serving_base.py (`create_streaming_error_response`), http_server.py (`/server_info`).
SGLANG = RecordedEngine(
    kind="sglang",
    path="/v1/completions",
    paths={
        "/v1/models": models("sglang", root=MODEL, parent=None, max_model_len=CONTEXT),
        "/server_info": answer(b'{"model_path":"/m","internal_states":[{}],"version":"0.5.23"}'),
        "/health": EMPTY,
        "/tokenize": tokenizer("prompt"),
    },
    piece=lambda text, token_id: choice(text, matched_stop=None, token_ids=[token_id]),
    end=lambda reason: [
        choice("", reason, matched_stop=SPECIAL[END], token_ids=[SPECIAL[END]])
        if reason == "stop"
        else choice("", reason, matched_stop=None, token_ids=[]),
        usage(prompt_tokens_details={"cached_tokens": 2}, reasoning_tokens=0),
        b"[DONE]",
    ],
    error={"error": {"object": "error", "message": "boom", "type": "INTERNAL", "code": 500}},
    abort=[choice("", "abort", matched_stop=None, token_ids=[])],
    cached=2,
    context=CONTEXT - 1,
    request={
        "prompt": [ord("H"), ord("i"), SPECIAL[END]],
        "max_tokens": CONTEXT - 1 - 3,
        "stop_token_ids": [SPECIAL[END]],
        "skip_special_tokens": False,
        "return_token_ids": True,
    },
)

# TensorRT-LLM's main branch of 2026: serve/postprocess_handlers.py
# (`completion_stream_post_processor`), serve/openai_protocol.py (`CompletionRequest`,
# `TokenizeResponse`, `ModelCard`), serve/openai_server.py (paths).
TENSORRT_LLM = RecordedEngine(
    kind="tensorrt_llm",
    path="/v1/completions",
    paths={
        "/v1/models": models("tensorrt_llm"),
        "/version": answer(b'{"version":"1.2.1"}'),
        "/health": EMPTY,
        "/_internal/tokenize": tokenizer("prompt"),
    },
    piece=lambda text, token_id: {
        **choice(text, stop_reason=None, token_ids=None, avg_decoded_tokens_per_iter=1.0),
        "usage": None,
    },
    end=lambda reason: [
        {**choice("", reason, stop_reason=None, token_ids=None), "usage": None},
        usage(prompt_tokens_details={"cached_tokens": 2}),
        b"[DONE]",
    ],
    error={"object": "error", "message": "boom", "type": "x", "param": None, "code": 500},
    abort=[{**choice("", "cancelled", stop_reason=None, token_ids=None), "usage": None}],
    tells_ids=False,
    cached=2,
    context=None,
    request={
        "prompt": [ord("H"), ord("i"), SPECIAL[END]],
        "stop_token_ids": [SPECIAL[END]],
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "add_special_tokens": False,
    },
)

# OpenAI's reference (platform.openai.com/docs/api-reference/completions/object), and servers that
# keep to it.
OPENAI_COMPLETIONS = RecordedEngine(
    kind="openai_completions",
    path="/v1/completions",
    paths={"/v1/models": models("somebody")},
    piece=lambda text, token_id: choice(text),
    end=lambda reason: [choice("", reason), usage(), b"[DONE]"],
    error={"error": {"message": "boom", "type": "server_error", "param": None, "code": None}},
    tells_ids=False,
    takes_tokens=False,
    context=None,
    request={"prompt": f"Hi{END}", "max_tokens": 4096, "stop": [END]},
)


def llama_end(reason: str) -> list[dict[str, Any]]:
    kind = {"stop": "eos", "length": "limit"}[reason]
    counts = {"tokens_predicted": 2, "tokens_evaluated": 3, "timings": {"cache_n": 2}}
    return [{"content": "", "tokens": [], "stop": True, "stop_type": kind, **counts}]


PROPS = answer(b'{"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}')
LLAMA_REQUEST = {
    "prompt": [ord("H"), ord("i"), SPECIAL[END]],
    "n_predict": -1,
    "preserved_tokens": [MARKER],
    "return_tokens": True,
    "cache_prompt": True,
    "response_fields": [
        *("stop", "stop_type", "tokens_evaluated", "tokens_predicted", "timings", "model")
    ],
}

# llama.cpp b11549, recorded from xllamacpp; read in tools/server/server-task.cpp.
LLAMA_CPP = RecordedEngine(
    kind="llama_cpp",
    path="/completion",
    paths={
        "/v1/models": models("llamacpp", meta={"n_ctx_train": CONTEXT}),
        "/props": PROPS,
        "/health": answer(b'{"status": "ok"}'),
        "/tokenize": tokenizer("content", parse_special=True),
    },
    piece=lambda text, token_id: {"content": text, "tokens": [token_id], "stop": False},
    end=llama_end,
    error={"error": {"code": 500, "message": "boom", "type": "server_error"}},
    cached=2,
    request=LLAMA_REQUEST,
)


def ik_end(reason: str) -> list[dict[str, Any]]:
    why = {f"stopped_{name}": name == reason for name in ("eos", "word", "limit")}
    why["stopped_eos" if reason == "stop" else "stopped_limit"] = True
    counts = {"tokens_predicted": 2, "tokens_evaluated": 3}
    return [{"content": "", "stop": True, "truncated": False, **why, **counts, "timings": {}}]


# ik_llama.cpp of August 2026: examples/server/server-context.cpp (`send_partial_response`,
# `send_final_response`), server.cpp (`handle_tokenize`, `handle_props`, the `Server` header).
IK_LLAMA_CPP = RecordedEngine(
    kind="ik_llama_cpp",
    path="/completion",
    paths={
        "/v1/models": models("llamacpp", max_model_len=CONTEXT),
        "/props": PROPS,
        "/health": answer(b'{"status": "ok"}').replace(
            b"content-type", b"server: ik_llama.cpp\r\ncontent-type", 1
        ),
        "/tokenize": tokenizer("content"),
    },
    piece=lambda text, token_id: {
        "content": text,
        "stop": False,
        "id_slot": 0,
        "multimodal": False,
    },
    end=ik_end,
    error={"error": {"code": 500, "message": "boom", "type": "server_error"}},
    tells_ids=False,
    request=LLAMA_REQUEST,
)

RECORDED = (VLLM, SGLANG, TENSORRT_LLM, OPENAI_COMPLETIONS, LLAMA_CPP, IK_LLAMA_CPP)
