"""What a scenario file may say: the usual level, the faults, how people, press and page react, and what must come out.

Times are aware; rates are per day, hour or minute as their names say; weights need not sum to one.
``docs/scenarios.md`` explains every field to those who write their own.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from stillup.model.service import Confidence, Layer, OutageClass, Problem, Scope, Stage, State
from stillup.sim.modes import Mode

At = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
ModelName = Annotated[str, Meta(min_length=1, max_length=60)]
Region = Annotated[str, Meta(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
Weight = Annotated[float, Meta(ge=0, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(ge=0, le=50_000)]
PerMinute = Annotated[float, Meta(ge=0, le=1_000)]
Seconds = Annotated[int, Meta(ge=0, le=7 * 86_400)]
Traffic = Annotated[str, Meta(pattern=r"^[0-9]{1,9}\+$")]
Prose = Annotated[str, Meta(max_length=20_000)]

EVERYTHING, CONTROLS, SOURCES = "*", "controls", "sources"
"""Names in ``targets`` beside the catalogue's endpoint ids: all there is, the control hosts, the sources' server."""
REQUESTS, STAND_IN, ENDPOINTS = "requests", "stand_in", "endpoints"
"""More: the service's API as programs on this machine reach it, another provider's, every endpoint of the service."""


class Stream(StrEnum):
    """What people do that leaves a trace."""

    REPORTS = "reports"
    """Reports on Downdetector."""
    POSTS = "posts"
    """Posts on Reddit about trouble."""
    CHATTER = "chatter"
    """Posts on Reddit about anything else."""
    STORIES = "stories"
    """Stories on Hacker News."""
    REQUESTS = "requests"
    """Claude Code's requests on this machine."""


