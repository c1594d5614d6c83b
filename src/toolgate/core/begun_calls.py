"""Finds where a call begins in plain text, in families that announce it by no marker.

`{"name": "get_weather", "parameters": …` or `[get_weather(city=…`: as soon as the text can be
nothing else, it is a call, and the parser reads on. What a code fence or backticks quote is text,
and so is a call of an undeclared tool, unless the answer begins with it.
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeAlias

from toolgate.core.bare_calls import BegunCall, Found
from toolgate.core.conversation import ToolSpec
from toolgate.core.dialect import Envelope
from toolgate.core.events import Anomaly, AnomalyKind
from toolgate.core.json_scanner import WHITESPACE

Judge: TypeAlias = Callable[[str, Collection[str], bool], bool | None]
"""(text, declared names, whether any name will do) → whether a call begins there; None: not
certain yet."""

_LONGEST_BEGIN: Final = 1024
_LEAST_HALF: Final = 2
_FENCE: Final = "```"


class BegunCallFinder:
    """`feed` an answer's text; get text back, and at most one `BegunCall`, as the last."""

    def __init__(
        self, tools: Sequence[ToolSpec], judge: Judge, *, anomaly: AnomalyKind | None = None
    ) -> None:
        """`anomaly`: what is odd about calls that come so; None where the family writes them so."""
        self._names = frozenset(tool.name for tool in tools)
        self._judge, self._anomaly = judge, anomaly
        self._held = ""
        self._line = ""
        self._is_fenced = False
        self._is_start = True

    def feed(self, text: str) -> list[Found]:
        """What is certain now, in order."""
        text, self._held = self._held + text, ""
        said = 0
        while (begin := _find_begin(text, said)) < len(text):
            self._follow(text[said:begin])
            verdict = self._weigh(text[begin : begin + _LONGEST_BEGIN])
            if verdict is not False:
                return self._hold(text[:begin], text[begin:], is_call=verdict is True)
            self._follow(text[begin])
            said = begin + 1
        self._follow(text[said:])
        return [text] if text else []

    def finish(self, *, cut: bool) -> list[Found]:
        """What was held back: text, or of a cut answer what may have become a call."""
        held, self._held = self._held, ""
        if cut and len(held) >= _LEAST_HALF:
            return [Anomaly(AnomalyKind.CUT_CALL, raw=held)]
        return [held] if held else []

    def _hold(self, before: str, text: str, *, is_call: bool) -> list[Found]:
        said: list[Found] = [before] if before else []
        if is_call:
            return [*said, BegunCall(text, self._anomaly)]
        self._held = text
        return said

    def _weigh(self, text: str) -> bool | None:
        if self._is_fenced or self._line.endswith("`"):
            return False
        verdict = self._judge(text, self._names, self._is_start)
        return False if verdict is None and len(text) == _LONGEST_BEGIN else verdict

    def _follow(self, text: str) -> None:
        """Keeps in mind where in a line the text has come to, and whether in a fence."""
        if self._is_start and text.strip(WHITESPACE):
            self._is_start = False
        *whole, last = text.split("\n")
        for line in whole:
            self._end_line(self._line + line)
        self._line = (self._line + last)[-_LONGEST_BEGIN:] if last else self._line

    def _end_line(self, line: str) -> None:
        self._line = ""
        if line.lstrip().startswith(_FENCE) and "`" not in line.lstrip().lstrip("`"):
            self._is_fenced = not self._is_fenced


def _find_begin(text: str, start: int) -> int:
    places = [at for first in "{[" if (at := text.find(first, start)) >= 0]
    return min(places, default=len(text))


_STRING: Final = r'"(?:[^"\\]|\\.)*'
_OBJECT = re.compile(r"(?:\[\s*)?\{")
_HALF_OBJECT = re.compile(r"\[\s*")
_MEMBER = re.compile(
    rf'\s*"(?P<key>(?:[^"\\]|\\.)*)"\s*:\s*(?P<value>{_STRING}"\s*[,}}]|[^"\s])', re.S
)
_HALF_MEMBER = re.compile(
    rf'\s*(?:{_STRING}\\?(?:"\s*(?::\s*(?:{_STRING}\\?(?:"\s*)?)?)?)?)?', re.S
)


def judge_json(envelope: Envelope) -> Judge:
    """For calls that are one JSON text: `{"name": "get_weather", "parameters": {`."""
    told = envelope.noise | envelope.id

    def judge(text: str, names: Collection[str], is_any: bool) -> bool | None:
        opened = _OBJECT.match(text)
        if opened is None:
            return None if _HALF_OBJECT.fullmatch(text) else False
        at, name = opened.end(), ""
        while member := _MEMBER.match(text, at):
            key, value, at = member["key"], member["value"], member.end()
            is_text = value.startswith('"')
            if key in envelope.arguments and (name or value != "{"):
                return bool(name) and (is_any or name in names)
            if key in envelope.arguments:
                if (at := _pass_object(text, at - 1)) < 0:
                    return None
                continue
            if key in envelope.name | envelope.wrappers and is_text:
                name = value[1:-1].rstrip(WHITESPACE)[:-1]
            elif not (key in told if is_text else key in envelope.wrappers and value == "{"):
                return False
            if value.endswith("}"):
                return name in names
        return None if _HALF_MEMBER.fullmatch(text, at) else False

    return judge


def _pass_object(text: str, begin: int) -> int:
    """Behind an object and the comma after it; -1 while they have not come: they may never."""
    try:
        _, end = _decode(text, begin)
    except (ValueError, RecursionError):
        return -1
    comma = _COMMA.match(text, end)
    return comma.end() if comma else -1


_decode = json.JSONDecoder().raw_decode
_COMMA = re.compile(r"\s*,")
_NAME: Final = r"[\w.:/-]"
_CALL = re.compile(rf"\[\s*({_NAME}{{1,128}})\s*\(\s*(?:\w+\s*=\s*[^=\s]|\)|[{{'\"*])")
_HALF_CALL = re.compile(rf"\[\s*(?:{_NAME}{{1,128}}\s*(?:\(\s*(?:\w+\s*(?:=\s*)?)?)?)?")


def judge_python(text: str, names: Collection[str], is_any: bool) -> bool | None:
    """For lists of Python calls: `[get_weather(city='Beijing')`."""
    if call := _CALL.match(text):
        return is_any or call[1] in names
    return None if _HALF_CALL.fullmatch(text) else False


def judge_any(*judges: Judge) -> Judge:
    """For families that write calls in several ways: whatever one of them takes for a call."""

    def judge(text: str, names: Collection[str], is_any: bool) -> bool | None:
        verdicts = {one(text, names, is_any) for one in judges}
        return True if True in verdicts else None if None in verdicts else False

    return judge
