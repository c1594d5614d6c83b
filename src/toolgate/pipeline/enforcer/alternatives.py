"""What a model might have said instead, out of the log-probabilities that an engine told."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

MOST: Final = 20
"""Alternatives asked for per token once a model had to be steered; vLLM tells no more."""


def alternatives_at(
    place: int, text: str, logprobs: Sequence[Mapping[str, Any]]
) -> list[str] | None:
    """Those of the token that begins at this place of the text, the likeliest first; None where
    none begins there, or nobody told."""
    at = 0
    for entry in logprobs:
        if at == place:
            told = sorted(entry["top_logprobs"], key=lambda one: -one["logprob"])
            return [one["token"] for one in told if one["token"]] or None
        if at > place or not text.startswith(entry["token"], at):
            break
        at += len(entry["token"])
    return None


def shorten(logprobs: Collection[Mapping[str, Any]], most: int) -> tuple[Mapping[str, Any], ...]:
    """No more alternatives than the client wanted."""
    return tuple({**one, "top_logprobs": one["top_logprobs"][:most]} for one in logprobs)
