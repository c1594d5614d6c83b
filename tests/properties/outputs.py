"""What Hypothesis lets a model write: markers in any order, whole, halved, misspelled and spelled.

An output is a list of tokens. A token is a special one, or ordinary text that may spell one: an
engine without token ids shows no difference, and one with them does.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from hypothesis import strategies as st
from msgspec import Struct

from tests.dialects.parse_cases import FOLDER, load_cases
from toolgate.core.conversation import ToolSpec
from toolgate.core.events import Event
from toolgate.core.marker_lexer import MarkerLexer
from toolgate.core.stream_parser import StreamParser
from toolgate.dialects import get_dialect, list_dialects

TOOLS = [
    ToolSpec("get_weather", "", {"properties": {"city": {}, "days": {}}, "required": ["city"]}),
    ToolSpec("mcp.git-hub:open", "", {"properties": {"title": {"type": "string"}}}),
    ToolSpec("now", "", {"properties": {}}),
]
ORDINARY: Final = 7
"""The id of every token that is no special one."""


class Token(Struct, frozen=True):
    text: str
    is_special: bool = False


Output: TypeAlias = Sequence[Token]


def text_of(output: Output) -> str:
    return "".join(token.text for token in output)


class Family:
    """A dialect, and what its model may write."""

    def __init__(self, name: str, *, words: Iterable[str], calls: Sequence[Sequence[str]]) -> None:
        self.dialect = get_dialect(name)
        self.markers = self.dialect.markers
        self.special = sorted(self.dialect.special)
        # A vocabulary of our own: ids are the engine's affair, whatever they are.
        self.marker_ids = {1000 + n: token for n, token in enumerate(self.special)}
        special = st.sampled_from(self.special).map(lambda text: Token(text, True))
        spelled = st.sampled_from(sorted(self.markers)).map(Token)
        marker = st.sampled_from(sorted(self.markers)).map(self.tokens)
        texts = st.sampled_from((*words, *self.halves(), *PROSE)).map(Token)
        piece = st.one_of(special, spelled, texts, texts).map(lambda token: [token])
        call = st.tuples(*(st.sampled_from(part) for part in calls)).map("".join).map(self.tokens)
        self.outputs = st.lists(st.one_of(piece, piece, marker, call, call), max_size=12).map(
            lambda found: [token for tokens in found for token in tokens]
        )

    def halves(self) -> list[str]:
        """The beginnings and the ends of markers."""
        cuts = [(marker, n) for marker in self.markers for n in (2, len(marker) // 2, -1)]
        return sorted({half for marker, n in cuts for half in (marker[:n], marker[n:])})

    def tokens(self, text: str) -> list[Token]:
        """The text as the model means it: what spells a special token is one."""
        found: list[Token] = []
        while text:
            at, token = min((text.find(token) % (len(text) + 1), token) for token in self.special)
            found += [Token(text[:at])] if at else []
            found += [Token(token, True)] if at < len(text) else []
            text = text[at + len(token) :]
        return found

    def new_parser(
        self, prefill: str = "", tools: Sequence[ToolSpec] | None = TOOLS
    ) -> StreamParser:
        return StreamParser(self.dialect, tools=tools, prefill=prefill, marker_ids=self.marker_ids)

    def parse(
        self, texts: Sequence[str], prefill: str = "", reason: str | None = "stop"
    ) -> list[Event]:
        """The events of text that comes in these pieces, without token ids."""
        parser = self.new_parser(prefill)
        events = [event for text in texts for event in parser.feed(text)]
        return events + parser.finish(reason)

    def parse_tokens(
        self,
        chunks: Sequence[Output],
        prefill: str = "",
        reason: str | None = "stop",
        tools: Sequence[ToolSpec] = TOOLS,
    ) -> list[Event]:
        """The events of tokens that come in these chunks, with their ids."""
        parser = self.new_parser(prefill, tools)
        ids = {token: token_id for token_id, token in self.marker_ids.items()}
        events: list[Event] = []
        for chunk in chunks:
            told = tuple(ids[token.text] if token.is_special else ORDINARY for token in chunk)
            events += parser.feed(text_of(chunk), told)
        return events + parser.finish(reason)

    def is_clear(self, chunk: Output) -> bool:
        """Whether one can tell which text a chunk's special ids mean."""
        ordinary = "".join("\0" if token.is_special else token.text for token in chunk)
        return "\0" not in ordinary or not any(token in ordinary for token in self.special)


