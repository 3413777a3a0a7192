"""The page as a part of ``stillup up``: a thread and an event loop of its own, shown a new board each judged minute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from threading import Thread
from typing import TYPE_CHECKING

from msgspec import structs

from stillup.board import Archive, Board
from stillup.clock import Clock
from stillup.config.schema import Web
from stillup.daemon.board import UNJUDGED, nobody_judges
from stillup.daemon.gateway import run_loop
from stillup.daemon.sockets import open_sockets, room_for
from stillup.errors import UsageError
from stillup.hub.values import Desk, PoolDesk
from stillup.model.service import Capability
from stillup.model.verdict import Verdict
from stillup.secret import Secret
from stillup.web.accepting import Server
from stillup.web.discreet import DiscreetArchive, discreet, discreet_verdict
from stillup.web.front import Front
from stillup.web.peers import Peers
from stillup.web.site import Site
from stillup.web.wire import BACKLOG, Config, configured

if TYPE_CHECKING:
    import socket

    from stillup.drill.book import Practice
    from stillup.risk.sla_report import Report as SlaReport
    from stillup.risk.survey import Risk
    from stillup.risk.switch import Comparison
    from stillup.vault.store import Vault

Say = Callable[[str], None]

MOST_CONNECTIONS = 10_000
"""A crowd that comes when something is down; each costs some 20 KB."""
_LEAVE_S = 6.0
_BEGIN_S = 30.0


class Serving:
    """Serves the page from :meth:`start` to :meth:`stop`; the newest board is shown from :meth:`show` on.

    ``first`` is what is shown before anything was judged: its ``seq`` is 0. ``say`` is told what its user must know.
    """

    def __init__(
        self,
        settings: Web,
        clock: Clock,
        first: Board,
        *,
        say: Say,
        archive: Archive | None = None,
        desk: Desk | None = None,
        kept: Callable[[], Awaitable[bool]] | None = None,
        pool: PoolDesk | None = None,
        gateway: str | None = None,
        gateway_token: Secret | None = None,
        vault: Callable[[], Vault] | None = None,
        practice: Practice | None = None,
        risk: Callable[[Capability | None], Risk] | None = None,
        sla: Callable[[str, str], SlaReport] | None = None,
        switch: Callable[[str, str | None], Comparison] | None = None,
        token: Secret | None = None,
        metrics_token: Secret | None = None,
        more_metrics: Sequence[Callable[[], bytes]] = (),
    ) -> None:
        self._settings = settings
        self._board = discreet(first) if settings.public else first
        self._say = say
        self._clock = clock
        self._unheard = nobody_judges(self._board)
        self._parts = {
            "clock": clock,
            "archive": DiscreetArchive(archive) if settings.public and archive is not None else archive,
            "desk": desk, "kept": kept, "pool": pool, "gateway": gateway,
            "gateway_token": gateway_token, "vault": vault, "practice": practice, "risk": risk, "sla": sla,
            "switch": switch, "token": token, "metrics_token": metrics_token, "more_metrics": more_metrics,
        }  # fmt: skip
        self._sockets: list[socket.socket] = []
        self._thread: Thread | None = None
        self._front: Front | None = None
        self._server: Server | None = None
        self._config: Config | None = None
        self.address = ""
        """Where it is reached from this machine, as ``http://127.0.0.1:8780``; empty before it is started."""

    def board(self) -> Board:
        """The board that is shown."""
        board = self._board
        if board.seq == 0 and self._clock.now() - board.at > UNJUDGED:
            return self._unheard
        return board

    def start(self) -> str:
        """Listen, and serve from now on; the address it is reached at from this machine.

        :raises stillup.errors.UsageError: the address to listen on cannot be had.
        """
        self._sockets, listen, self.address = open_sockets(self._settings.listen, BACKLOG, "web.listen")
        settings = structs.replace(self._settings, listen=listen)
        self._front = Front(Site(settings=settings, board=self.board, is_leaving=self._is_leaving, **self._parts))  # type: ignore[arg-type]
        self._config = config = configured(
            self._front, room_for(MOST_CONNECTIONS), peers=Peers(settings.trusted_proxies)
        )
        self._server = Server(config)
        self._thread = Thread(target=self._live, args=(self._server,), name="web", daemon=True)
        self._thread.start()
        self._server.is_there.wait(_BEGIN_S)
        if not self._server.started:
            self.stop()
            msg = f"the page on {listen} did not begin"
            raise UsageError(msg)
        return self.address

    def show(self, board: Board, changes: Sequence[Verdict] = ()) -> None:
        """Show a new board, and tell those who watch what changed. Returns at once; call it from any thread."""
        if self._settings.public:
            board, changes = discreet(board), [discreet_verdict(change) for change in changes]
        self._board = board
        if self._front is not None:
            self._front.show(board, changes)

    def _is_leaving(self) -> bool:
        return self._config is not None and self._config.is_leaving

    def leave(self) -> None:
        """Serve on, say that nobody should be sent here any more, and keep no connection. Any thread may say so."""
        if self._config is not None:
            self._config.is_leaving = True

    def stop(self) -> None:
        """End it: what is under way may finish within a few seconds. Blocks; a second call does nothing."""
        server, thread = self._server, self._thread
        self.leave()
        if self._front is not None:
            self._front.close()
        if server is not None:
            server.should_exit = True
        if thread is not None:
            thread.join(_LEAVE_S)
        for sock in self._sockets:
            sock.close()
        self._sockets = []

    def _live(self, server: Server) -> None:
        try:
            run_loop(server.serve(self._sockets))
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - whatever it was, the rest of the process goes on
            self._say(f"the page ended: {type(exc).__name__}: {exc}")
        finally:
            server.is_there.set()
