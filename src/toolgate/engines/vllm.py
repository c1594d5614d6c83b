"""vLLM's `/v1/completions`: token ids in and out.

Read in vLLM 0.32.0: entrypoints/openai/completion/protocol.py and serving.py,
entrypoints/serve/tokenize/protocol.py, v1/engine/detokenizer.py.
"""

from typing import Final

from toolgate.engines.completions_engine import Flavour
from toolgate.engines.engine import Capabilities

VLLM: Final = Flavour(
    capabilities=Capabilities(kind="vLLM", grammar="structural_tag"),
    fields={
        "skip_special_tokens": False,
        # True is the default, and slow tokenizers (Kimi's) then write blanks between markers.
        "spaces_between_special_tokens": False,
        "add_special_tokens": False,
        "return_token_ids": True,
    },
    tokenize="/tokenize",
    tokenize_fields={"add_special_tokens": False},
    version="/version",
    health="/health",
)