class Mix(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who complains of what, as weights; an empty table leaves that part unsaid."""

    components: dict[Id, Weight] = {}
    regions: dict[Region, Weight] = {}
    problems: dict[Problem, Weight] = {}
    clients: dict[Id, Weight] = {}
    models: dict[ModelName, Weight] = {}
    """By the catalogue's names."""


class Usual(Mix, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The level on a day when nothing is wrong.

    ``by_hour`` are 24 weights (UTC hours) and ``by_weekday`` seven (UTC days, Monday first), each scaled to a mean of
    one. ``dispersion`` is how far the level swings from one quarter of an hour to the next: variance of the swing, 0
    for none.
    """

    reports_per_day: Rate = 0.0
    posts_per_day: Rate = 0.0
    chatter_per_day: Rate = 0.0
    stories_per_day: Rate = 0.0
    requests_per_hour: Rate = 0.0
    by_hour: Annotated[tuple[Weight, ...], Meta(min_length=24, max_length=24)] = (1.0,) * 24
    by_weekday: Annotated[tuple[Weight, ...], Meta(min_length=7, max_length=7)] = (1.0,) * 7
    dispersion: Annotated[float, Meta(ge=0, le=10)] = 0.0

    def __post_init__(self) -> None:
        """:raises ValueError: no hour or no day has any weight."""
        for key, weights in (("hour", self.by_hour), ("weekday", self.by_weekday)):
            if sum(weights) <= 0:
                msg = f"`by_{key}` needs at least one {key} above 0"
                raise ValueError(msg)


class Fault(Mix, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is truly broken from ``from`` to ``to``.

    ``share`` is the part of users (and of the world's own targets' minutes) it hits. ``by_region`` replaces parts of
    the mix for some regions. ``targets`` says how the world's servers answer meanwhile, ``retry_after_s`` what their
    errors say of when to come again; ``transcript_status`` is the HTTP status Claude Code's requests get. Where
    ``targets`` does not name ``requests``, these get that status too, and without one what ``inference`` answers.
    With ``models`` only requests for one of these fail.
    """

    id: Id
    from_: At = field(name="from")
    to: At
    layer: Layer
    share: Share = 1.0
    by_region: dict[Region, Mix] = {}
    targets: dict[str, Mode] = {}
    transcript_status: Annotated[int, Meta(ge=400, le=599)] | None = None
    retry_after_s: Seconds | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: it ends before it begins, or ``by_region`` names a region without weight."""
        _in_order(self.from_, self.to)
        unknown = sorted(set(self.by_region) - set(self.regions))
        if unknown:
            msg = f"`by_region` names {unknown[0]}, which has no weight in `regions`"
            raise ValueError(msg)


class Reaction(Mix, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one stream swells, because of a fault or (a rumour) for no fault at all.

    From ``delay_s`` after the beginning the rate climbs to ``peak_per_min`` over ``ramp_s``, tires with the half-life
    ``fatigue_s`` while the matter lasts (0: never), and falls with the half-life ``decay_s`` after its end;
    ``tail_per_min`` is added from the end for ``tail_s``.
    """

    stream: Stream
    peak_per_min: PerMinute
    fault: str = ""
    from_: At | None = field(name="from", default=None)
    to: At | None = None
    delay_s: Seconds = 180
    ramp_s: Seconds = 300
    fatigue_s: Seconds = 0
    decay_s: Seconds = 600
    tail_per_min: PerMinute = 0.0
    tail_s: Seconds = 0
    rumour: bool = False
    """The posts pass on what others say instead of telling of trouble of their own."""

    def __post_init__(self) -> None:
        """:raises ValueError: it has neither a fault nor times of its own, or both."""
        own = self.from_ is not None and self.to is not None
        if bool(self.fault) == own or (self.from_ is None) != (self.to is None):
            msg = "a reaction needs either `fault` or both `from` and `to`"
            raise ValueError(msg)
        if self.from_ is not None and self.to is not None:
            _in_order(self.from_, self.to)


class Official(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One update of the status page. ``at`` is the time it shows, ``posted_at`` when it truly appeared."""

    at: At
    posted_at: At
    stage: Stage
    body: Prose
    title: Annotated[str, Meta(max_length=300)] = ""
    """A new title of the incident from this update on; the first update needs one."""
    incident: Id = "main"
    impact: Literal["none", "minor", "major", "critical"] | None = None
    """Default: from the worst component it names."""
    components: dict[Id, State] = {}

    def __post_init__(self) -> None:
        """:raises ValueError: it shows a time after it appeared, or a stage of maintenance."""
        if self.at > self.posted_at:
            msg = "`at` is later than `posted_at`: a page can be back-dated, not post-dated"
            raise ValueError(msg)
        if self.stage not in INCIDENT_STAGES:
            msg = f"`stage` must be one of {', '.join(INCIDENT_STAGES)}"
            raise ValueError(msg)


INCIDENT_STAGES = (Stage.INVESTIGATING, Stage.IDENTIFIED, Stage.MONITORING, Stage.RESOLVED, Stage.POSTMORTEM)


class Trend(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query among the trending searches of one country from ``from`` to ``to``."""

    query: Annotated[str, Meta(min_length=1, max_length=100)]
    geo: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
    from_: At = field(name="from")
    to: At
    traffic: Traffic
    began: At | None = None
    """When the list says the trend began (default: ``from``)."""

    def __post_init__(self) -> None:
        """:raises ValueError: it ends before it begins."""
        _in_order(self.from_, self.to)


class News(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article; it stands under the trending searches from then on."""

    at: At
    headline: Annotated[str, Meta(min_length=1, max_length=200)]
    outlet: Annotated[str, Meta(min_length=1, max_length=60)]


class EarlyWarning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch in which StatusGator raises its early-warning signal."""

    from_: At = field(name="from")
    to: At

    def __post_init__(self) -> None:
        """:raises ValueError: it ends before it begins."""
        _in_order(self.from_, self.to)


class Mirror(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """StatusGator: how far it trails the page, and when it warns early."""

    delay_s: Seconds = 300
    early_warnings: tuple[EarlyWarning, ...] = ()


class Expect(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The story that must come out; what is absent is not judged.

    ``worst`` is the worst state reached, ``at_most`` the highest confidence allowed, ``calm`` are components that must
    stay out of it.
    """

    worst: State | None = None
    at_most: Confidence | None = None
    suspected_by: At | None = None
    confirmed_by: At | None = None
    official_at: At | None = None
    recovered_by: At | None = None
    components: tuple[Id, ...] = ()
    calm: tuple[Id, ...] = ()
    regions: tuple[Region, ...] = ()
    problems: tuple[Problem, ...] = ()
    models: tuple[ModelName, ...] = ()
    scope: Scope | None = None
    diagnosis: OutageClass | None = None
    """The class thought likeliest at the end of the trouble, or at any time in it."""
    alarms_at_most: Annotated[int, Meta(ge=0)] | None = None
    """How often at most it may go from well to ill: once for one outage, however it flaps."""
    not_before: At | None = None
    """No alarm may come before this."""


class SourceFault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch in which a source's own site fails, whatever the services do."""

    source: Id
    from_: At = field(name="from")
    to: At
    mode: Mode
    service: Id | None = None
    """Only what concerns that service; default: the whole site."""
    retry_after_s: Seconds | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: it ends before it begins."""
        _in_order(self.from_, self.to)


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scenario tells of one service. Without ``usual`` its level is guessed from the catalogue."""

    service: Id
    usual: Usual | None = None
    faults: tuple[Fault, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    official: tuple[Official, ...] = ()
    trends: tuple[Trend, ...] = ()
    news: tuple[News, ...] = ()
    statusgator: Mirror = Mirror()
    expect: Expect = Expect()

    def fault(self, fault_id: str) -> Fault | None:
        """The fault of that id."""
        return next((f for f in self.faults if f.id == fault_id), None)


class Scenario(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario, whole. Everything the world shows is a function of it and the time.

    What stands at the top is about ``service``; ``also`` tells of other services in the same hours.
    """

    id: Id
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    starts: At
    ends: At
    seed: int = 1
    notes: Prose = ""
    usual: Usual = Usual()
    also: tuple[Part, ...] = ()
    sources: tuple[SourceFault, ...] = ()

    def __post_init__(self) -> None:
        """:raises ValueError: it ends before it begins."""
        _in_order(self.starts, self.ends, "starts", "ends")

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every service's part, the scenario's own first."""
        return (self, *self.also)

    @property
    def services(self) -> tuple[str, ...]:
        """The services it tells of, its own first."""
        return tuple(part.service for part in self.parts)


def _in_order(first: datetime, last: datetime, a: str = "from", b: str = "to") -> None:
    if first >= last:
        msg = f"`{b}` must be later than `{a}`"
        raise ValueError(msg)
