"""What a model family must tell about its format: data first, a few small pure functions.

One `Dialect` drives rendering, parsing and the call grammar, so that the three cannot
drift apart. Knows no family; each stands in its own file under `dialects/`.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import Struct

from toolgate.core.bare_calls import CallFinder
from toolgate.core.conversation import Conversation, ToolSpec
from toolgate.core.events import AnomalyKind
from toolgate.core.grammar import CallRules, Constraint
from toolgate.core.prompt import Prompt, Segment


class State(Enum):
    """Where in a message the model is writing."""

    TEXT = "text"
    REASONING = "reasoning"
    SECTION = "section"
    """Between calls; only whitespace belongs here."""
    HEADER = "header"
    """Between a call's begin and its arguments: the id, the name."""
    ARGUMENTS = "arguments"
    """A call's arguments as JSON text."""
    CALL = "call"
    """Inside a call whose arguments come one by one (XML-like families)."""
    KEY = "key"
    AFTER_KEY = "after key"
    """Between a key and its value, in families that close the one and open the other."""
    VALUE = "value"
    OUTER = "outer"
    """Only as a target: SECTION when a section is open, else TEXT."""
    END = "end"
    """The turn is over; nothing more belongs to this message."""


class Header(Struct, frozen=True):
    """What a call's header says."""

    name: str | None
    """None when the header names no tool: the arguments must tell which one is meant."""
    canonical: bool = True
    """False when it is not written as the family writes it (an id copied from the history …)."""
    native_id: str = ""
    """The model's id of the call, where the header tells one beside the name."""


class Key(Struct, frozen=True):
    """One argument's name, and its JSON type where the family writes it."""

    name: str
    type: str | None = None


class Envelope(Struct, frozen=True):
    """A call's text, name and all: `{"name": "get_weather", "arguments": {…}}`, in any order."""

    name: frozenset[str] = frozenset({"name"})
    arguments: frozenset[str] = frozenset({"arguments", "parameters"})
    id: frozenset[str] = frozenset({"id"})
    wrappers: frozenset[str] = frozenset({"function"})
    """What may hold the rest, as OpenAI's requests have it; a string there is the name."""
    noise: frozenset[str] = frozenset({"type"})
    """Keys that say nothing."""
    pythonic: bool = False
    """Whether calls are written as Python has them, `get_weather(city='Beijing')`, too."""


class Opening(Struct, frozen=True):
    """What follows a tag of ordinary text where it opens a call; prose that mentions it differs.

    In each case blanks may come first.
    """

    text: str = ""
    """One of these characters, at once or behind a name, where one may follow."""
    roles: frozenset[str] = frozenset()
    """A marker of one of these roles."""
    after_name: frozenset[str] = frozenset()
    """A name, and then a marker of one of these roles."""
    after_key: frozenset[str] = frozenset()
    """A name and a key whose tag is missing, and then a marker of one of these roles."""


class Signs(Struct, frozen=True, kw_only=True):
    """What a model's own files show of its family; a name decides nothing."""

    tokens: frozenset[str]
    """Special tokens that every template of the family writes, and its vocabulary holds."""
    unwritten: frozenset[str] = frozenset()
    """Special tokens that its vocabulary holds, and no template need write."""
    fragments: tuple[str, ...] = ()
    """What else its templates contain, to tell them from a sibling's with the same tokens."""
    foreign: tuple[str, ...] = ()
    """What only a sibling's templates contain."""
    profiles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(profile, what its template contains), of which the first that is wholly there counts."""


class Dialect(Struct, frozen=True, kw_only=True):
    """How one model family writes conversations."""

    name: str
    markers: Mapping[str, str]
    """Spelling → role. Several spellings may share a role (models misspell their own markers)."""
    special: frozenset[str]
    """The special tokens behind the markers: what an engine must print (`preserved_tokens`)."""
    token_ids: Mapping[int, str]
    """The vendor's ids of the special tokens; an engine with another vocabulary tells its own."""
    transitions: Mapping[tuple[State, str], State]
    """(state, role) → state. A missing pair is an Anomaly, or data inside a string or a value."""
    deviations: Mapping[tuple[State, str], tuple[State, AnomalyKind]]
    """The same for what models do although the family does not write so; each is recorded."""
    tags: frozenset[str] = frozenset()
    """Those markers that are ordinary text wherever the table has no step for them."""
    openings: Mapping[str, Opening] = {}
    """role → what shows that such a tag opens something, where only its spelling speaks for it."""
    envelope: Envelope | None = None
    """Where a call's arguments are one JSON text together with its name."""
    pads_text: bool = False
    """Whether line breaks beside the markers belong to them, and not to text or reasoning."""
    pads_values: bool = False
    """The same for values, of which one on each side is the family's own."""
    nests: tuple[str, str] | None = None
    """What a value opens and closes with the marker that ends a value: in one that has opened it
    more often, a doubled end is not surplus. Both are markers."""
    read_header: Callable[[str, Sequence[ToolSpec]], Header]
    """(header text, declared tools) → which tool is called."""
    render: Callable[[Conversation, str | None], Prompt]
    """(conversation, profile or None for the family's default) → prompt; repairs nothing."""
    profiles: tuple[str, ...]
    stop: tuple[str, ...]
    """Special tokens that end the assistant's turn."""
    write_id: Callable[[str, int], str] | None = None
    """(tool name, how many calls came before in the conversation) → the id that a prompt shows;
    None where prompts show none."""
    read_key: Callable[[str], Key] | None = None
    """XML-like families: the text of an argument's header → its key."""
    placeholders: tuple[str, ...] = ()
    """Content that a model writes when it has none, for instance `(no content)`."""
    find_calls: Callable[[Sequence[ToolSpec]], CallFinder] | None = None
    """(declared tools) → what finds calls in plain text, for instance without their markers."""
    reads_response_format: bool = False
    """Whether its prompt tells the model which format the answer must have."""
    force_call: Callable[[Conversation, str | None, str | None], tuple[Segment, ...]] | None = None
    """(conversation, profile, tool name or None) → what after the prompt makes it begin a call,
    for engines that take no constraint."""
    call_grammar: Callable[[CallRules], Constraint] | None = None
    """What calls look like, of the constants that `render` and the parser use."""
    signs: Signs | None = None
    """How a model of the family is known; None: only by who sets the dialect."""
    template_tools: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]] | None = None
    """(declarations) → the variables that the vendor's own code makes of them for its template;
    None where it hands them on as they are."""

    def find_step(self, state: State, marker: str) -> tuple[State | None, AnomalyKind | None]:
        """Where a marker leads from a state, and what is odd about that; (None, None): nowhere."""
        pair = state, self.markers.get(marker, "")
        if step := self.transitions.get(pair):
            return step, None
        return self.deviations.get(pair, (None, None))
