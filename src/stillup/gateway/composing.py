"""How one request is put to one upstream, and how what comes back is read: translated, gone on with, adapted. Pure.

::

    client's body ─ translate (another dialect) ─ go on (behind a break) ─ adapt (another model) ─ address ─► upstream
    upstream's answer ─ its own watch ─ read and written (another dialect, or gone on with) ─ held back ─► client

Where nothing of that is needed the body is the client's own, and the answer's bytes are the upstream's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.models import find_model
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.going_on import Continuable, ThinkingCut
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Ask, Form, Headers, Operation, Protocol
from stillup.gateway.dialects.adapting import STOPS_LEFT_OUT, Learned, Lessons, Pupil, adapted, is_about_thoughts
from stillup.gateway.dialects.address import address, plain_body
from stillup.gateway.dialects.base import KeyChoice, Outgoing, UpstreamSpec, Watch
from stillup.gateway.dialects.coding import coding_of
from stillup.gateway.dialects.dialect import Losses, Stamp, Untranslatable, Writer, dialect_of, is_same_dialect
from stillup.gateway.dialects.holding import HoldingWatch, Holds, Room
from stillup.gateway.dialects.lenient import NoJson, is_crowded, is_crowded_answer, is_long
from stillup.gateway.dialects.needs import Needs
from stillup.gateway.dialects.neutral import UNSIGNED, Counts, Prompt
from stillup.gateway.dialects.said import Said
from stillup.gateway.dialects.seam import Seam
from stillup.gateway.dialects.stops import Stops, can_be_kept, cut_at
from stillup.gateway.dialects.tool_names import Renamed, fitted, with_names
from stillup.gateway.dialects.translated import (
    Between,
    Joint,
    Named,
    TranslatedWatch,
    TranslatedWhole,
    passing,
    pieces_of,
)
from stillup.gateway.dialects.unsealing import Unsealed, UnsealingWatch
from stillup.gateway.dialects.whole import WholeWatch
from stillup.gateway.reading import content_of, reader

_ASKED_AS = {Protocol.BEDROCK: Protocol.ANTHROPIC, Protocol.VERTEX: Protocol.ANTHROPIC}
"""Whose requests are made for them: the envelope comes after."""
_NOT_SERVED = (404, 405, 501)
_MARK = UNSIGNED.encode()
_SSE = b"text/event-stream; charset=utf-8"
_JSON = b"application/json"
_HEADERS: Headers = ((b"content-type", _JSON), (b"accept", b"application/json, text/event-stream"))
_VERSION: Headers = ((b"anthropic-version", b"2023-06-01"),)


class Composed(Struct, frozen=True, kw_only=True):
    """One try's request, ready to be sent, and what its answer is read with.

    ``ask`` is as a client of the target's dialect would send it. ``changes`` says, in a few words each, what it does
    not share with the client's own. ``form`` is set behind a break.
    """

    ask: Ask
    turn: Turn
    protocol: Protocol
    """What it is asked in."""
    outgoing: Outgoing
    changes: tuple[str, ...] = ()
    learned: Learned
    """What was known of the model when it was put together."""
    is_translated: bool = False
    tools: Mapping[str, str] = {}
    """The client's names of tools by those they have there, where that differs."""
    is_sealed_for_others: bool = False
    """Its thoughts' signatures are no good for the client: another model made them than its first choice."""
    form: Form | None = None
    said: Said | None = None
    writer: Writer | None = None
    """The client's, behind a break."""
    stops: tuple[str, ...] = ()
    """The client's stop sequences that the gateway keeps: the upstream does not know of them."""
    seam_stops: tuple[str, ...] = ()
    """Those that may have begun before the break."""


class Shared(Struct, frozen=True):
    """What all requests of a gateway have in common."""

    upstream: Callable[[str], UpstreamSpec]
    lessons: Lessons
    thinking_cut: ThinkingCut
    room: Room


