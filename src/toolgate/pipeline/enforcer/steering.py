"""Holds a model to its grammar from outside: what of its output may go on, and what to ask next.

    steering = Steering(…)
    while not steering.is_done:
        for chunk in engine_answers(steering.ask()):
            pass_on(steering.feed(chunk))
            if steering.wants_stop: break
        pass_on(steering.proceed())
    pass_on(steering.finish())

Until a trigger everything is free. From there on each byte goes through the matcher. At the first
that no valid call could have, the request is over: what was valid stays, a continuation is chosen,
and the next request has both at the end of its prompt. Which continuation is `correcting`'s
affair. A character that is only written otherwise (a line break in a string) ends no request: what
it means is passed on.

Without I/O, and without a tokenizer: pieces of text and special tokens are all that it knows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Options
from toolgate.core.dialect import Dialect
from toolgate.core.grammar import Constraint, special_tokens
from toolgate.core.marker_lexer import Lexeme, MarkerLexer
from toolgate.core.prompt import Plain, Prompt, Segment, Special, merge_plain
from toolgate.pipeline.enforcer.alternatives import MOST, alternatives_at, shorten
from toolgate.pipeline.enforcer.correcting import Corrector, Mistake
from toolgate.pipeline.enforcer.held_part import find_triggers
from toolgate.pipeline.enforcer.matcher import Matcher
from toolgate.pipeline.enforcer.schema_bounds import is_bounded
from toolgate.pipeline.enforcer.spelling import is_odd, respell, split
from toolgate.pipeline.enforcer.steering_report import MOST_PREVENTED, SteeringReport

_NOTHING: Final = Chunk()
MOST_STEERS: Final = 64
"""Of one answer. Models that err in a quarter of their calls err once or twice in each; one that
errs so often is lost, and every correction costs a request."""


class Ask(Struct, frozen=True):
    """One request to the engine."""

    prompt: Prompt
    options: Options
    is_held: bool = False
    """Whether the engine holds it to its own grammar, which cannot begin within a call."""


class _Place(Struct, frozen=True):
    """How far an answer had come, where something in it was doubtful."""

    matched: int
    kept: int
    ready: int
    said: int
    marker: str


class Steering:
    """One answer; the module says in which order to call what."""

    def __init__(
        self,
        matcher: Matcher,
        constraint: Constraint,
        dialect: Dialect,
        first: Ask,
        *,
        marker_ids: Mapping[int, str] | None = None,
        logprobs: bool = True,
        most_steers: int = MOST_STEERS,
    ) -> None:
        """`matcher` stands at the beginning of the `held_part`, `first` is what a free answer is
        asked of the engine. `marker_ids` are the special tokens of its vocabulary, None: the
        vendor's own; `logprobs`: whether it tells them."""
        self.report = SteeringReport()
        self.is_done = self.wants_stop = False
        """`wants_stop`: the rest of the engine's stream would be thrown away."""
        self._matcher = matcher
        self._triggers = find_triggers(constraint, dialect)
        self._specials = dialect.special
        self._markers = dialect.token_ids if marker_ids is None else marker_ids
        self._ids = {text: (token_id,) for token_id, text in self._markers.items()}
        self._prompt, self._options, self._is_net = first.prompt, first.options, first.is_held
        self._has_logprobs = logprobs
        self._corrector = Corrector(
            matcher,
            self.report,
            endings={*special_tokens(constraint), *dialect.stop},
            ends=is_bounded(constraint.bounds),
            most=most_steers,
        )
        self._is_free = not constraint.required
        self._leads = constraint.required
        """Whether the calls that must come have not begun yet."""
        self._tells_ids: bool | None = None
        self._kept: list[Segment] = []
        self._ready: list[Segment] = []
        self._doubt: _Place | None = None
        self._usage: Usage | None = None
        self._spent = 0
        self._begin()
        if constraint.required and not self._is_net:
            self._force()

    def _begin(self) -> None:
        """What is one request's own."""
        self.wants_stop = False
        self._lexer = MarkerLexer(
            {*self._triggers, *self._specials}, special=self._specials, token_ids=self._markers
        )
        self._text: list[str] = []
        self._logprobs: list[Mapping[str, Any]] = []
        self._said = self._tokens = self._counted = 0
        self._meant: Special | None = None
        self._wrong: Segment | None = None
        self._half = ""
        self._reason: str | None = None

    # -- asking -------------------------------------------------------------------------------

    def ask(self) -> Ask:
        """What the engine is to go on from. The client's stop strings are left out: the engine
        could not say whether it stopped at one or had enough."""
        segments = merge_plain([*self._prompt.segments, *self._kept])
        most = self._options.max_tokens
        options = replace(
            self._options,
            max_tokens=None if most is None else most - self._spent,
            logprobs=self._alternatives,
            stop=(),
        )
        is_held = self._is_net and not self.report.requests
        return Ask(replace(self._prompt, segments=segments), options, is_held)

    @property
    def _alternatives(self) -> int | None:
        """None until they are needed: they cost the engine time with every token."""
        if not self.report.requests or not self._has_logprobs:
            return self._options.logprobs
        return max(self._options.logprobs or 0, MOST)

    # -- following ----------------------------------------------------------------------------

    def feed(self, chunk: Chunk) -> list[Chunk]:
        """What is proven now. Behind an answer's end its usage is waited for, and no more text."""
        self._count(chunk)
        if self.is_done:
            self.wants_stop = bool(chunk.text)
            return []
        if self._tells_ids is None and (chunk.text or chunk.token_ids):
            self._tells_ids = chunk.token_ids is not None
        self._text.append(chunk.text)
        self._logprobs += chunk.logprobs
        self._reason = chunk.finish_reason or self._reason
        self._read(self._lexer.feed(chunk.text, chunk.token_ids))
        return self._take(chunk)

    def proceed(self) -> list[Chunk]:
        """The same once the engine's stream has ended, or was closed; decides how to go on.

        Raises: ModelOutputError when the model has been corrected too often.
        """
        if not self.wants_stop:
            self._read(self._lexer.finish())
        if not self.wants_stop and (rest := self._match_text("", is_whole=True)):
            self._wrong, self.wants_stop = Plain(rest), True
        self._settle()
        if not self.is_done:
            self._decide()
        return self._take()

    def finish(self) -> list[Chunk]:
        """The last chunk, with the reason and the usage of the whole."""
        last = Chunk(finish_reason=self._reason, usage=self._sum_up())
        return [*self._take(), last]

    def stop(self) -> None:
        """Ends the answer here, as one of the client's stop strings does."""
        self._end("stop")
        self.wants_stop = True

    def _read(self, lexemes: Sequence[Lexeme]) -> None:
        for lexeme in lexemes:
            self.wants_stop = self.wants_stop or self.is_done
            if self.wants_stop:
                return
            if self._is_free and not self._is_triggered(lexeme):
                self._say(self._segment(lexeme), len(lexeme.text))
            elif self._meant is None:
                self._match(lexeme)

    def _is_triggered(self, lexeme: Lexeme) -> bool:
        """Whether calls begin here; one that is misspelled is corrected at once."""
        trigger = self._triggers.get(lexeme.text) if lexeme.is_marker else None
        if trigger is None:
            return False
        self._is_free = False
        if trigger != lexeme.text:
            self._meant, self.wants_stop = Special(trigger), True
            self._wrong = Plain(lexeme.text)
        return True

    def _match(self, lexeme: Lexeme) -> None:
        segment = self._segment(lexeme)
        if self._leads and lexeme.is_marker and isinstance(segment, Plain):
            self.wants_stop = True  # the parser would read a misspelled trigger as one
            self._wrong = segment
            return
        rest = self._match_text("", is_whole=True) if isinstance(segment, Special) else ""
        if rest:
            segment = Plain(rest)
        elif isinstance(segment, Plain):
            rest = self._match_text(segment.text)
        elif self._matcher.take(segment):
            self._doubt, rest = None, ""
            self._leads = self._leads and segment.text not in self._triggers
            self._say(segment, len(segment.text))
        else:
            rest = segment.text if lexeme.proven else self._match_as_text(segment.text)
        if self._matcher.is_over:
            self._end("stop")
        elif rest:
            self._wrong = segment if isinstance(segment, Special) else Plain(rest)
            self.wants_stop = True

    def _match_text(self, text: str, *, is_whole: bool = False) -> str:
        """Takes what fits, also what is only spelled otherwise; returns what is wrong."""
        pieces, self._half = split(self._half + text, is_whole=is_whole)
        for number, piece in enumerate(pieces):
            meant = self._meaning(piece) if is_odd(piece) else piece
            taken = self._matcher.take(Plain(meant))
            heard = len(taken)
            while heard < len(meant) and (zeros := self._matcher.padding(meant[heard:])):
                more = self._matcher.take(Plain(meant[heard:]))
                taken, heard = taken + zeros + more, heard + len(more)
                self.report.respelled += 1
            if heard < len(meant):
                self._say(Plain(taken), heard)
                return "".join((piece[heard:], *pieces[number + 1 :], self._half))
            self.report.respelled += meant != piece
            self._say(Plain(taken), len(piece))
        return ""

    def _meaning(self, piece: str) -> str:
        """How what a model wrote is written here: as it is, where that fits."""
        if self._matcher.fits(Plain(piece)) == piece:
            return piece
        meant = respell(piece)
        return meant if meant and self._matcher.fits(Plain(meant)) == meant else piece

    def _match_as_text(self, spelling: str) -> str:
        """A string may quote a marker, and spelling does not tell. It is text if what follows
        goes on as text does, up to a marker that fits; else it was what it spells."""
        if self._matcher.fits(Plain(spelling)) != spelling:
            return spelling
        self._doubt = self._doubt or _Place(
            self._matcher.length, len(self._kept), len(self._ready), self._said, spelling
        )
        return self._match_text(spelling, is_whole=True)

    def _segment(self, lexeme: Lexeme) -> Segment:
        return self._as_segment(lexeme.text) if lexeme.is_marker else Plain(lexeme.text)

    def _say(self, segment: Segment, heard: int) -> None:
        """What the model said, in so many of its own characters."""
        self._said += heard
        if segment.text:
            self._keep(segment)

    def _keep(self, segment: Segment) -> None:
        self._kept.append(segment)
        self._ready.append(segment)

    def _take(self, heard: Chunk = _NOTHING) -> list[Chunk]:
        """What may go out, if nothing in it is doubtful and it is known how the engine spells it.
        Where that is all that was heard, it goes out as it came."""
        if self._doubt or (self._tells_ids is None and not self.is_done):
            return []
        ready, self._ready = self._ready, []
        if heard.text and "".join(one.text for one in ready) == heard.text:
            chunks = [replace(heard, finish_reason=None, logprobs=(), usage=self._sum_up())]
        else:
            chunks = [Chunk(text=one.text, token_ids=self._ids_of(one)) for one in ready]
        if chunks and self._options.logprobs is not None:
            told = shorten(heard.logprobs, self._options.logprobs)
            chunks[0] = replace(chunks[0], logprobs=told)
        return chunks

    def _ids_of(self, segment: Segment) -> tuple[int, ...] | None:
        """Those of special tokens matter, the others are not known here."""
        if not self._tells_ids:
            return None
        return self._ids.get(segment.text, ()) if isinstance(segment, Special) else ()

    # -- correcting ---------------------------------------------------------------------------

    def _decide(self) -> None:
        """The stream is over: so is the answer, or the model has to be corrected."""
        if self._is_free or (not self.wants_stop and self._reason != "stop"):
            self._drop_doubt()
            self._end(self._reason)
            return
        self._drop_doubt()
        if self._matcher.is_complete:
            self._end("stop")
        else:
            self._steer()

    def _drop_doubt(self) -> None:
        """It was what it spells, then, and not text."""
        place, self._doubt = self._doubt, None
        if place is not None:
            self._matcher.cut(place.matched)
            del self._kept[place.kept :], self._ready[place.ready :]
            self._said = place.said
            self._wrong = self._wrong and Special(place.marker)

    def _steer(self) -> None:
        for segment in self._corrector.correct(self._mistake()):
            self._append(segment)
        most = self._options.max_tokens
        if self._matcher.is_over:
            self._end("stop")
        elif most is not None and self._spent >= most:
            self._end("length")
        else:
            self.report.requests += 1
            self._begin()

    def _mistake(self) -> Mistake:
        text = "".join(self._text)
        told = alternatives_at(self._said, text, self._logprobs)
        return Mistake(
            said=text[: self._said],
            wrong=self._wrong,
            meant=self._meant,
            told=None if told is None else [self._as_segment(one) for one in told],
            can_learn=self._has_logprobs and self._alternatives is None,
            can_change=self._has_logprobs or self._options.temperature != 0,
        )

    def _force(self) -> None:
        """Appends what must follow before the model has said anything, if anything must."""
        for segment in self._matcher.forced():
            self._matcher.take(segment)
            self._append(segment)
        if self._matcher.is_over:
            self._end("stop")

    def _append(self, segment: Segment) -> None:
        """What was chosen, and the matcher has taken."""
        self._leads = self._leads and segment.text not in self._triggers
        self._keep(segment)

    def _as_segment(self, text: str) -> Segment:
        return Special(text) if text in self._specials else Plain(text)

    def _end(self, reason: str | None) -> None:
        self._reason = reason
        self.is_done = True

    # -- counting -----------------------------------------------------------------------------

    def _count(self, chunk: Chunk) -> None:
        self._usage = self._usage or chunk.usage
        self._counted += len(chunk.token_ids or ()) or bool(chunk.text)
        told = chunk.usage.completion_tokens if chunk.usage else 0
        self._tokens = told or max(self._tokens, self._counted)

    def _settle(self) -> None:
        """Books a request that is over."""
        self._spent += self._tokens
        heard = "".join(self._text)
        said = self._said if self._doubt is None else self._doubt.said
        if lost := heard[said:]:
            self.report.thrown_away += max(1, round(self._tokens * len(lost) / len(heard)))
            self.report.prevented.append(lost[:MOST_PREVENTED])
        self._tokens = 0

    def _sum_up(self) -> Usage | None:
        return self._usage and replace(self._usage, completion_tokens=self._spent + self._tokens)
