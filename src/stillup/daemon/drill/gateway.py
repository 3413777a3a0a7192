"""A scene on the gateway that runs: its drill switch makes upstreams fail, and real requests are watched through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from stillup.daemon.gateway import journal_folder
from stillup.daemon.page_address import gateway_base
from stillup.drill.faults import AFTER, SLOW_S
from stillup.drill.scenes import hit_by
from stillup.drill.values import Asked, Happened, Kind, Lane, Play, Scene, Shape, What
from stillup.errors import StoreError, UsageError
from stillup.gateway.controls import FAULT_PATH
from stillup.gateway.core.values import Protocol
from stillup.gateway.faults.drill import DrillStatus
from stillup.gateway.journal.read import Exchange, read_exchanges
from stillup.gateway.seen.passage import Ending
from stillup.gateway.statuspage import PATH, GatewayStatus

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.drill.stage import Ground, Tell

YOURS = "your own requests"
TOKEN_ENV = "STILLUP_TOKEN"  # noqa: S105 - the name of a variable
_PATIENCE_S = 2.0
_MOST_BYTES = 8 << 20
_LOOK_S, _READ_EVERY = 0.2, 10
_SPARE_S = 15.0
"""A gateway whose drill nobody ends, for this process was killed, ends it so much later by itself."""
_AGAIN_S, _TIMES = 0.2, 5
_LONGEST_ANSWER_S = 900.0
_MOST_ASKED = 5_000
_INJECTED = "By the drill switch of the gateway that runs: real requests meet it, and no provider's state is touched."
_STATUS = "503"
_MODES = {Kind.PROVIDER: _STATUS, Kind.REGION: "refused", Kind.ALL: "refused"}


class _Words(Struct, frozen=True):
    message: str = ""


class _Error(Struct, frozen=True):
    error: _Words = _Words()


class _Ended(Struct, frozen=True):
    ended: tuple[str, ...] = ()


class _Drills(Struct, frozen=True):
    drills: tuple[DrillStatus, ...] = ()


class Switch(Struct, frozen=True):
    """The drill switch of the gateway at an address."""

    url: str
    token: str = ""

    @classmethod
    def of(cls, config: Config, environ: Mapping[str, str]) -> Switch:
        """The configuration's.

        :raises UsageError: nobody knows its address.
        """
        base = gateway_base(config)
        if base is None:
            msg = "gateway.listen is no fixed address of this machine, so no drill can be run on it from here"
            raise UsageError(msg)
        return cls(base, environ.get(TOKEN_ENV, "").strip())

    def begin(self, upstream: str, mode: str, for_s: float) -> None:
        """Let it fail so. Blocks.

        :raises UsageError: no gateway answers, or it refuses.
        """
        wanted = {"upstream": upstream, "mode": mode, "for_s": for_s, "after": AFTER, "delay_s": SLOW_S}
        status, body = self._asked("POST", FAULT_PATH, msgspec.json.encode(wanted))
        if status != 200:
            raise UsageError(_why(status, body, self.url))

    def end(self, upstream: str) -> bool:
        """Let it be itself again; whether it surely is. Blocks."""
        try:
            status, _ = self._asked("DELETE", f"{FAULT_PATH}?upstream={quote(upstream, safe='')}")
        except UsageError:
            return False
        return status == 200

    def end_all(self) -> tuple[str, ...]:
        """Let every upstream be itself again; the ids of those that failed. Empty where no gateway says so. Blocks."""
        try:
            status, body = self._asked("DELETE", FAULT_PATH)
            return msgspec.json.decode(body, type=_Ended).ended if status == 200 else ()
        except (UsageError, msgspec.DecodeError):
            return ()

    def tries(self) -> int:
        """So many tries the drills under way have touched; 0 where it does not say. Blocks."""
        try:
            status, body = self._asked("GET", FAULT_PATH)
            return sum(d.tries for d in msgspec.json.decode(body, type=_Drills).drills) if status == 200 else 0
        except (UsageError, msgspec.DecodeError):
            return 0

    def status(self) -> GatewayStatus | None:
        """What it says of itself; None where that cannot be read. Blocks.

        :raises UsageError: no gateway answers.
        """
        status, body = self._asked("GET", PATH)
        try:
            return msgspec.json.decode(body, type=GatewayStatus) if status == 200 else None
        except msgspec.DecodeError:
            return None

    def _asked(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        fit = bool(self.token) and self.token.isascii() and self.token.isprintable()
        headers = {"x-stillup-token": self.token} if fit else {}
        parts = urlsplit(self.url)
        with closing(HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_PATIENCE_S)) as connection:
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read(_MOST_BYTES)
            except (OSError, HTTPException):
                msg = f"no gateway answers at {self.url}; start one with `stillup gateway`, or play it in the mirror"
                raise UsageError(msg) from None


class Watched:
    """A scene on the gateway that runs, as it is watched."""

    def __init__(self, ground: Ground, play: Play, tell: Tell, switch: Switch) -> None:
        self._ground, self._play, self._tell, self._switch = ground, play, tell, switch
        self._hit = hit_by(play, ground.layout.seats, ground.layout.first)
        self._began_s = ground.clock.monotonic_s()
        self._wall_s = ground.clock.wall_s()
        self._happened: list[Happened] = []
        self._told: set[str] = set()

    async def run(self) -> Scene:
        """Play it for as long as is wanted; the failure is ended whatever happens.

        :raises UsageError: it cannot be played there, no gateway answers, or it refuses.
        """
        play, ground = self._play, self._ground
        mode = play.name if play.kind is Kind.MODE else _MODES.get(play.kind, "")
        if not mode or not self._hit:
            msg = f"the scene {play.key} cannot be played on the gateway that runs; the mirror can"
            raise UsageError(msg)
        self._tell(What.BEGINS, says=play.title)
        status = await asyncio.to_thread(self._switch.status)
        keeps = status is not None and status.journal.on
        begins_s = self._now()
        try:
            for upstream in self._hit:
                await asyncio.to_thread(self._switch.begin, upstream, mode, ground.wanted.for_s + _SPARE_S)
            self._tell(What.FAILS, says=f"{', '.join(self._hit)}: real requests meet {mode}")
            tries = await self._follow(begins_s, keeps=keeps)
        finally:
            await asyncio.shield(asyncio.ensure_future(self._mend()))
        ends_s = self._now()
        self._tell(What.MENDED)
        asked = await asyncio.to_thread(self._asked, begins_s, ends_s) if keeps else ()
        self._sum_up(tries, len(asked), keeps=keeps)
        return Scene(
            kind=play.kind, name=play.name, title=play.title, hit=self._hit, begins_s=begins_s, ends_s=ends_s,
            lanes=(Lane(name=YOURS, backed=True, asked=asked),), happened=tuple(self._happened), injected=_INJECTED,
            aborted=ground.aborted.is_set(),
        )  # fmt: skip

    def _now(self) -> float:
        return self._ground.clock.monotonic_s() - self._began_s

    def _happens(self, says: str) -> None:
        self._happened.append(Happened(self._now(), says))
        self._tell(What.HAPPENED, says=says)

    async def _follow(self, begins_s: float, *, keeps: bool) -> int:
        """Until the time is over or somebody ends it; how many tries met it."""
        looks, tries = 0, 0
        while not self._ground.aborted.is_set() and self._now() - begins_s < self._ground.wanted.for_s:
            await self._ground.clock.sleep(_LOOK_S)
            looks += 1
            if looks % _READ_EVERY == 0:
                tries = max(tries, await asyncio.to_thread(self._switch.tries))
                if keeps:
                    self._tell_new(await asyncio.to_thread(self._asked, begins_s, self._now()))
        return max(tries, await asyncio.to_thread(self._switch.tries))

    def _tell_new(self, asked: tuple[Asked, ...]) -> None:
        for each in asked:
            mark = f"{each.at_s:.3f}{each.protocol}"
            if mark not in self._told:
                self._told.add(mark)
                self._tell(What.ASKED, lane=YOURS, asked=each)

    async def _mend(self) -> None:
        for upstream in self._hit:
            for _ in range(_TIMES):
                if await asyncio.to_thread(self._switch.end, upstream):
                    break
                await self._ground.clock.sleep(_AGAIN_S)
            else:
                self._happens(f"{upstream}: the gateway does not say that its drill is over; it ends by itself.")

    def _sum_up(self, tries: int, asked: int, *, keeps: bool) -> None:
        met = f"{tries} {'try' if tries == 1 else 'tries'} met the failure"
        if not keeps:
            self._happens(f"The gateway keeps no journal, so what came of requests is not known; {met}.")
        elif not asked:
            self._happens(f"Nobody asked anything while the failure stood ({met}): that is no proof of anything.")
        else:
            self._happens(f"{met}.")

    def _asked(self, begins_s: float, ends_s: float) -> tuple[Asked, ...]:
        """The requests that were under way meanwhile and could have gone to who failed. Blocks."""
        try:
            found = [self._seen(x) for x in self._between(begins_s, ends_s)]
        except StoreError as exc:
            self._ground.say(str(exc))
            return ()
        return tuple(sorted(found, key=lambda each: each.at_s))[:_MOST_ASKED]

    def _between(self, begins_s: float, ends_s: float) -> Iterator[Exchange]:
        for exchange in read_exchanges(journal_folder(self._ground.config), newest_first=True):
            at_s = exchange.at_s - self._wall_s
            if at_s < begins_s - _LONGEST_ANSWER_S:
                return
            over_s = ends_s if exchange.ended_s is None else exchange.ended_s - self._wall_s
            if at_s <= ends_s and over_s >= begins_s and not exchange.is_running and self._is_hit(exchange):
                yield exchange

    def _is_hit(self, exchange: Exchange) -> bool:
        begin = exchange.begin
        if any(t.upstream in self._hit or t.drill for t in exchange.tries):
            return True
        try:
            chain = self._ground.layout.plan.chain(Protocol(begin.protocol), begin.model)
        except ValueError:  # written by another version
            return False
        return any(target.upstream in self._hit for target in chain)

    def _seen(self, x: Exchange) -> Asked:
        times = [at - self._wall_s for at, _ in x.chunks()]
        at_s = x.at_s - self._wall_s
        done_s = x.ended_s - self._wall_s if x.ended_s is not None else (times[-1] if times else at_s)
        ok = x.outcome == Ending.ANSWERED.value
        last = x.seams[-1].upstream if x.seams else (x.answering[-1].upstream if x.answering else "")
        return Asked(
            at_s=at_s,
            first_s=times[0] if times and x.begin.stream else None,
            done_s=max(at_s, done_s),
            shape=Shape.OTHER,
            protocol=x.begin.protocol,
            ok=ok,
            says="" if ok else _says(x),
            upstream=last,
            continued=bool(x.seams),
            put_off=x.outcome == Ending.DEFERRED.value,
            silence_s=_longest(at_s, times, done_s),
        )


def _longest(at_s: float, times: list[float], done_s: float) -> float:
    marks = [at_s, *times, done_s]
    return max(0.0, *(later - earlier for earlier, later in pairwise(marks)))


def _says(x: Exchange) -> str:
    """What came of a request, and what each that was asked failed with; never a word of what was said."""
    faults = dict.fromkeys(f"{t.upstream}: {t.fault}" for t in x.tries if t.fault)
    return f"{x.outcome} ({'; '.join(faults)})" if faults else x.outcome


def _why(status: int, body: bytes, url: str) -> str:
    if status == 401:
        return f"{url} asks for a token; set {TOKEN_ENV} to yours"
    try:
        says = msgspec.json.decode(body, type=_Error).error.message
    except msgspec.DecodeError:
        says = ""
    return f"the gateway takes no drill: {says or f'status {status}'}"
