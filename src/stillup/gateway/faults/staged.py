"""The call that a drill makes of a request: a scripted one, or the real one whose answer is broken on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Headers, Protocol
from stillup.gateway.faults.drill import Drill, Mode
from stillup.gateway.faults.events import Events, broken, is_content, is_ping
from stillup.gateway.faults.script import (
    PING_S,
    Data,
    End,
    Fail,
    Head,
    Silence,
    Step,
    broken_event,
    error_body,
    script,
)
from stillup.gateway.wire.client import Call, Sink

Ask = Callable[[Sink], Call]
"""Asks the real upstream; what comes back goes to the sink."""


_MOST_HELD = 64


class Staging(Struct, frozen=True):
    """The part of a drill in one try: in which protocol its upstream was to answer, and how."""

    drill: Drill
    protocol: Protocol
    stream: bool

    @property
    def name(self) -> str:
        """The mode, as it is told in ``x-stillup-drill``."""
        return self.drill.name

    def call(self, ask: Ask, sink: Sink) -> Call:
        """Begin the call as the drill wants it. Nothing reaches the sink before this returns."""
        drill, call = self.drill, Staged(b"", b"", sink)
        call.drill = drill
        drill.silent.append(call)
        if drill.mode is Mode.SLOW_HEADERS:
            call.wait(drill.delay_s, call.go_through, ask, _Plain(call, sink))
        elif drill.mode is Mode.SLOW_FIRST_TOKEN:
            call.go_through(ask, _Late(call, sink, drill.delay_s))
        elif drill.mode.is_real:
            call.go_through(ask, _Breaking(call, sink, drill, self.protocol))
        else:
            steps = script(drill, self.protocol, stream=self.stream)
            asyncio.get_running_loop().call_soon(call.play, steps)
        return call


class Staged(Call, eq=False):
    """One request in a drill. ``real`` is the real call, where there is one."""

    drill: Drill | None = None
    real: Call | None = None
    _timer: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """As a real call's."""
        self.is_over = True
        self._tidy()

    def pause(self) -> None:
        """As a real call's."""
        if self.real is not None:
            self.real.pause()

    def resume(self) -> None:
        """As a real call's."""
        if self.real is not None:
            self.real.resume()

    def let_go(self) -> None:
        """The drill is over: whoever is kept waiting by it fails now; an answer on its way is left alone."""
        if self.real is None or self.real.is_over:
            self.break_off(Fault.RESET)

    def break_off(self, fault: Fault) -> None:
        """It fails; the real upstream is read from no further."""
        self._tidy()
        self.fail(fault)

    def finish(self) -> None:
        """It has its answer, such as it is."""
        self._tidy()
        super().finish()

    def wait(self, seconds: float, then: Callable[..., None], *args: object) -> None:
        """Do something later, unless it is given up first."""
        self._timer = asyncio.get_running_loop().call_later(seconds, then, *args)

    def go_through(self, ask: Ask, sink: Sink) -> None:
        """Ask the real upstream."""
        self._timer = None
        if not self.is_over:
            self.real = ask(sink)

    def play(self, steps: tuple[Step, ...]) -> None:
        """Take the steps in the upstream's place."""
        for step in steps:
            if self.is_over:
                return
            match step:
                case Head():
                    self.sink.head(step.status, step.headers)
                case Data():
                    self.sink.data(step.data)
                case End():
                    self.finish()
                case Fail():
                    self.break_off(step.fault)
                case Silence():
                    self._say(step.ping)

    def silence(self) -> None:
        """Say nothing from now on, and stop the real upstream, which is paid for what it makes."""
        if self.real is not None:
            self.real.cancel()

    def _say(self, ping: bytes) -> None:
        if ping and not self.is_over:
            self.sink.data(ping)
            self.wait(PING_S, self._say, ping)

    def _tidy(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.real is not None:
            self.real.cancel()
        if self.drill is not None and self in self.drill.silent:
            self.drill.silent.remove(self)


class _Plain:
    """Passes a real answer on as it is."""

    def __init__(self, call: Staged, sink: Sink) -> None:
        self._call, self._sink = call, sink

    def head(self, status: int, headers: Headers) -> None:
        self._sink.head(status, headers)

    def data(self, chunk: bytes) -> None:
        self._sink.data(chunk)

    def end(self) -> None:
        self._call.finish()

    def failed(self, fault: Fault) -> None:
        self._call.break_off(fault)


class _Late:
    """The head comes, and the rest so much later; the upstream is not read from meanwhile."""

    def __init__(self, call: Staged, sink: Sink, delay_s: float) -> None:
        self._call, self._sink, self._delay_s = call, sink, delay_s
        self._held: list[bytes] = []
        self._ends: Fault | bool | None = None
        self._is_late = True

    def head(self, status: int, headers: Headers) -> None:
        self._sink.head(status, headers)
        if self._call.real is not None:
            self._call.real.pause()
        self._call.wait(self._delay_s, self._go_on)

    def data(self, chunk: bytes) -> None:
        if self._is_late:
            self._held.append(chunk)
        else:
            self._sink.data(chunk)

    def end(self) -> None:
        if self._is_late:
            self._ends = True
        else:
            self._call.finish()

    def failed(self, fault: Fault) -> None:
        if self._is_late and self._held:
            self._ends = fault
        else:
            self._call.break_off(fault)

    def _go_on(self) -> None:
        self._is_late = False
        held, self._held = b"".join(self._held), []
        if held and not self._call.is_over:
            self._sink.data(held)
        if self._call.is_over:
            return
        if isinstance(self._ends, Fault):
            self._call.break_off(self._ends)
        elif self._ends:
            self._call.finish()
        else:
            self._call.resume()


class _Breaking:
    """Passes the real answer on up to where the drill breaks it.

    The newest piece and what follows it are held back until the next one comes, so that an answer of fewer pieces than
    were to come is broken before its end.
    """

    def __init__(self, call: Staged, sink: Sink, drill: Drill, protocol: Protocol) -> None:
        self._call, self._sink, self._drill, self._protocol = call, sink, drill, protocol
        self._events: Events | None = None
        self._pieces = 0
        self._held: list[bytes] = []
        self._is_broken = False

    def head(self, status: int, headers: Headers) -> None:
        self._sink.head(status, headers)
        if 200 <= status < 300:  # an error of its own is passed on as it is
            self._events = Events(headers)

    def data(self, chunk: bytes) -> None:
        events = self._events
        if events is None or (self._is_broken and self._drill.mode is Mode.MALFORMED):
            self._sink.data(chunk)
            return
        for event in events.feed(chunk):
            self._take(event)
        if events.is_full and not self._is_broken:
            self._release()
            self._break(events.rest())
        if self._is_broken:
            self._pass(events.rest())

    def end(self) -> None:
        if self._events is not None and not self._is_broken:
            rest = self._events.rest()
            if rest:
                self._release()
            self._break(rest or b"".join(self._held[:1]))
        if not self._call.is_over and self._drill.mode is not Mode.STALL:
            self._call.finish()

    def failed(self, fault: Fault) -> None:
        if not self._call.is_over:
            self._call.break_off(fault)

    def _take(self, event: bytes) -> None:
        if self._is_broken or is_ping(event):
            self._pass(event)
        elif is_content(event, self._protocol):
            self._release()
            self._pieces += 1
            if self._pieces > self._drill.after:
                self._break(event)
            else:
                self._held = [event]
        elif self._held:
            self._held.append(event)
            if len(self._held) > _MOST_HELD:
                self._release()
        else:
            self._pass(event)

    def _release(self) -> None:
        held, self._held = self._held, []
        self._pass(b"".join(held))

    def _pass(self, data: bytes) -> None:
        if data and not self._call.is_over and not (self._is_broken and self._drill.mode is Mode.STALL):
            self._sink.data(data)

    def _break(self, event: bytes) -> None:
        """In place of this event, which is a whole answer where there are no events."""
        call, sink, mode = self._call, self._sink, self._drill.mode
        whole = self._events is not None and not self._events.is_stream
        if whole and mode is not Mode.ERROR_EVENT:
            self._pass(event[: len(event) // 2])
        self._is_broken, self._held = True, []
        if mode is Mode.STALL:
            call.silence()
        elif mode is Mode.ERROR_EVENT:
            sink.data(error_body(self._protocol) if whole else broken_event(self._protocol))
            call.finish()
        elif mode is Mode.MALFORMED:
            if not whole and not call.is_over:
                sink.data(broken(event))
        elif mode is Mode.ENDS_EARLY:
            call.finish()
        else:
            if mode is Mode.CUT_INSIDE and not whole:
                sink.data(event[: len(event) // 2])
            call.break_off(Fault.CUT)
