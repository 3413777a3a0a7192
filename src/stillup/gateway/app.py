"""The gateway: one local address that answers as long as anybody can.

::

    wire.server ─► Gateway.handle: who may come in, what is asked, whom to ask ─► Handling (one request)
                                                                                  │ core.exchange decides
    upstreams ◄─ wire.client ◄─ outbox: the journal has it first ◄────────────────┘
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from stillup.gateway.composing import Composer, Shared
from stillup.gateway.controls import Controls
from stillup.gateway.core.actions import Patience
from stillup.gateway.core.allowance import Allowance, Bounds, Denied, crowding
from stillup.gateway.core.desk import Desk, DeskSettings
from stillup.gateway.core.door import SAYS, Door, Entry, Reason, User
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Facts
from stillup.gateway.core.values import Ask, Headers, Operation, Target
from stillup.gateway.dialects.adapting import Lessons
from stillup.gateway.dialects.base import KeyChoice, Refusal
from stillup.gateway.dialects.coding import coding_of
from stillup.gateway.dialects.dialect import Stamp
from stillup.gateway.dialects.errors import error_answer
from stillup.gateway.dialects.holding import Room
from stillup.gateway.dialects.requests import protocol_of, read_request
from stillup.gateway.faults.faults import Faults
from stillup.gateway.handling import Handling
from stillup.gateway.housekeeping import keep_house, sweep
from stillup.gateway.journal import Journal
from stillup.gateway.later.later import Later
from stillup.gateway.later.passing import is_to_wait
from stillup.gateway.later.runner import Runner
from stillup.gateway.lines import Lines
from stillup.gateway.outbox import Outbox
from stillup.gateway.own import HEALTH_PATHS, OwnPages, is_open_to_all, path_of
from stillup.gateway.proxies import is_loopback
from stillup.gateway.seen.passage import Ending
from stillup.gateway.statuspage import ReplicaStatus
from stillup.gateway.telling import estimate, id_lines, new_id
from stillup.gateway.unpacking import Unpacker, Unpacking
from stillup.gateway.whom import Whom
from stillup.gateway.wire.listening import Listening
from stillup.gateway.wire.server import Connection, Exchange, Incoming, Stop

if TYPE_CHECKING:
    from pathlib import Path

    from stillup.clock import Clock
    from stillup.config.schema import Gateway as Settings
    from stillup.gateway.core.views import HealthView, Observer
    from stillup.gateway.outlet import Outlet
    from stillup.gateway.plan import GatewayPlan
    from stillup.gateway.seen.facade import Seen
    from stillup.gateway.seen.passage import Passage

_FULL_RETRY_S = 2.0
_STOP_RETRY_S = 5.0
_LOOK_S = 0.02
_LAST_CHANCE_S = 0.25
"""A connection that idles for less may have a request on its way."""
_LAST_WORDS_S = 1.0
"""How long clients may take for the end of an answer that the gateway's own end cut short."""
_STATUS_OF = {Reason.NO_HOST: 400, Reason.NO_TOKEN: 401, Reason.WRONG_TOKEN: 401}
"""Of who is not let in; everybody else gets 403."""


class _Place(Struct, frozen=True, gc=False):
    """What a request that waits for room will need, and since when it waits."""

    chain: tuple[Target, ...]
    keys: dict[str, KeyChoice]
    since_s: float


