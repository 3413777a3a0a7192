"""The values alerts are decided on: rules and settings as configured, and the state that outlives the process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from hashlib import blake2s

from msgspec import Struct

from stillup.model.service import Confidence, Scope, State
from stillup.model.verdict import Verdict
from stillup.response.alerts.quiet import Window
from stillup.response.alerts.reasons import Kind, Reason

FAULTS = (State.DEGRADED, State.PARTIAL_OUTAGE, State.MAJOR_OUTAGE)


class Rule(Struct, frozen=True, kw_only=True):
    """Who is told of what. An empty ``components``, ``models`` or ``regions`` leaves nothing out."""

    id: str
    services: tuple[str, ...]
    """All of them: capabilities and defaults are already worked out."""
    components: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    states: tuple[State, ...] = FAULTS
    confidence: Confidence = Confidence.SUSPECTED
    for_s: float = 0.0
    updates: bool = True
    channels: tuple[str, ...] = ()
    escalate_after_s: float | None = None
    escalate_to: tuple[str, ...] = ()
    quiet: tuple[Window, ...] = ()
    digest: bool = False


class Flapping(Struct, frozen=True, kw_only=True):
    """So many messages of a break or a recovery within ``window_s`` are too many; 0 are never too many."""

    changes: int = 5
    window_s: float = 3_600.0
    settle_s: float = 900.0


class Silence(Struct, frozen=True, kw_only=True):
    """Nothing is said of these between two times; None is open. ``maintenance``: while the page's own work lasts."""

    service: str | None = None
    component: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    maintenance: bool = False


class Work(Struct, frozen=True, kw_only=True):
    """Announced maintenance that is going on; no components: of the whole service."""

    service: str
    components: tuple[str, ...] = ()


class Settings(Struct, frozen=True, kw_only=True):
    """What was configured."""

    rules: tuple[Rule, ...] = ()
    silences: tuple[Silence, ...] = ()
    flapping: Flapping = Flapping()
    digest_min: int | None = None
    """Minute of the day; None: no digest."""
    updates_every_s: float = 600.0
    grace_s: float = 600.0
    """So long after a start that was not resumed nothing is said to be over: the first look of a monitor that begins
    with nothing sees less than the last of the one before it."""
    forget_s: float = 43_200.0
    """When nobody watched for so long, what was open before is dropped without a word."""
    zone: tzinfo = UTC


class Said(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the channels were told last."""

    state: State
    confidence: Confidence | None = None
    scope: Scope | None = None
    components: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


class Thread(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule's conversation about one service, from the first message of a break to the last."""

    incident: str = ""
    """The incident it is about; it keeps that name until it is over."""
    began: datetime | None = None
    revision: int = 0
    """Of the newest message; the first has 1."""
    since: datetime | None = None
    """From when on the rule's condition holds; None while it does not."""
    clear: datetime | None = None
    worst: State | None = None
    """While it holds: the worst it was, and the parts that were hit."""
    parts: tuple[str, ...] = ()
    said: Said | None = None
    """None: nothing is open, as far as the channels know."""
    said_at: datetime | None = None
    broke_at: datetime | None = None
    told: tuple[str, ...] = ()
    """The channels that know of it."""
    escalated: bool = False
    acked: bool = False
    flips: tuple[datetime, ...] = ()
    flapping: datetime | None = None
    why: Reason = Reason.NOTHING_WRONG
    """Of the newest decision."""


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a digest; ``ended`` is None while it lasts."""

    service: str
    state: State
    began: datetime
    ended: datetime | None = None
    components: tuple[str, ...] = ()


class AlertState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that must outlive the process. The keys are ``service/component`` and ``rule/service``."""

    verdicts: dict[str, Verdict] = {}
    threads: dict[str, Thread] = {}
    silences: tuple[Silence, ...] = ()
    """Asked for on the command line."""
    works: tuple[Work, ...] = ()
    notes: dict[str, tuple[Note, ...]] = {}
    digest_on: date | None = None
    started_at: datetime | None = None
    """When a watch began that may know less than the one before it; None where none did."""
    seen_at: datetime | None = None
    heard: dict[str, datetime] = {}
    """What was decided on while the database was away: changes up to then are no news when they come to be read."""
    aside: str = ""
    """The name of what was taken up last of all that was decided then."""

    def of(self, service: str) -> dict[str | None, Verdict]:
        """The verdicts on a service and its components."""
        found = ((key.partition("/"), v) for key, v in self.verdicts.items())
        return {part or None: v for (name, _, part), v in found if name == service}


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided for one rule and service. Without a ``kind`` nothing is said, for that ``reason``."""

    rule: str
    service: str
    reason: Reason
    kind: Kind | None = None
    at: datetime
    incident: str = ""
    began: datetime | None = None
    revision: int = 0
    channels: tuple[str, ...] = ()
    verdict: Verdict | None = None
    components: tuple[str, ...] = ()
    before: Said | None = None
    since: datetime | None = None
    """From when on it was seen to be so, and, where it is over, until when."""
    until: datetime | None = None
    notes: tuple[Note, ...] = ()

    def key(self, channel: str) -> str:
        """What makes this message one and the same for a channel, however often it is decided or sent."""
        began = self.began.isoformat() if self.began else ""
        parts = (self.rule, self.service, self.incident, began, str(self.revision), channel)
        return "msg_" + blake2s("\0".join(parts).encode(), digest_size=16).hexdigest()


class Outcome(Struct, frozen=True):
    """The new state, and every decision on the way to it."""

    state: AlertState
    decisions: tuple[Decision, ...] = ()

    @property
    def messages(self) -> tuple[Decision, ...]:
        """Those that say something."""
        return tuple(d for d in self.decisions if d.kind is not None)


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message for one channel, in words. All its texts are clean: printable, bounded, of one line but ``long``."""

    key: str
    channel: str
    kind: Kind
    reason: Reason
    rule: str
    service: str
    incident: str
    revision: int
    at: datetime
    title: str
    short: str
    """One sentence or two."""
    long: str
    """Everything, in lines."""
    link: str = ""
    verdict: Verdict | None = None

    @property
    def thread(self) -> str:
        """What all messages about one incident of one rule have in common."""
        return f"{self.rule}/{self.incident}"


class Changed(Struct, frozen=True):
    """A verdict changed. ``fold``: it counts, and nothing is said of it by itself."""

    verdict: Verdict
    fold: bool = False


class Ticked(Struct, frozen=True):
    """Time has passed; ``works`` is the maintenance that is going on, None where that is not known.

    ``resumed``: the watch knows what the one before it knew, so it may say at once that something is over.
    """

    works: tuple[Work, ...] | None = None
    resumed: bool = False


class Started(Struct, frozen=True):
    """A process began to watch."""


class Acked(Struct, frozen=True):
    """Somebody knows of what is open; None is all of it."""

    service: str | None = None


class Silenced(Struct, frozen=True):
    """Somebody asked for silence."""

    silence: Silence


Event = Changed | Ticked | Started | Acked | Silenced

Verdicts = Mapping[str | None, Verdict]
