"""Writes a GGUF of 200 KB whose model says what it was told to say: a parrot for tests.

Its layers add nothing, so the next token depends on the last one alone, and the output matrix is
written so that `successor` is the likeliest by far. llama.cpp loads it like any model; tokenizer,
sampling, grammar and server are the real ones. Tokens are the 256 bytes, a few words, and Kimi
K2's special tokens in Kimi's order, typed CONTROL as llama.cpp's own converter types them.
"""

import itertools
import random
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Numbers: TypeAlias = "array[float]"

WIDTH = 64
CONTEXT = 32768
SPECIALS = (
    "[BOS]",
    "[EOS]",
    "<|im_end|>",
    "<|im_user|>",
    "<|im_assistant|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "[EOT]",
    "<|im_system|>",
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "<|im_middle|>",
    "<|media_begin|>",
    "<|media_content|>",
    "<|media_end|>",
    "<|media_pad|>",
    "<think>",
    "</think>",
    "[UNK]",
    "[PAD]",
)
WORDS = ("functions", ".weather", "city", "Paris", "hello", " world", "user", "assistant", "system")

# GGUF's type numbers, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4


def byte_letters() -> list[str]:
    """GPT-2's spelling of the 256 bytes: printable ones stand for themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


def spelled(text: str) -> str:
    letters = byte_letters()
    return "".join(letters[byte] for byte in text.encode())


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens and merges: each word grows letter by letter, so every prefix of it is a token."""
    tokens, merges = byte_letters(), []
    for word in map(spelled, WORDS):
        for end in range(2, len(word) + 1):
            if word[:end] not in tokens:
                tokens.append(word[:end])
                merges.append(f"{word[: end - 1]} {word[end - 1]}")
    return tokens, merges


def token_id(text: str) -> int:
    """The id of a special token, a byte or a whole word."""
    return [*vocabulary()[0], *map(spelled, SPECIALS)].index(spelled(text))


def chain(*lines: Sequence[str]) -> dict[int, int]:
    """Each token of a line is followed by the next one; later lines win."""
    ids = [[token_id(text) for text in line] for line in lines]
    return {last: then for line in ids for last, then in itertools.pairwise(line)}


def write_parrot(
    path: Path,
    successor: Mapping[int, int],
    *,
    context: int = CONTEXT,
    special_type: int = CONTROL,
    specials: Sequence[str] = SPECIALS,
) -> Path:
    """Writes the model; a token that has no `successor` is followed by any at random.

    As many `specials` as there are; with others it is a model of another family.
    """
    normal, merges = vocabulary()
    size = len(normal) + len(SPECIALS)
    fields = [
        field("general.architecture", STRING, "llama"),
        field("general.name", STRING, "parrot"),
        *[field(f"llama.{key}", UINT32, value) for key, value in shape(context).items()],
        field("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-6),
        field("tokenizer.ggml.model", STRING, "gpt2"),
        field("tokenizer.ggml.pre", STRING, "kimi-k2"),
        list_field("tokenizer.ggml.tokens", STRING, [*normal, *specials]),
        list_field("tokenizer.ggml.merges", STRING, merges),
        list_field(
            "tokenizer.ggml.token_type",
            INT32,
            [NORMAL] * len(normal) + [special_type] * len(SPECIALS),
        ),
        field("tokenizer.ggml.eos_token_id", UINT32, token_id("<|im_end|>")),
        field("tokenizer.ggml.add_bos_token", BOOL, False),
    ]
    path.write_bytes(gguf(fields, weights(size, successor)))
    return path


def shape(context: int) -> dict[str, int]:
    return {
        "context_length": context,
        "embedding_length": WIDTH,
        "block_count": 1,
        "feed_forward_length": 32,
        "attention.head_count": 1,
        "attention.head_count_kv": 1,
        "rope.dimension_count": WIDTH,
    }


def weights(size: int, successor: Mapping[int, int]) -> dict[str, tuple[tuple[int, ...], Numbers]]:
    """Tensors by name: their shape as GGUF writes it (fastest first) and their numbers."""
    dice = random.Random(7)
    rows = [array("f", (dice.gauss(0, 1) for _ in range(WIDTH))) for _ in range(size)]
    output = [array("f", (dice.gauss(0, 0.1) for _ in range(WIDTH))) for _ in range(size)]
    for last, then in successor.items():
        output[then] = array("f", map(sum, zip(output[then], rows[last], strict=True)))
    ones, square, wide = array("f", [1] * WIDTH), WIDTH * WIDTH, 32 * WIDTH
    return {
        "token_embd.weight": ((WIDTH, size), join(rows)),
        "output.weight": ((WIDTH, size), join(output)),
        "output_norm.weight": ((WIDTH,), ones),
        "blk.0.attn_norm.weight": ((WIDTH,), ones),
        "blk.0.ffn_norm.weight": ((WIDTH,), ones),
        **{
            f"blk.0.attn_{name}.weight": ((WIDTH, WIDTH), array("f", bytes(4 * square)))
            for name in ("q", "k", "v", "output")
        },
        "blk.0.ffn_gate.weight": ((WIDTH, 32), array("f", bytes(4 * wide))),
        "blk.0.ffn_up.weight": ((WIDTH, 32), array("f", bytes(4 * wide))),
        "blk.0.ffn_down.weight": ((32, WIDTH), array("f", bytes(4 * wide))),
    }


def join(rows: Iterable[Numbers]) -> Numbers:
    return array("f", b"".join(row.tobytes() for row in rows))


def gguf(fields: Sequence[bytes], tensors: Mapping[str, tuple[tuple[int, ...], Numbers]]) -> bytes:
    """Version 3: header, fields, tensor table, then the numbers, each tensor on 32 bytes."""
    table, data = [], bytearray()
    for name, (dimensions, numbers) in tensors.items():
        table.append(
            string(name)
            + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
            + struct.pack("<IQ", 0, len(data))  # 0 = F32
        )
        data += numbers.tobytes()
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(table), len(fields)) + b"".join([*fields, *table])
    return head + bytes(-len(head) % 32) + bytes(data)


def string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind: int, content: str | float) -> bytes:
    if isinstance(content, str):
        return string(content)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], content)


def field(key: str, kind: int, content: str | float) -> bytes:
    return string(key) + struct.pack("<I", kind) + value(kind, content)


def list_field(key: str, kind: int, contents: Sequence[str] | Sequence[int]) -> bytes:
    head = string(key) + struct.pack("<IIQ", ARRAY, kind, len(contents))
    return head + b"".join(value(kind, content) for content in contents)
