"""Counts what failed in logs, on all cores: each process reads pieces, and counts are added."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Final

from toolgate.core.dialect import Dialect
from toolgate.dialects import get_dialect
from toolgate.engines.logs.pieces import Piece
from toolgate.engines.logs.read import read_piece
from toolgate.errors import ConfigError, InvalidRequest
from toolgate.pipeline.diagnose import diagnose
from toolgate.pipeline.diagnose.tally import Tally

_AHEAD: Final = 4
"""Pieces that each process may be ahead of the sum: what they counted waits in memory."""


def count_cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def diagnose_pieces(
    pieces: Sequence[Piece],
    *,
    dialect: str | None,
    examples: int,
    jobs: int,
    advance: Callable[[int], None],
) -> Tally:
    """The sum of all pieces, in their order; `advance` is told the bytes of each that is done.

    Raises: UnknownModel for a dialect that there is not, ConfigError where a process was ended.
    """
    if dialect is not None:
        get_dialect(dialect)
    total = Tally(examples_wanted=examples)
    work = partial(tally_piece, dialect=dialect, examples=examples)
    try:
        for piece, tally in _each(work, pieces, min(jobs, len(pieces))):
            total.merge(tally)
            advance(piece.size)
    except BrokenProcessPool:
        raise ConfigError(
            "a process that read was ended, most likely for want of memory: try --jobs 1"
        ) from None
    return total


def tally_piece(piece: Piece, *, dialect: str | None, examples: int) -> Tally:
    """What failed in one piece."""
    tally = Tally(examples_wanted=examples)
    family = None if dialect is None else get_dialect(dialect)
    for entry in read_piece(piece):
        if entry.fault:
            tally.add_unread(entry.where, entry.fault)
        else:
            _count(tally, entry.record, entry.where, family)
    return tally


def _count(tally: Tally, record: object, where: str, family: Dialect | None) -> None:
    try:
        found = diagnose(record, family)
    except InvalidRequest as error:
        tally.add_unread(where, str(error))
        return
    for one in found:
        tally.add(one, where)


def _each(
    work: Callable[[Piece], Tally], pieces: Sequence[Piece], jobs: int
) -> Iterator[tuple[Piece, Tally]]:
    """In their order, whichever process was faster."""
    if jobs <= 1:
        yield from ((piece, work(piece)) for piece in pieces)
        return
    left = iter(pieces)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: list[tuple[Piece, Future[Tally]]] = []
        try:
            while True:
                more = islice(left, jobs * _AHEAD - len(waiting))
                waiting += [(piece, pool.submit(work, piece)) for piece in more]
                if not waiting:
                    return
                piece, done = waiting.pop(0)
                yield piece, done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
