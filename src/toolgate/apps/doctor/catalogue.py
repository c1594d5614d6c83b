"""Everything that the doctor can find: how bad it is, what it means, and what mends it.

docs/doctor.md shows this table; a test holds the two together.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct


class Severity(StrEnum):
    """From what stops tool calling to what only costs."""

    ERROR = "error"
    """Calls fail, or nobody can serve them."""
    WARNING = "warning"
    """Some calls fail, or cost more than they should."""


class Entry(Struct, frozen=True):
    """One thing that can be wrong."""

    severity: Severity
    what: str
    mend: str


_ERROR: Final = Severity.ERROR
_WARNING: Final = Severity.WARNING
_OR_TOOLGATE: Final = ", or let clients come through toolgate, which writes the prompt itself"

CATALOGUE: Final[Mapping[str, Entry]] = {
    "unreachable": Entry(
        _ERROR,
        "no inference server answers at this address",
        "start the server, or give its address: http://HOST:PORT, without a path",
    ),
    "wrong_key": Entry(
        _ERROR,
        "the server wants another API key",
        "set TOOLGATE_ENGINE_KEY to the key that the server was started with",
    ),
    "no_server": Entry(
        _ERROR,
        "what answers there is no inference server that toolgate knows",
        "look at the address and what stands in between; --engine-kind says what it is",
    ),
    "chat_only": Entry(
        _WARNING,
        "the server takes no prompts: calls cannot be held to a grammar",
        "offer /v1/completions as well (a proxy may hide it); else calls are checked and asked "
        "for again",
    ),
    "old_version": Entry(
        _ERROR,
        "this version of the engine is known to break calls of this family",
        "update the engine",
    ),
    "old_revision": Entry(
        _ERROR,
        "the model's files are of a revision that is known to break calls",
        "take the newest files of the model (Kimi K2-0905: revision 94a4053 or later, K2-Instruct: "
        "0102674 or later), at least its tokenizer and its template" + _OR_TOOLGATE,
    ),
    "unknown_family": Entry(
        _ERROR,
        "nothing tells which family the model is of, or several fit",
        "name it with --dialect, or the model's folder with --model-dir",
    ),
    "foreign_vocabulary": Entry(
        _ERROR,
        "the model lacks special tokens of its family: the server runs another model, or a "
        "conversion lost them",
        "name the right family with --dialect, or convert the model again with its added tokens",
    ),
    "text_prompts": Entry(
        _WARNING,
        "the server turns no text into tokens, so prompts go out as text and look-alikes of "
        "special tokens are broken up",
        "give the model's folder with --model-dir (or --tokenizer), or let /tokenize through",
    ),
    "tokenizer_differs": Entry(
        _ERROR,
        "the folder's tokenizer is not the server's",
        "name the folder of the revision that the server runs, or update the server's",
    ),
    "prompt_changed": Entry(
        _ERROR,
        "the server reads another number of tokens than it was sent",
        "look for a proxy that rewrites prompts, or a chat template on /v1/completions",
    ),
    "bos_added": Entry(
        _WARNING,
        "the server puts a token of its own before prompts that come as text",
        "clients of /v1/completions should send token ids, as toolgate does; or set "
        "add_bos_token to false in tokenizer_config.json",
    ),
    "specials_stripped": Entry(
        _ERROR,
        "special tokens do not come back: calls would vanish without a trace",
        "let skip_special_tokens=false (vLLM, SGLang) or preserved_tokens (llama.cpp) through to "
        "the server; a proxy in between may drop it",
    ),
    "end_unknown": Entry(
        _WARNING,
        "the server does not end a turn at the family's own end",
        "add the token to eos_token_id in generation_config.json (llama.cpp: convert the model "
        "with it as EOT); toolgate sends it with each request",
    ),
    "no_template": Entry(
        _WARNING,
        "the model has no chat template: the server's own chat route cannot work",
        "give the server one (--chat-template), or let clients come through toolgate",
    ),
    "broken_template": Entry(
        _ERROR,
        "the deployment's chat template fails",
        "take the model's newest chat template" + _OR_TOOLGATE,
    ),
    "no_generation_prompt": Entry(
        _ERROR,
        "the template does not begin the assistant's turn: the model goes on with the user's",
        "take the model's newest template and tokenizer code (Kimi K2: revision 94a4053 or later; "
        "vLLM after 0.11.0)" + _OR_TOOLGATE,
    ),
    "tools_missing": Entry(
        _ERROR,
        "the template does not show the model its tools",
        "use the template for tools (llama.cpp: --jinja --chat-template-file)" + _OR_TOOLGATE,
    ),
    "results_missing": Entry(
        _ERROR,
        "the template loses the results of calls",
        "take the model's newest chat template" + _OR_TOOLGATE,
    ),
    "list_content": Entry(
        _ERROR,
        "content that comes as a list is written as Python prints it",
        "take a template that reads lists, or send text (vLLM: --chat-template-content-format "
        "string)" + _OR_TOOLGATE,
    ),
    "empty_content": Entry(
        _ERROR,
        "an empty content becomes text that the model reads",
        "take the model's newest template; vLLM up to 0.11.0 made a list of it" + _OR_TOOLGATE,
    ),
    "null_reasoning": Entry(
        _WARNING,
        "reasoning that is null is written as a word",
        "clients should leave the field out rather than send null" + _OR_TOOLGATE,
    ),
    "ids_changed": Entry(
        _ERROR,
        "calls in the history get other ids than they had",
        "use the vendor's template and not one that numbers calls anew" + _OR_TOOLGATE,
    ),
    "foreign_ids": Entry(
        _ERROR,
        "the next call fails where the history's ids are not the family's own",
        "let clients come through toolgate, which writes each id of the history anew; or let them "
        "send the family's (Kimi K2: functions.NAME:INDEX, counted over the whole conversation)",
    ),
    "arguments_twice": Entry(
        _ERROR,
        "arguments in the history are written as a JSON text inside a JSON text",
        "use the vendor's newest template" + _OR_TOOLGATE,
    ),
    "stale_template": Entry(
        _ERROR,
        "the template is an early one of its family, which the model was not trained on",
        "take the newest chat_template (Kimi K2: revision 94a4053 or later)" + _OR_TOOLGATE,
    ),
    "template_differs": Entry(
        _WARNING,
        "the template writes something else than the family's prompts",
        "compare with the vendor's file; if this one is meant, serve with --template model",
    ),
    "chat_prompt_differs": Entry(
        _WARNING,
        "the server's chat route makes another prompt than the template itself would",
        "look at the server's own flags for templates, or let clients come through toolgate",
    ),
    "parser_missing": Entry(
        _ERROR,
        "the server's own chat route reads no tool calls",
        "start it with its parser (vLLM: --enable-auto-tool-choice --tool-call-parser NAME; "
        "SGLang: --tool-call-parser NAME; llama.cpp: --jinja)" + _OR_TOOLGATE,
    ),
    "markers_leak": Entry(
        _ERROR,
        "the server's own chat route shows raw markers as text",
        "name the parser of this family (--tool-call-parser, --reasoning-parser)" + _OR_TOOLGATE,
    ),
    "calls_lost": Entry(
        _ERROR,
        "the server's own chat route tells no call where the model writes one",
        "name the parser of this family (--tool-call-parser), and look for a proxy that drops "
        "tool_calls" + _OR_TOOLGATE,
    ),
    "grammar_ignored": Entry(
        _ERROR,
        "the server takes a grammar and does not hold the model to it",
        "update the server (TensorRT-LLM: set guided_decoding_backend); let `grammar` (llama.cpp) "
        "or `response_format` (others) through the proxy in between; until then calls are held "
        "from outside, at the price of more requests",
    ),
    "buffered_stream": Entry(
        _WARNING,
        "a stream comes in bursts: something in between holds back what the engine has long made",
        "switch off buffering there (nginx: proxy_buffering off)",
    ),
    "compressed_stream": Entry(
        _WARNING,
        "streams come compressed although nobody asked for that",
        "switch off compression for text/event-stream in the proxy",
    ),
    "not_cancelled": Entry(
        _ERROR,
        "the server goes on generating for a client that has gone",
        "let the proxy in between close its connection when the client closes (nginx: "
        "proxy_ignore_client_abort off)",
    ),
    "no_prefix_cache": Entry(
        _WARNING,
        "each turn is read anew: nothing of the prompt before it is reused",
        "switch prefix caching on (vLLM: --enable-prefix-caching; llama.cpp: cache_prompt), and "
        "let a conversation come to the same server",
    ),
    "context_cut": Entry(
        _WARNING,
        "the server gives each request much less context than the model has",
        "give it more (vLLM: --max-model-len; llama.cpp: -c, which -np divides)",
    ),
}