class Gateway:
    """Serves clients until it is stopped.

    ``view`` tells of outages and ``observer`` is told of tries; the gateway works without either. ``journal`` None
    keeps nothing, and so does ``later``, the folder of requests that are put off. ``say`` is told what its user must
    know. ``tls`` replaces the system's trust for upstreams (tests have their own authority).
    """

    def __init__(
        self,
        plan: GatewayPlan,
        settings: Settings,
        *,
        seen: Seen,
        clock: Clock,
        view: HealthView | None = None,
        observer: Observer | None = None,
        journal: Journal | None = None,
        random: Random | None = None,
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        environ: Mapping[str, str] | None = None,
        later: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.seen = seen
        self.clock = clock
        self.observer = observer
        self.journal = journal or Journal.off()
        self.keeps = journal is not None
        self.now, self.wall_s = clock.monotonic_s, clock.wall_s
        self.desk = Desk(
            DeskSettings(hedge_after_s=settings.hedge_after_s, stall_after_s=settings.stall_after_s), view, random
        )
        self.outbox = Outbox(journal, self.wall_s)
        self.aside = ThreadPoolExecutor(1)  # one: the loop has half of the processor, whatever else takes long
        self.unpacker = Unpacker()
        self.lines = Lines(self.now, tls=tls, environ=environ)
        self.max_body_bytes = settings.max_body_mb * 1_048_576
        host, _, port = settings.listen.rpartition(":")
        self.host, self.port = host.strip("[]"), int(port)
        users = plan.users
        self._door = Door(
            is_loopback=is_loopback(self.host), users=[User(u.id, u.token) for u in users], hosts=settings.hosts
        )
        self.allowance = Allowance((u.id, Bounds(u.requests_per_minute, u.usd_per_day)) for u in users)
        self._patience = patience or Patience(deadline_s=settings.deadline_s)
        self.whom = Whom(plan, clock.now)
        told = say or (lambda _: None)
        self.faults = Faults([u.id for u in plan.upstreams], self.now, self.desk.random, told)
        self.later = Later(self, later, told)
        self.runner = Runner(self, self.later)
        self._own, self._controls = OwnPages(self), Controls(self)
        self.replica: Callable[[], ReplicaStatus | None] = lambda: None
        self._shared = Shared(plan.upstream, Lessons(plan.provider_ids), settings.thinking_cut, Room())
        self._connections: set[Connection] = set()
        self._running: set[Handling] = set()
        self._queue: dict[Handling, _Place] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        admits = self._admit if users or not is_loopback(self.host) else None
        self._listening = Listening(lambda: Connection(self, self._connections, self.now, admits))
        self.is_leaving = self.is_stopping = self._is_filling = False

    @property
    def in_flight(self) -> int:
        """Requests that are being worked on."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests that wait for room."""
        return len(self._queue)

    @property
    def address(self) -> str:
        """Where it listens, as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen. The port is taken when this returns.

        :raises OSError: the address cannot be taken.
        :raises stillup.errors.UsageError: an upstream needs a library that is not installed, or has no usable address.
        """
        self.lines.check(self.plan.upstreams)
        self.port = await self._listening.start(self.host, self.port)
        await self.seen.start()
        _ = self.task(sweep(self._connections, self.clock))
        if self.later.is_on:
            _ = self.task(self.runner.go_on())
        if self.keeps:
            _ = self.task(keep_house(self.journal, self.clock))

    def leave(self) -> None:
        """Say that the end is near: ``/readyz`` does, and each connection ends with its next answer. All is served."""
        self.is_leaving = True

    async def stop(self, grace_s: float = 10.0) -> None:
        """Take no more; let what is under way finish, then end it with an error that clients can try again after."""
        self.is_leaving = self.is_stopping = True
        self.faults.close()
        await self._listening.shut()
        await self._until_gone(grace_s)
        waiting, self._queue = self._queue, {}
        for handling in (*waiting, *self._running):
            if grace_s > 0:
                handling.stop("The gateway is being stopped; try again in a moment.", _STOP_RETRY_S)
            else:
                handling.client_gone()
        self.outbox.flush()
        await self._until_gone(min(grace_s, _LAST_WORDS_S))
        for connection in tuple(self._connections):
            connection.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.later.close()
        await self.lines.close()
        self.aside.shutdown(wait=False, cancel_futures=True)
        self.unpacker.close()
        self.outbox.flush()
        self.journal.close(self.wall_s())
        await self.seen.stop()

    async def _until_gone(self, within_s: float) -> None:
        """Wait for the answers that are under way, those too that their clients have not taken yet."""
        end_s = self.now() + within_s
        while (self._running or self._connections) and (now := self.now()) < end_s:
            for connection in tuple(self._connections):
                if not connection.is_idle or now - connection.idle_since_s > _LAST_CHANCE_S:
                    connection.close_idle()
            await self.clock.sleep(_LOOK_S)

    # --- what a connection asks of us (wire.server.Service)

    def handle(self, connection: Connection, request: Incoming) -> Exchange | None:
        """Answer at once, or begin to handle. Whatever goes wrong in here, the client gets an answer."""
        if self.is_leaving:
            connection.is_the_last()
        try:
            return self._handle(connection, request)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours
            self.mistaken(connection, request, exc)
            return None

    def mistaken(self, connection: Connection, request: Incoming, exc: Exception) -> None:
        """A mistake of ours is told to whoever reads the log, and its client gets an answer."""
        told = {"message": "a request could not be handled", "exception": exc}
        asyncio.get_running_loop().call_exception_handler(told)
        says = "the gateway made a mistake; its log says more"
        self.refuse(connection, 500, says, request.target, request.headers)

    def _handle(self, connection: Connection, request: Incoming) -> Exchange | None:
        path, query = path_of(request.target)
        if path in HEALTH_PATHS and self._own.answer(connection, request.method, path):
            return None
        entry = self._door.admit(request.headers, query)
        if path is None or not entry.is_open:
            says = SAYS.get(entry.reason) or "the address of a request begins with a slash"
            status = 400 if path is None else _STATUS_OF.get(entry.reason, 403)
            self.refuse(connection, status, says, request.target, request.headers)
            return None
        if self._own.answer(connection, request.method, path):
            return None
        if self._controls.answer(connection, request, path, query, entry):
            return None
        read = partial(read_request, request.method, path, query, request.headers, request.body)
        if coding_of(request.headers):
            return Unpacking(self, connection, request, entry.user, read, partial(self._take, connection, entry))
        return self._take(connection, entry, read())

    def _admit(self, target: bytes, headers: Headers) -> Stop | None:
        """Beyond loopback: whoever is not let in need not send a body first."""
        path, query = path_of(target)
        entry = self._door.admit(headers, query)
        if entry.is_open or is_open_to_all(path, headers):
            return None
        return Stop(_STATUS_OF.get(entry.reason, 403), SAYS[entry.reason])

    def refuse(self, connection: Connection, status: int, says: str, target: bytes, headers: Headers) -> None:
        """An error in the words of the protocol that the request seems to be in."""
        path, query = path_of(target)
        protocol = protocol_of(path or "/", query, headers)
        status, lines, body = error_answer(protocol, Fault.BAD_REQUEST, says, status=status)
        connection.answer(status, (*lines, *id_lines(new_id())), body)

    def _take(self, connection: Connection, entered: Entry, ask: Ask | Refusal) -> Handling | None:
        if isinstance(ask, Refusal):
            connection.answer(ask.status, (*ask.headers, *id_lines(new_id())), ask.body)
            return None
        return self._begin(connection, ask, entered)

    def _begin(self, connection: Connection, ask: Ask, entered: Entry) -> Handling | None:
        user = entered.user
        denied = (self._crowding(user) or self.allowance.ask(user, self.now(), self.clock.now())) if user else None
        handling = self._made(connection, ask, user, is_kept=denied is None)
        if denied is not None:
            handling.refuse(Fault.RATE_LIMITED, denied.says, retry_after_s=denied.retry_after_s)
            return None
        chain = self.whom.chain(ask, handling.needs)
        if not chain and ask.operation is Operation.COUNT_TOKENS and self.plan.chain(ask.protocol, ask.model):
            estimate(handling)
            return None
        if not chain:
            status = 404 if self.plan.upstreams else 503
            handling.refuse(Fault.BAD_REQUEST, self.whom.nobody(ask), status=status)
            return None
        if is_to_wait(ask):
            self.later.keep(handling)
            return None
        # Our own token is nobody else's to see: a client that came in with one has no key to lend.
        keys = self.whom.keys(ask, chain, lend=not entered.key_is_token)
        if len(self._running) >= self.settings.max_concurrent:
            return self._wait(handling, chain, keys)
        self.run(handling, chain, keys)
        return handling

    def _made(self, outlet: Outlet, ask: Ask, user: str, *, is_kept: bool = True) -> Handling:
        request_id = new_id()
        passage = self.seen.begin(ask, request_id, user)
        is_kept = is_kept and self.keeps and ask.operation is Operation.GENERATE
        entry = self.journal.begin(ask, request_id, self.wall_s()) if is_kept else None
        return Handling(self, outlet, ask, passage, entry)

    def begin_again(self, ask: Ask, user: str, outlet: Outlet) -> Handling | None:
        """What was put off has its turn, and the journal knows; :meth:`run` asks. None without room or allowance."""
        if self.is_stopping or len(self._running) >= self.settings.max_concurrent:
            return None
        if user and self.allowance.ask(user, self.now(), self.clock.now()) is not None:
            return None
        handling = self._made(outlet, ask, user)
        self.journal.commit(self.wall_s())
        return handling

    def _crowding(self, user: str) -> Denied | None:
        half = max(1, self.settings.max_concurrent // 2)
        if len(self.plan.users) < 2 or len(self._running) < half:
            return None
        return crowding((h.passage.user for h in (*self._running, *self._queue)), user, half)

    def _wait(self, handling: Handling, chain: tuple[Target, ...], keys: dict[str, KeyChoice]) -> Handling | None:
        if len(self._queue) >= self.settings.queue:
            says = f"{len(self._running)} requests are under way and {len(self._queue)} wait: there is no room"
            handling.refuse(Fault.OVERLOADED, says, retry_after_s=_FULL_RETRY_S)
            return None
        self._queue[handling] = _Place(chain, keys, self.now())
        handling.wait_at_most(self._patience.deadline_s, "The gateway had no room for the request in time.")
        return handling

    def run(
        self,
        handling: Handling,
        chain: tuple[Target, ...],
        keys: dict[str, KeyChoice],
        patience: Patience | None = None,
    ) -> None:
        """Ask the chain, in room that there is."""
        ask = handling.ask
        self._running.add(handling)
        facts = Facts(ask.operation, ask.model, ask.stream, len(ask.body), len(ask.body) // 4)
        prints = {name: key.fingerprint for name, key in keys.items()}
        try:
            choice = self.desk.choose(chain, facts, prints, self.now())
            handling.start(self._composer(handling), facts, choice, keys, patience or self._patience)
        except Exception as exc:  # noqa: BLE001 - of one that waited for room nobody else would hear
            handling.broke(exc)

    def _composer(self, handling: Handling) -> Composer:
        return Composer(
            handling.ask,
            handling.needs,
            self._shared,
            Stamp(id=handling.passage.id.removeprefix("req_"), created_s=int(self.wall_s())),
        )

    # --- what a handling asks of us

    def over(self, handling: Handling, passage: Passage) -> None:
        """A request is over; the next one that waits has room."""
        self._running.discard(handling)
        self._queue.pop(handling, None)
        self.whom.paid(passage)
        if passage.user:
            self.allowance.spend(passage.user, passage.due_usd, self.clock.now())
        if passage.ending is Ending.ANSWERED:
            self.later.answered(handling.ask, passage.user)
        if self._is_filling:
            return  # it was over as soon as it had room: a queue of such would be as many calls deep
        self._is_filling = True
        try:
            while self._queue and len(self._running) < self.settings.max_concurrent:
                place = self._queue.pop(waiting := next(iter(self._queue)))
                left_s = self._patience.deadline_s - (self.now() - place.since_s)
                self.run(waiting, place.chain, place.keys, replace(self._patience, deadline_s=max(0.0, left_s)))
        finally:
            self._is_filling = False

    def task(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Do something beside the requests, until it is done or the gateway stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
