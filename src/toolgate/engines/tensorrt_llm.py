"""TensorRT-LLM's `trtllm-serve`, without a tool parser: token ids in, text out.

Read in TensorRT-LLM's main branch of 2026: serve/openai_protocol.py (`extra="forbid"`: an unknown
field is an error) and openai_server.py. It tells ids only in place of text (`detokenize: false`),
so markers are known by their spelling. `/_internal/tokenize` came in 2026; older ones get text.
"""

from typing import Final

from toolgate.engines.completions_engine import Flavour
from toolgate.engines.engine import Capabilities

TENSORRT_LLM: Final = Flavour(
    capabilities=Capabilities(kind="TensorRT-LLM", tells_ids=False, grammar="structural_tag"),
    fields={
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
        "add_special_tokens": False,
    },
    tokenize="/_internal/tokenize",
    version="/version",
    health="/health",
    needs_limit=False,
)
