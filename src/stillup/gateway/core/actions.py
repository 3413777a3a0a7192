"""What an exchange tells its shell to do, in the order in which it is to be done."""

from __future__ import annotations

from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Headers
from stillup.gateway.core.views import Try


class Send(Struct, frozen=True, gc=False):
    """Ask this turn's target; what comes back belongs to try ``n``. ``beside`` says that another is still asked."""

    n: int
    turn: Turn
    beside: bool = False


class Cancel(Struct, frozen=True, gc=False):
    """Give try ``n`` up."""

    n: int


class Open(Struct, frozen=True, gc=False):
    """The gate is open: the client gets try ``n``'s status and headers, and these first bytes."""

    n: int
    status: int
    headers: Headers
    data: bytes


class More(Struct, frozen=True, gc=False):
    """The client gets these bytes too."""

    data: bytes


class GoOn(Struct, frozen=True, gc=False):
    """Law 4: the answer that try ``broken`` began goes on with try ``n``, from these bytes.

    ``at`` is how many characters the client had.
    """

    n: int
    broken: int
    at: int
    data: bytes


class Whole(Struct, frozen=True, gc=False):
    """Try ``n`` gave a whole answer; the client gets it in one go."""

    n: int
    status: int
    headers: Headers
    data: bytes


class Finish(Struct, frozen=True, gc=False):
    """The answer is over, after these last bytes. ``broken`` names what broke it, where something did."""

    data: bytes = b""
    broken: Fault | None = None


class Ping(Struct, frozen=True, gc=False):
    """Tell the client that somebody is still there (law 4 allows it: a ping is no content)."""


class Settled(Struct, frozen=True, gc=False):
    """Try ``n`` is over, and this came of it. ``taken`` says that the client was given its answer, or a part."""

    n: int
    result: Try
    taken: bool


class Refuse(Struct, frozen=True, gc=False):
    """Law 2: the client gets an error, that of try ``n`` where one of them is to be shown.

    ``status``, ``headers`` and ``body`` are the upstream's where it answered with an error's status, ``says`` its own
    words where it put them into an answer that began well: for the client, never for a log.
    """

    end: End
    fault: Fault
    n: int | None = None
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    says: str = ""
    retry_after_s: float | None = None


Action = Send | Cancel | Open | More | GoOn | Whole | Finish | Ping | Settled | Refuse
Actions = tuple[Action, ...]


class Patience(Struct, frozen=True):
    """How long one request may take. ``ping_s`` is the silence after which a streaming client is pinged."""

    deadline_s: float = 600.0
    ping_s: float = 15.0