class Composer:
    """Of one request; whatever costs anything is done when it is first needed."""

    def __init__(self, ask: Ask, needs: Needs, shared: Shared, stamp: Stamp) -> None:
        self._ask = ask
        self._needs = needs
        self._upstream, self._pupil = shared.upstream, Pupil(shared.lessons)
        self._thinking_cut, self._room = shared.thinking_cut, shared.room
        self._stamp = stamp
        self._prompt: Prompt | None = None
        self._is_long: bool | None = None

    @property
    def continuable(self) -> Continuable | None:
        """How to go on with its answer; None where it is no stream, or can only be given whole."""
        ask = self._ask
        if not ask.stream or ask.operation is not Operation.GENERATE or self._needs.whole:
            return None
        return Continuable(self._new_writer, self._thinking_cut)

    # --- the request

    @property
    def is_long(self) -> bool:
        """Whether :meth:`compose` may take longer than others should wait; it may be called in another thread."""
        if self._is_long is None:
            self._is_long = bool(coding_of(self._ask.headers)) or is_long(self._ask.body)
        return self._is_long

    def compose(self, turn: Turn, key: KeyChoice, writer: Writer | None = None) -> Composed:
        """The request for one turn; ``writer`` is set behind a break, and knows what the client has.

        :raises Untranslatable: it cannot be put to that upstream.
        :raises ValueError: the upstream is not configured so that it could be asked.
        """
        target, said = turn.target, writer.said if writer else None
        spec = self._upstream(target.upstream)
        protocol = target.protocol
        if protocol is Protocol.RESPONSES and self._pupil.is_chat_only(target.upstream):
            protocol = Protocol.OPENAI
        learned = self._pupil.of(target.upstream, turn.model)
        ask, changes, tools = self._translated(protocol, turn.model)
        body = ask.body
        form = None
        if said is not None and said.text:
            form = self._pupil.form(target.upstream, turn.model, protocol, body)
            if form is Form.NONE:
                msg = f"{turn.name} cannot go on with an answer of another"
                raise Untranslatable(msg)
            body = dialect_of(protocol).go_on(plain_body(ask), said.text, form, self._tokens_left(said))
        if ask.operation is Operation.GENERATE:
            is_moved = turn.model != self._ask.model or form is not None
            plain = plain_body(ask) if body is ask.body and (is_moved or learned) else body
            if is_moved:
                _not_crowded(plain)
            if is_moved or (learned and not is_crowded(plain)):
                body, adaptations = adapted(plain, protocol, turn.model, learned, goes_on=form)
                changes += adaptations
        if body is not ask.body:
            ask = replace(ask, body=body, headers=_without_coding(ask.headers))
        knows_stops = protocol is not Protocol.RESPONSES and STOPS_LEFT_OUT not in changes
        is_translated = not is_same_dialect(protocol, self._ask.protocol)
        is_read = is_translated or said is not None or STOPS_LEFT_OUT in changes
        return Composed(
            ask=ask,
            turn=turn,
            protocol=protocol,
            outgoing=address(ask, target, spec, key),
            changes=changes,
            learned=learned,
            is_translated=is_translated,
            tools=tools,
            is_sealed_for_others=ask.protocol is Protocol.ANTHROPIC and _is_stand_in(turn),
            form=form,
            said=said,
            writer=writer,
            stops=self._stops() if is_read and not knows_stops else (),
            seam_stops=self._stops() if said is not None else (),
        )

    def learn(self, composed: Composed, status: int, body: bytes) -> bool:
        """Whether the refusal of what we changed taught something that makes it worth another try at once.

        What a client sent as it is, is its own to mend: it is told. But for thoughts, which it cannot mend: a signature
        may be bound to a prompt that was adapted on its way.
        """
        target, model = composed.turn.target, composed.turn.model
        if status in _NOT_SERVED and self._has_only_chat(composed, body):
            self._pupil.has_only_chat(target.upstream)
            return True
        has_moved = model != self._ask.model
        is_ours = bool(composed.changes or composed.form or composed.is_translated or has_moved)
        if not is_ours and not is_about_thoughts(status, body):
            return False
        if is_ours and self._pupil.of(target.upstream, model) != composed.learned:
            return True  # another request's refusal taught it meanwhile
        return self._pupil.learn(target.upstream, model, status, body)

    def _has_only_chat(self, composed: Composed, body: bytes) -> bool:
        """Whether an OpenAI-compatible server does not serve Responses: Chat Completions it does."""
        is_guess = self._upstream(composed.turn.target.upstream).protocol is Protocol.OPENAI
        return is_guess and composed.protocol is Protocol.RESPONSES and b"model" not in body.lower()

    def _translated(self, protocol: Protocol, model: str) -> tuple[Ask, tuple[str, ...], Mapping[str, str]]:
        ask = self._ask
        if is_same_dialect(protocol, ask.protocol):
            if _MARK in ask.body and ask.operation is not Operation.STORED:
                with suppress(Untranslatable, NoJson):  # it only mentions the mark, in a body of some other shape
                    cleaned = dialect_of(protocol).cleaned(plain_body(ask))
                    return replace(ask, body=cleaned, headers=_without_coding(ask.headers)), (), {}
            return ask, (), {}
        dialect = dialect_of(protocol)
        losses = Losses()
        prompt, tools = fitted(replace(self._read_prompt(), model=model), protocol)
        write, find = dialect.write_prompt, partial(dialect.address, model, ask.stream)
        if ask.operation is Operation.COUNT_TOKENS:
            if dialect.count_prompt is None or dialect.count_address is None:
                msg = f"{dialect.protocol} has no way to count tokens"
                raise Untranslatable(msg)
            write, find = dialect.count_prompt, partial(dialect.count_address, model)
        body = write(prompt, losses)
        path, query = find()
        spoken = _ASKED_AS.get(protocol, protocol)
        return Ask(
            protocol=spoken,
            operation=ask.operation,
            method="POST",
            path=path,
            query=query,
            headers=_HEADERS + _VERSION if spoken is Protocol.ANTHROPIC else _HEADERS,
            body=body,
            model=model,
            stream=ask.stream,
        ), tuple(f"{name} left out" for name in losses), tools  # fmt: skip

    def _read_prompt(self) -> Prompt:
        if self._prompt is None:
            ask = _decoded(self._ask)
            _not_crowded(ask.body)
            self._prompt = dialect_of(ask.protocol).read_prompt(ask)
        return self._prompt

    def _stops(self) -> tuple[str, ...]:
        found = self._read_prompt().stop
        if not can_be_kept(found):
            msg = "stop sequences: so many, or such long ones, can only be kept by the model itself"
            raise Untranslatable(msg)
        return found

    def _tokens_left(self, said: Said) -> int | None:
        """The client's limit less what it has; None where it set none."""
        most = self._read_prompt().max_tokens
        return None if most is None else max(1, most - said.tokens)

    def _new_writer(self) -> Writer:
        return dialect_of(self._ask.protocol).writer(_decoded(self._ask), self._stamp)

    # --- the answer

    def watch(self, composed: Composed, status: int, headers: Headers) -> Watch | Fault:
        """What reads the answer with this head; a fault where no answer has such a head."""
        watch = reader(composed.ask, composed.protocol, status, headers)
        if isinstance(watch, Fault):
            return watch
        self._pupil.was_answered(composed.turn.target.upstream, composed.turn.model)
        if composed.is_translated or composed.said is not None or STOPS_LEFT_OUT in composed.changes:
            watch = self._translating(composed, watch, headers)
        elif composed.is_sealed_for_others:
            watch = UnsealingWatch(watch)
        return self._holding(watch) if composed.said is None else watch

    def _translating(self, composed: Composed, watch: Watch, headers: Headers) -> Watch:
        dialect, between = dialect_of(composed.protocol), self._between(composed)
        if not isinstance(watch, WholeWatch):
            writer = composed.writer or self._new_writer()
            return TranslatedWatch(watch, dialect.reader(), writer, self._stream_type, between)
        coding = content_of(headers)[1].strip().lower()
        if self._ask.stream:
            writer = composed.writer or self._new_writer()

            def streamed(data: bytes) -> bytes:
                return writer.write(list(passing(pieces_of(dialect.read_reply(_not_endless(data))), between)))

            return TranslatedWhole(watch, coding, streamed, self._stream_type, writer)
        return TranslatedWhole(watch, coding, partial(self._whole, composed), _JSON)

    def _whole(self, composed: Composed, data: bytes) -> bytes:
        there, here = dialect_of(composed.protocol), dialect_of(self._ask.protocol)
        if self._ask.operation is not Operation.COUNT_TOKENS:
            reply = there.read_reply(_not_endless(data))
            reply = reply if reply.model else replace(reply, model=composed.turn.model)
            reply = with_names(cut_at(reply, composed.stops), composed.tools)
            return here.write_reply(reply, self._ask, self._stamp)
        if there.read_count is None or here.write_count is None:
            msg = "tokens cannot be counted there"
            raise Untranslatable(msg)
        return here.write_count(there.read_count(data))

    def _between(self, composed: Composed) -> list[Between]:
        between: list[Between] = [Named(composed.turn.model)]
        if composed.tools:
            between.append(Renamed(composed.tools))
        if composed.is_sealed_for_others:
            between.append(Unsealed())
        if composed.said is not None:
            between.append(self._joint(composed, composed.said))
        return [*between, Stops(composed.stops)] if composed.stops else between

    def _joint(self, composed: Composed, said: Said) -> Joint:
        sent = replace(said.counts, output=said.tokens) if said.counts.fresh is not None else Counts(output=said.tokens)
        return Joint(
            Seam(said.text, composed.form or Form.NONE, composed.seam_stops), has_words=bool(said.text), sent=sent
        )

    def _holding(self, watch: Watch) -> Watch:
        ask, needs = self._ask, self._needs
        if not ask.stream or ask.operation is not Operation.GENERATE or not watch.is_stream:
            return watch
        if needs.whole:
            return HoldingWatch(watch, ask.protocol, Holds.ALL, self._room)
        if self._thinking_cut == "hold" and self._stream_type == _SSE:
            return HoldingWatch(watch, ask.protocol, Holds.THOUGHTS, self._room)
        if needs.has_tools and watch.writer is None:
            return HoldingWatch(watch, ask.protocol, Holds.CALLS, self._room)
        return watch

    @property
    def _stream_type(self) -> bytes:
        is_array = self._ask.protocol is Protocol.GEMINI and "alt=sse" not in self._ask.query
        return _JSON if is_array else _SSE


def _is_stand_in(turn: Turn) -> bool:
    """Whether another model is asked than the first choice, under whatever name it is.

    What the client calls the first choice says nothing: a route may ask it as another model. Claude's signatures are
    good in every cloud.
    """
    if not turn.place or turn.model == turn.first_model:
        return False
    found = find_model(turn.model)
    return found is None or found is not find_model(turn.first_model)


def _not_crowded(body: bytes) -> None:
    if is_crowded(body):
        msg = "the body: has too many parts to be put to another model"
        raise Untranslatable(msg)


def _not_endless(answer: bytes) -> bytes:
    if is_crowded_answer(answer):
        msg = "it has too many parts"
        raise Untranslatable(msg)
    return answer


def _decoded(ask: Ask) -> Ask:
    plain = plain_body(ask)
    return ask if plain is ask.body else replace(ask, body=plain, headers=_without_coding(ask.headers))


def _without_coding(headers: Headers) -> Headers:
    return tuple(line for line in headers if line[0].lower() != b"content-encoding")
