"""Does a stream come as the engine makes it? Judged by the engine's own clock.

What is in between may hold tokens back that the engine has long made. A slow host joins pieces as
well; so it is not pieces that are counted, but for how long the engine had been at work on what
came at once. llama.cpp tells its time with each answer, vLLM and SGLang tell it in their metrics;
of others, the whole time that the answer took is all there is.
"""

import math
import re
import time
from collections.abc import AsyncIterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import aiohttp

from toolgate.apps.doctor.metrics import read_metric
from toolgate.apps.doctor.patient import Patient
from toolgate.apps.doctor.report import Finding

STREAMED: Final = 300
"""Tokens of the first stream that is watched."""
HELD: Final = 0.25
"""Seconds of the engine's work that came at once: from there on people see a stream falter."""
WATCHED: Final = 4 * HELD
"""An engine that is done sooner is asked for more tokens: what takes no time cannot be held."""
LOOKS: Final = 3
"""What holds streams back does so each time."""
AT_ONCE: Final = 4
"""Tokens that come so many times faster than they are made had been waiting."""
UNTOLD_CONTEXT: Final = 4096
"""Tokens; where a server does not tell, so much it will have."""
_LATENCY: Final = "inter_token_latency_seconds"
_METERED: Final = ("vllm", "sglang")
_TAIL: Final = 4096
"""Bytes of the last frames, with llama.cpp's `timings`."""
_PREDICTED: Final = re.compile(rb'"predicted_ms":([0-9.]+)')


class Piece(NamedTuple):
    """What one read of the socket brought."""

    at: float
    """Seconds from the start."""
    frames: int


class Stream:
    """A stream as it came."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.encoding = ""
        self.pieces: list[Piece] = []
        self.engine_seconds: float | None = None
        """What its tokens took, as the engine itself says."""

    @property
    def frames(self) -> int:
        return sum(piece.frames for piece in self.pieces)

    @property
    def seconds(self) -> float:
        """What its tokens took to make, at most."""
        return self.engine_seconds or (self.pieces[-1].at if self.pieces else 0.0)

    @property
    def bursts(self) -> Sequence[int]:
        """Frames that came together: a piece joins the one before it if it came too fast for its
        frames to have been made since."""
        each = self.seconds / max(self.frames, 1)
        bursts: list[int] = []
        before = -math.inf
        for piece in self.pieces:
            if bursts and piece.at - before < piece.frames * each / AT_ONCE:
                bursts[-1] += piece.frames
            else:
                bursts.append(piece.frames)
            before = piece.at
        return bursts

    @property
    def usual_burst(self) -> int:
        """At least half of all frames came in bursts of so many, or more."""
        bursts = sorted(self.bursts, reverse=True)
        half = self.frames / 2
        so_far = accumulate(bursts)
        return next((burst for burst, sum_ in zip(bursts, so_far, strict=True) if sum_ >= half), 0)

    @property
    def held(self) -> float:
        """Seconds for which the engine was at work on a usual burst."""
        return self.usual_burst * self.seconds / max(self.frames, 1)


async def check_stream(patient: Patient) -> AsyncIterator[Finding]:
    """In what bursts does a stream come, and as what?"""
    stream = await watch(patient, STREAMED)
    if stream.encoding:
        yield Finding("compressed_stream", f"content-encoding: {stream.encoding}")
    if stream.seconds < WATCHED:
        stream = await watch(patient, _enough(patient, stream))
    for _ in range(LOOKS - 1):
        if stream.held >= HELD:
            stream = await watch(patient, stream.tokens)
    if stream.held >= HELD:
        yield Finding(
            "buffered_stream",
            f"of {stream.frames} frames, half came in bursts of {stream.usual_burst} or more, "
            f"which the engine took {stream.held:.2f} s to make",
            {"pieces": len(stream.pieces), "held_seconds": round(stream.held, 3)},
        )


def _enough(patient: Patient, stream: Stream) -> int:
    """So many tokens that the engine is at work for a while."""
    per_token = max(stream.seconds, 0.001) / stream.tokens
    room = (patient.told.get("context") or UNTOLD_CONTEXT) - STREAMED
    return max(min(math.ceil(WATCHED / per_token), room), STREAMED)


async def watch(patient: Patient, tokens: int, *, leave_after: int | None = None) -> Stream:
    """Reads a stream as a client of `/v1/completions` does; may leave after so many frames."""
    before = await _clock(patient)
    stream, began = Stream(tokens), time.monotonic()
    ends = await patient.engine.marker_ids(patient.family.dialect.stop)
    body = {
        "model": patient.model,
        "prompt": "Count: one two three",
        "max_tokens": tokens,
        "stream": True,
        "logit_bias": {str(token_id): -100 for token_id in ends},
        "ignore_eos": True,
    }
    headers = patient.endpoint.authorization | {"accept-encoding": "gzip"}
    url = patient.endpoint.url + "/v1/completions"
    end = b""
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(url, json=body, headers=headers) as response,
    ):
        stream.encoding = response.headers.get("content-encoding", "")
        while piece := await response.content.readany():
            stream.pieces.append(Piece(time.monotonic() - began, piece.count(b"data:")))
            end = (end + piece)[-_TAIL:]
            if leave_after is not None and stream.frames >= leave_after:
                response.close()
                return stream
    stream.engine_seconds = _told(end) or await _measured(patient, before, tokens)
    return stream


def _told(end: bytes) -> float | None:
    """llama.cpp's own time, in its last frame."""
    found = _PREDICTED.findall(end)
    return float(found[-1]) / 1000 if found else None


async def _clock(patient: Patient) -> tuple[float, float]:
    """(seconds, tokens) that the engine has measured since it was started."""
    if patient.kind not in _METERED:
        return 0.0, 0.0
    told = [await read_metric(patient, f"{_LATENCY}_{what}") for what in ("sum", "count")]
    return told[0] or 0.0, told[1] or 0.0


async def _measured(patient: Patient, before: tuple[float, float], tokens: int) -> float | None:
    """By its metrics: the time of a token since `before`, other requests' tokens too."""
    after = await _clock(patient)
    seconds, made = (now - then for now, then in zip(after, before, strict=True))
    return seconds / made * tokens if made else None
