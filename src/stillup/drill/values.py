"""What a drill is made of, and what came of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What fails."""

    __hash__ = str.__hash__

    MODE = "mode"
    """One upstream, in one of the gateway's ways to fail."""
    PROVIDER = "provider"
    """Every upstream of one service."""
    REGION = "region"
    """Every upstream that stands on one cloud."""
    ALL = "all"
    """Every provider that is not on this machine."""
    GREEN_PAGE = "green_page"
    """A provider, while its official page says that all is well."""


class Where(StrEnum):
    """Where it is played. No real provider's state is ever touched."""

    __hash__ = str.__hash__

    MIRROR = "mirror"
    """The user's own routes, with a scripted provider on this machine in the place of every upstream."""
    GATEWAY = "gateway"
    """The gateway that runs, by its drill switch: real requests meet the failure."""


class Shape(StrEnum):
    """What a request of the workload asks for."""

    __hash__ = str.__hash__

    STREAM = "stream"
    WHOLE = "whole"
    """An answer in one piece."""
    TOOLS = "tools"
    """A stream that calls a tool."""
    SCHEMA = "schema"
    """An answer that must be JSON of a given shape."""
    OTHER = "other"
    """Somebody's own request, of whatever shape."""


class Asked(Struct, frozen=True, kw_only=True):
    """One request and what came of it. Times are seconds since its scene began.

    ``silence_s`` is the longest that its client waited for the next piece, or for the first. ``wanted_chars`` and
    ``got_chars`` are what the whole answer has and what of it arrived; 0 wanted: nobody can know.
    """

    at_s: float
    first_s: float | None = None
    done_s: float
    shape: Shape
    protocol: str = ""
    """What its client spoke, as ``anthropic``."""
    ok: bool
    """The answer is whole, and is the right one."""
    says: str = ""
    """Where it is not ok: what its client saw, in a few words."""
    upstream: str = ""
    continued: bool = False
    """It broke off, and another upstream went on with it."""
    put_off: bool = False
    """It is kept, and is asked again later: no answer, but no work lost either."""
    silence_s: float = 0.0
    wanted_chars: int = 0
    got_chars: int = 0


class Lane(Struct, frozen=True, kw_only=True):
    """The same workload, once with the backups that are configured and once without."""

    name: str
    backed: bool
    asked: tuple[Asked, ...]


class Loss(Struct, frozen=True, kw_only=True):
    """What one failed request came to: exactly what is lost."""

    at_s: float
    shape: Shape
    protocol: str
    says: str
    missing_chars: int
    """Of the answer never came; 0 where nobody can know."""
    put_off: bool
    """It is kept, and is asked again later."""


class Alert(Struct, frozen=True, kw_only=True):
    """A message that had to go out; ``at_s`` None: it did not arrive."""

    says: str
    channel: str
    at_s: float | None


class Step(Struct, frozen=True, kw_only=True):
    """A step of the playbook or of a plan; ``done`` None: nobody has said."""

    says: str
    by_hand: bool
    done: bool | None
    note: str = ""


class Happened(Struct, frozen=True):
    """Something worth a line of the timeline."""

    at_s: float
    says: str


class Scene(Struct, frozen=True, kw_only=True):
    """One failure that was played. The failure stands from ``begins_s`` to ``ends_s``."""

    kind: Kind
    name: str
    """The mode (``529``, ``cut``), the service, the cloud, or empty."""
    title: str
    hit: tuple[str, ...]
    """The upstreams that failed."""
    begins_s: float
    ends_s: float
    lanes: tuple[Lane, ...]
    alerts: tuple[Alert, ...] | None = None
    """None: alerts are no part of this scene."""
    steps: tuple[Step, ...] = ()
    happened: tuple[Happened, ...] = ()
    injected: str = ""
    """How the failure was made, as a sentence."""
    aborted: bool = False


class Drill(Struct, frozen=True, kw_only=True):
    """A drill that was run: what is kept of it, and what its report is written from."""

    id: str
    at: datetime
    where: Where
    scenes: tuple[Scene, ...]
    took_s: float
    aborted: bool = False
    simulated: bool = True
    """False where real requests met the failure."""
    version: str = ""


class Play(Struct, frozen=True, kw_only=True):
    """A failure that is to be played.

    ``name`` is as :class:`Scene` has it. ``upstream`` is who fails in a ``mode`` scene; empty: the first of the first
    route. ``title`` says it in words where it was proposed by :func:`stillup.daemon.drill.run.possible`.
    """

    kind: Kind
    name: str = ""
    upstream: str = ""
    title: str = ""

    @property
    def key(self) -> str:
        """The same for what is the same practice: ``mode:529``, ``provider:claude``, ``all``."""
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value


class Wanted(Struct, frozen=True, kw_only=True):
    """A drill that is to be run.

    ``for_s`` is how long each failure stands at least: in the mirror it ends once every request that met it has ended;
    on the gateway that runs it is exactly this. ``patience_s`` is how long a scripted client waits for the next piece
    of an answer before it gives up; None: half as long again as the gateway's own patience with a stalled answer, 30 s
    at least. ``together`` is how many scenes of the mirror are played side by side.
    """

    plays: tuple[Play, ...]
    where: Where = Where.MIRROR
    for_s: float = 0.0
    patience_s: float | None = None
    together: int = 1


class What(StrEnum):
    """What a moment tells."""

    __hash__ = str.__hash__

    BEGINS = "begins"
    """A scene begins: it is being set up, and all is well."""
    FAILS = "fails"
    """The failure stands from now on."""
    ASKED = "asked"
    """A request is over: ``asked``, in ``lane``."""
    HAPPENED = "happened"
    """Something worth a line: ``says``."""
    MENDED = "mended"
    """The failure has ended."""
    OVER = "over"
    """The scene is over: ``scene``."""


class Moment(Struct, frozen=True, kw_only=True):
    """What a drill tells of itself as it goes on; ``at_s`` is seconds since the drill began."""

    what: What
    at_s: float
    number: int
    """Of the scene, from 0; scenes that are played together take turns."""
    of: int
    """So many scenes."""
    play: Play
    says: str = ""
    lane: str = ""
    asked: Asked | None = None
    scene: Scene | None = None


class Score(Struct, frozen=True, kw_only=True):
    """How a lane came through.

    ``continuity`` is the share of the requests that were under way while the failure stood, and ended with the whole
    and right answer and no error on the way.
    ``without_answer_s`` is for how long in all there was nobody who answered: from a request that failed, or a silence
    longer than people put up with, to the next piece of an answer. ``switch_s`` is from the failure's beginning to the
    first answer by somebody else.
    """

    continuity: float
    requests: int
    errors: int
    lost_chars: int
    without_answer_s: float
    switch_s: float | None
    put_off: int = 0
    alerts: tuple[int, int] | None = None
    """Delivered, of how many."""
    steps: tuple[int, int] | None = None
    """Done, of how many."""