JSON = (
    *('{"city": "Oslo"}', '{"city": "Oslo", "days": 3', '{"title": "a', '"}', "{}", "{", "}", "["),
    *("]", '"', "\\", "\\u00", "\\ud83c", ",", ":", "'", "True", "nul", "1", "-", "1e", ".5", "\n"),
    *('"{\\"city\\": 1}"', '{"city": {"a": [1, {"b": "c"}]}}', "{{", ",}", '": "', '", "', ""),
)
PROSE = (
    *(
        "Hello",
        " ",
        "\n\n",
        "(no content)",
        "(no ",
        "content)",
        "é",
        "🌊",
        "北京",
        "\ud83d",
        "\x00",
    ),
    *("<", "<|", "|>", "</", "a < b", *JSON),
)
K2_HEADERS = (
    *("functions.get_weather:0", "functions.now:12", "functions.mcp.git-hub:open:3", "now:1"),
    *("functions.erase_disk:0", "functions_get_weather_2", "call_5b1f09c2d7", "3", "", "let me"),
)
K3_HEADERS = ("get_weather", "now", "mcp.git-hub:open", "erase", "")

K2 = Family(
    "kimi_k2",
    words=(*K2_HEADERS, *K2_HEADERS, "functions.", '{"city": 1}'),
    calls=(
        *(("<|tool_call_begin|>",), K2_HEADERS, ("<|tool_call_argument_begin|>",), JSON),
        ("<|tool_call_end|>",),
    ),
)
K3 = Family(
    "kimi_k3",
    words=('tool="now" index="1"', 'key="city" type="string"', 'key="a"', "call", "argument"),
    calls=(
        *(('<|open|>call tool="',), K3_HEADERS, ('" index="1"<|sep|>', '"<|sep|>')),
        ('<|open|>argument key="', "<|open|>json<|sep|>", ""),
        ('city" type="string"<|sep|>', 'title"<|sep|>', 'n" type="number"<|sep|>', ""),
        *(JSON, ("<|close|>argument<|sep|>", "<|close|>json<|sep|>", "")),
        ("<|close|>call<|sep|>",),
    ),
)
ENVELOPES = (
    *('\n{"name": "get_weather", "arguments": ', '{"arguments": ', "{'name': 'now', 'arguments': "),
    *('{"name": "now"', "{{", "[", " as prose "),
)
QWEN3 = Family(
    "qwen3",
    words=("<tool_call", "name", '{"name": "now", "arguments": {}}', "</tool_call>", "\n"),
    calls=(("<tool_call>",), ENVELOPES, JSON, ("}\n", '}, {"name": "now"}'), ("</tool_call>", "")),
)
CODER = Family(
    "qwen3_coder",
    words=("<function=now>", "<parameter=city>", "</parameter>", "</function>", "a > b", "\n"),
    calls=(
        *(
            ("<tool_call>\n", ""),
            ("<function=get_weather", "<function=now", "<function="),
            (">\n", ""),
        ),
        *(("<parameter=city", "<parameter=new", ""), (">\n", ""), JSON, ("\n</parameter>\n", "\n")),
        *(("</function>\n", ""), ("</tool_call>", "")),
    ),
)
KNOWN = (K2, K3, QWEN3, CODER)


def family_from_fixtures(name: str) -> Family:
    """A family whose models write what its fixtures hold, whole, in pieces and in any order."""
    paths = (FOLDER / name).glob("parse/*.jsonl")
    raws = sorted({case.raw for path in paths for case in load_cases(path) if len(case.raw) < 400})
    lexer = MarkerLexer(get_dialect(name).markers, special=get_dialect(name).special)
    lexemes = {one.text for raw in raws for one in (*lexer.feed(raw), *lexer.feed("\n"))}
    return Family(name, words=sorted(lexemes), calls=[raws])


FAMILIES = (
    *KNOWN,
    *(
        family_from_fixtures(name)
        for name in list_dialects()
        if name not in {one.dialect.name for one in KNOWN}
    ),
)

prefills = st.sampled_from(
    ("", "<think>", "<think></think>", "<|open|>think<|sep|>", "<|open|>response<|sep|>")
)
reasons = st.sampled_from(("stop", "stop", "tool_calls", "length", None, "content_filter"))


@st.composite
def cuts(draw: st.DrawFn, text: str) -> list[str]:
    """The text in pieces, cut anywhere."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@st.composite
def bundles(draw: st.DrawFn, output: Output, family: Family) -> list[list[Token]]:
    """The tokens in chunks of one or more.

    Not in one chunk: a special token and ordinary text that spells one. There nobody can tell
    which of the two the ids mean.
    """
    chunks: list[list[Token]] = []
    for token in output:
        is_joined: bool = draw(st.booleans())
        if chunks and is_joined and family.is_clear([*chunks[-1], token]):
            chunks[-1].append(token)
        else:
            chunks.append([token])
    return chunks
