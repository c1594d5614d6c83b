"""Reads a call that is one JSON text, name and all: `{"name": "get_weather", "arguments": {…}}`.

Theory of operation. The outer object is walked key by key, each value by a scanner of its own, so
that arguments are shown while they are written, wherever among the keys they stand. What is wrong
before them is kept and mended at the end; after them only closers can be missing or be too many.
"""

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from toolgate.core.call_arguments import JsonArguments
from toolgate.core.dialect import Envelope
from toolgate.core.events import Anomaly, AnomalyKind
from toolgate.core.json_healer import heal
from toolgate.core.json_scanner import WHITESPACE, JsonScanner, Status

_BEFORE: Final = WHITESPACE + "[,;"
_AFTER: Final = WHITESPACE + ",;]}"
"""What stands between the calls of one list, or after the last; surplus closers too."""

_Step: TypeAlias = Callable[[str], str]


class EnvelopeArguments:
    """`feed` the text of one call; `name` and `native_id` once they are known, then `finish`."""

    def __init__(self, envelope: Envelope) -> None:
        self.name: str | None = None
        self.native_id = ""
        self.rest = ""
        """What follows the call, from the next one's brace on."""
        self._envelope = envelope
        self._arguments = JsonArguments()
        self._came = False
        self._step: _Step = self._open
        self._depth = 0
        self._key = ""
        self._scanner = JsonScanner()
        self._value: list[str] = []
        self._read = 0
        self._shown: list[str] = []
        self._raw: list[str] = []
        self._others: list[str] = []
        self._noise: list[str] = []

    @property
    def scanner(self) -> JsonScanner:
        """Of the arguments."""
        return self._arguments.scanner

    @property
    def has_begun(self) -> bool:
        """Whether the arguments have begun: what is said of the call before them is complete."""
        return self._came

    @property
    def has_arguments(self) -> bool:
        """Whether something was read that may be arguments."""
        return self._came or bool(self._others) or self._step == self._lose

    def take_after(self) -> str:
        """What follows the last call, once it is plain that it is none; then it is no noise."""
        if self._step != self._read_after:
            return ""
        after, self._noise = "".join(self._noise), []
        return after

    @property
    def in_string(self) -> bool:
        """Whether the text so far ends inside a string of the arguments."""
        return self._step == self._read_arguments and self._arguments.in_string

    @property
    def kept(self) -> str:
        """What was read and not given yet."""
        return self._arguments.kept if self._came else "".join(self._raw)

    def feed(self, text: str) -> str:
        """Reads more; returns what may be shown of the arguments."""
        if not self._came:
            self._raw.append(text)
        while text:
            text = self._step(text)
        shown, self._shown = "".join(self._shown), []
        return shown

    def finish(self, *, cut: bool) -> tuple[str, list[Anomaly]]:
        """The rest of the arguments, as `JsonArguments.finish` has it."""
        if not self._came:
            return ("", []) if cut else self._finish_without()
        rest, anomalies = self._arguments.finish(cut=cut)
        if rest == "null" and not cut:
            rest, anomalies = "{}", [Anomaly(AnomalyKind.HEALED_ARGUMENTS, raw="null")]
        noise = " ".join((*self._others, "".join(self._noise).strip(_AFTER))).strip()
        if noise:
            anomalies = [*anomalies, Anomaly(AnomalyKind.TEXT_BETWEEN_CALLS, raw=noise)]
        return rest, anomalies

    def _finish_without(self) -> tuple[str, list[Anomaly]]:
        """No arguments in their place: beside the name, or in JSON that must be mended first."""
        raw = "".join(self._raw)
        mended = [Anomaly(AnomalyKind.HEALED_ARGUMENTS, raw=raw)]
        if self._is_inside_member:  # of which nobody knows what it would have become
            return raw, [Anomaly(AnomalyKind.INVALID_ARGUMENTS, detail=raw)]
        if self._step == self._lose:
            return self._mend(heal(raw.strip(WHITESPACE), JsonScanner())), mended
        if self._others:
            return "{" + ", ".join(self._others) + "}", mended
        return "{}", []

    @property
    def _is_inside_member(self) -> bool:
        """Whether the text ends inside a member that is not the arguments."""
        return self._step in (self._read_other, self._read_key_text, self._read_colon, self._begin)

    def _mend(self, healed: str | None) -> str:
        members = json.loads(healed) if healed else None
        arguments: Any = {}
        for key, value in members.items() if isinstance(members, dict) else ():
            if key in self._envelope.name and isinstance(value, str):
                self.name = self.name or value
            elif key in self._envelope.arguments:
                arguments = value
        return arguments if isinstance(arguments, str) else json.dumps(arguments)

    # -- steps: each takes what it understands of the text, and returns the rest ----------------

    def _open(self, text: str) -> str:
        text = text.lstrip(_BEFORE)
        return self._begin_object(text) if text else ""

    def _begin_object(self, text: str) -> str:
        if text[0] != "{":
            return self._turn(self._lose, text)
        self._depth += 1
        return self._turn(self._read_key, text[1:])

    def _turn(self, step: _Step, rest: str) -> str:
        self._step = step
        return rest

    def _lose(self, text: str) -> str:
        """No JSON that this reader knows: before arguments it may be mended, after them not."""
        if self._came:
            self._noise.append(text)
        return ""

    def _read_key(self, text: str) -> str:
        text = text.lstrip(WHITESPACE + "{")  # a doubled brace (vllm#26897)
        if not text:
            return ""
        if text[0] == "}":
            return self._close(text)
        return self._begin_value(self._read_key_text, text)

    def _begin_value(self, step: _Step, text: str) -> str:
        self._scanner, self._value, self._read = JsonScanner(), [], 0
        return self._turn(step, text)

    def _take_value(self, text: str) -> tuple[str, str] | None:
        """The value that ends in this text, and what follows it."""
        self._scanner.feed(text)
        self._value.append(text)
        self._read += len(text)
        if self._scanner.status is Status.OPEN:
            return None
        if self._scanner.status is Status.BROKEN:
            self._turn(self._lose, self._lose("".join(self._value)))
            return None
        whole = "".join(self._value)
        return whole[: self._scanner.safe], whole[self._scanner.safe :]

    def _read_key_text(self, text: str) -> str:
        taken = self._take_value(text)
        if taken is None:
            return ""
        if not taken[0].startswith('"'):
            return self._turn(self._lose, taken[1])
        self._key = json.loads(taken[0])
        return self._turn(self._read_colon, taken[1])

    def _read_colon(self, text: str) -> str:
        text = text.lstrip(WHITESPACE)
        if not text:
            return ""
        return self._turn(*((self._begin, text[1:]) if text[0] == ":" else (self._lose, text)))

    def _begin(self, text: str) -> str:
        text = text.lstrip(WHITESPACE)
        if not text:
            return ""
        if self._key in self._envelope.arguments and not self._came:
            self._came, self._raw = True, []
            return self._turn(self._read_arguments, text)
        if self._key in self._envelope.wrappers and text[0] == "{":
            return self._begin_object(text)
        return self._begin_value(self._read_other, text)

    def _read_arguments(self, text: str) -> str:
        self._shown.append(self._arguments.feed(text))
        if self._arguments.scanner.status is not Status.COMPLETE:
            return ""
        return self._turn(self._read_next, self._arguments.take_trailing())

    def _read_other(self, text: str) -> str:
        taken = self._take_value(text)
        if taken is None:
            return ""
        value = json.loads(taken[0]) if taken[0].startswith('"') else None
        known = self._envelope
        if value and self._key in known.name | known.wrappers and self.name is None:
            self.name = value
        elif value and self._key in known.id and not self._came:
            self.native_id = value
        elif self._key not in known.noise | known.id:
            self._others.append(f"{json.dumps(self._key, ensure_ascii=False)}: {taken[0]}")
        return self._turn(self._read_next, taken[1])

    def _read_next(self, text: str) -> str:
        text = text.lstrip(WHITESPACE)
        if not text:
            return ""
        if text[0] == "}":
            return self._close(text)
        return self._turn(*((self._read_key, text[1:]) if text[0] == "," else (self._lose, text)))

    def _close(self, text: str) -> str:
        self._depth -= 1
        return self._turn(self._read_next if self._depth else self._read_after, text[1:])

    def _read_after(self, text: str) -> str:
        text = text.lstrip(_AFTER + "[") if not self._noise else text
        if text.startswith("{") and not self._noise:
            self.rest = text
            self._raw = ["".join(self._raw).removesuffix(text)]
        elif text:
            self._noise.append(text)
        return ""
