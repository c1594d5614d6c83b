"""The Enforcer: only declared tools, only arguments that fit, in the form that an engine takes.

    constraint = constrain(conversation, dialect, prompt)   # a tree, in no engine's language
    write_gbnf(constraint, token_ids)                       # for llama.cpp
    write_structural_tag(constraint, token_ids)             # for vLLM, SGLang, TensorRT-LLM

`fit_schema` is the one front end that makes a tool's schema fit what a target can hold, and names
what it leaves out.
"""

from toolgate.pipeline.enforcer.constrain import AUTO, BOUNDED, Enforcement, constrain
from toolgate.pipeline.enforcer.gbnf import Gbnf, find_gbnf, write_gbnf
from toolgate.pipeline.enforcer.schema_fit import Dropped, Fitted, fit_schema
from toolgate.pipeline.enforcer.structural_tag import (
    StructuralTag,
    find_structural_tag,
    write_probe_tag,
    write_structural_tag,
)
from toolgate.pipeline.enforcer.target import GBNF, LLGUIDANCE, XGRAMMAR, Target

__all__ = [
    "AUTO",
    "BOUNDED",
    "GBNF",
    "LLGUIDANCE",
    "XGRAMMAR",
    "Dropped",
    "Enforcement",
    "Fitted",
    "Gbnf",
    "StructuralTag",
    "Target",
    "constrain",
    "find_gbnf",
    "find_structural_tag",
    "fit_schema",
    "write_gbnf",
    "write_probe_tag",
    "write_structural_tag",
]
