"""SGLang's `/v1/completions`: token ids in and out.

Read in SGLang's main branch of 2026: srt/entrypoints/openai/protocol.py, serving_completions.py and
serving_tokenize.py, srt/managers/tokenizer_manager.py (`_validate_token_len`: prompt and answer
together must stay below the context's length).
"""

from typing import Final

from toolgate.engines.completions_engine import Flavour
from toolgate.engines.engine import Capabilities

SGLANG: Final = Flavour(
    capabilities=Capabilities(kind="SGLang", grammar="structural_tag"),
    fields={"skip_special_tokens": False, "return_token_ids": True},
    tokenize="/tokenize",
    tokenize_fields={"add_special_tokens": False},
    version="/server_info",
    health="/health",
    spare=1,
)
