"""What is wrong with the conversation that a request brings: what its client lost, or changed."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from toolgate.core.dialect import Dialect
from toolgate.core.json_spelling import respell
from toolgate.pipeline.diagnose.exchange import Call, Exchange, read_calls
from toolgate.pipeline.diagnose.failure import Failure, FailureKind
from toolgate.pipeline.diagnose.json_values import Object

LOOP: Final = 3
"""So many times the same call to the same end, and it is no longer the model's second thought."""
_DIGITS: Final = re.compile(r"\d+")


class _Turn(NamedTuple):
    """One message that calls, and what came back before the next one."""

    calls: Sequence[Call]
    results: Sequence[Object]


def judge_history(exchange: Exchange, dialect: Dialect | None = None) -> Iterator[Failure]:
    """All that is wrong; `dialect` is the model's, where somebody said which."""
    turns = list(_turns(exchange.messages))
    yield from _missing_results(turns)
    yield from _orphans(exchange.messages)
    yield from _loop(turns, read_calls(exchange.answer))
    if dialect is not None and dialect.write_id is not None:
        yield from _foreign_ids(turns, dialect.write_id)


def _turns(messages: Sequence[Object]) -> Iterator[_Turn]:
    calls: Sequence[Call] = ()
    results: list[Object] = []
    for message in messages:
        match message.get("role"):
            case "assistant":
                if calls:
                    yield _Turn(calls, results)
                calls, results = read_calls(message), []
            case "tool" | "function":
                results.append(message)
    if calls:
        yield _Turn(calls, results)


def _missing_results(turns: Sequence[_Turn]) -> Iterator[Failure]:
    """Results without an id are taken to be those that lack one."""
    for calls, results in turns:
        ids = Counter(_id(one) for one in results)
        spare = ids.pop("", 0)
        lacking = [call for call in calls if not (isinstance(call.id, str) and ids[call.id])]
        for call in lacking[spare:]:
            detail = f"{call.name} {call.arguments:.100} (id {call.id!r:.60})"
            yield Failure(FailureKind.RESULT_MISSING, detail, call.name)


def _orphans(messages: Sequence[Object]) -> Iterator[Failure]:
    known: set[object] = set()
    for at, message in enumerate(messages):
        known.update(call.id for call in read_calls(message) if isinstance(call.id, str))
        if message.get("role") == "tool" and (found := _id(message)) and found not in known:
            detail = f"messages[{at}] answers {found!r:.60}, and nothing called so"
            yield Failure(FailureKind.ORPHAN_RESULT, detail)


def _loop(turns: Sequence[_Turn], answer: Sequence[Call]) -> Iterator[Failure]:
    """The newest call, made again and again, with the same result each time or none."""
    steps = [(_made(calls), _came(results)) for calls, results in turns]
    made = _made(answer) if answer else steps[-1][0] if steps else ()
    times, ends = (1, set()) if answer else (0, set[object]())
    for calls, came in reversed(steps):
        ends.add(came)
        if calls != made or len(ends) > 1:
            break
        times += 1
    if times >= LOOP:
        name, arguments = made[0]
        yield Failure(FailureKind.CALL_LOOP, f"{times} times {name} {arguments:.100}", name)


def _made(calls: Sequence[Call]) -> tuple[tuple[str, str], ...]:
    return tuple((call.name, respell(call.arguments)) for call in calls)


def _came(results: Sequence[Object]) -> tuple[str, ...]:
    return tuple(str(one.get("content")) for one in results)


def _foreign_ids(turns: Sequence[_Turn], write_id: Callable[[str, int], str]) -> Iterator[Failure]:
    """One is enough: a model copies it, or falls silent (Kimi-K2#128)."""
    for call in (call for turn in turns for call in turn.calls):
        own = write_id(call.name, 0)
        is_foreign = not isinstance(call.id, str) or _shape(call.id) != _shape(own)
        if is_foreign and call.name in own:  # an id without it is a number to the model
            yield Failure(FailureKind.FOREIGN_IDS, f"{call.id!r:.60} and not {own!r:.60}")
            return


def _shape(id: str) -> str:
    return _DIGITS.sub("0", id)


def _id(message: Object) -> str:
    found = message.get("tool_call_id")
    return found if isinstance(found, str) else ""
