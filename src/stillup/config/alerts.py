"""The shape of ``[alerts]``: who is told of what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from stillup.config.kinds import Kind
from stillup.config.types import Id, KeyFile, Name, Service, Variable, kind, says
from stillup.secret import Secret

Address: TypeAlias = Annotated[Secret, kind(Kind.CHANNEL)]
Hours: TypeAlias = Annotated[str, kind(Kind.HOURS)]
TimeOfDay: TypeAlias = Annotated[str, kind(Kind.TIME)]
Zone: TypeAlias = Annotated[str, kind(Kind.ZONE)]
Region: TypeAlias = Annotated[str, kind(Kind.REGION)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
StateName: TypeAlias = Literal["degraded", "partial_outage", "major_outage", "maintenance", "unknown"]
CapabilityName: TypeAlias = Literal[
    "writing", "coding", "research", "analysis", "translation", "brainstorming", "image", "chat"
]


class Flapping(Struct, frozen=True, kw_only=True):
    """What counts as going on and off."""

    changes: Annotated[
        int,
        Meta(ge=0, le=100),
        says("So many breaks and recoveries within `window_s` count as going on and off; 0 never does"),
    ] = 5
    window_s: Annotated[float, Meta(gt=0, le=86_400), says("The seconds in which they are counted")] = 3_600.0
    settle_s: Annotated[
        float, Meta(gt=0, le=86_400), says("Seconds without a change after which it is told how things stand")
    ] = 900.0


class Channel(Struct, frozen=True, kw_only=True):
    """One way to reach somebody."""

    id: Annotated[Id, says("The name rules use for it")]
    kind: Annotated[
        Literal["apprise", "webhook", "smtp", "desktop"] | None,
        says("What it is. Default: as its address says; `https://` is a webhook unless Apprise knows the host"),
    ] = None
    url: Annotated[Address | None, says("Its address")] = None
    url_env: Annotated[
        Variable | None, says("The variable that holds its address, where that holds what opens the channel")
    ] = None
    url_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds it, if the variable named by `url_env` does not")
    ] = None
    secret_env: Annotated[
        Variable | None, says("The variable that holds what a webhook is signed with, or the mail server's password")
    ] = None
    secret_file: Annotated[
        KeyFile | None, says("A file (mode 0600) that holds it, if the variable named by `secret_env` does not")
    ] = None
    repeat_in_doubt: Annotated[
        bool,
        says(
            "Whether a message is sent again when nobody knows if it arrived (this process ended, or the connection "
            "broke). Webhooks and mail carry a key by which a second one is recognised"
        ),
    ] = True


class AlertRule(Struct, frozen=True, kw_only=True):
    """Who is told of what. Lists that are empty leave nothing out."""

    id: Annotated[Id, says("The name of the rule, in messages and in `stillup alert list`")]
    services: Annotated[tuple[Service, ...], says("Of which services. Default: of all that are watched")] = ()
    components: Annotated[
        tuple[Name, ...],
        says("Of which components only; trouble that names no component counts for each. Default: the whole service"),
    ] = ()
    models: Annotated[
        tuple[Name, ...],
        says("Of which models only, as patterns; trouble that names no model counts for each. Default: of all"),
    ] = ()
    regions: Annotated[
        tuple[Region, ...],
        says("Of which countries and states only; trouble that names no region counts for each. Default: of all"),
    ] = ()
    capabilities: Annotated[
        tuple[CapabilityName, ...], says("Only of services that can do one of these. Default: of all")
    ] = ()
    states: Annotated[tuple[StateName, ...], Meta(min_length=1), says("What counts as trouble")] = (
        "degraded",
        "partial_outage",
        "major_outage",
    )
    confidence: Annotated[Literal["suspected", "confirmed"], says("How sure it must be before the first message")] = (
        "suspected"
    )
    for_s: Annotated[float, Meta(ge=0, le=86_400), says("Seconds it must last before the first message")] = 0.0
    updates: Annotated[bool, says("`false` sends one message when it breaks and one when it is back, none between")] = (
        True
    )
    channels: Annotated[tuple[Id, ...], Meta(min_length=1), says("Where messages go")]
    escalate_after_s: Annotated[
        Annotated[float, Meta(ge=60, le=604_800)] | None,
        says("Seconds after which it goes on to `escalate_to`, if it still lasts and nobody said `stillup alert ack`"),
    ] = None
    escalate_to: Annotated[tuple[Id, ...], says("The further channels, which then hear the rest of it too")] = ()
    quiet_hours: Annotated[
        tuple[Hours, ...] | None,
        says("Quiet hours of this rule; an empty list has none. Default: `alerts.quiet_hours`"),
    ] = None
    digest: Annotated[bool, says("`true` sends nothing at once: all of it comes with the digest")] = False


class AlertSilence(Struct, frozen=True, kw_only=True):
    """Nothing is said of these for a while; what still lasts afterwards is told then."""

    service: Annotated[Service | None, says("Of which service. Default: of all")] = None
    component: Annotated[Name | None, says("Of which of its components only; rules with `components` heed it")] = None
    starts: Annotated[Moment | None, says("From when on. Default: from ever")] = None
    ends: Annotated[Moment | None, says("Until when. Default: for ever")] = None
    maintenance: Annotated[bool, says("`true` is silent during maintenance that the official page announced")] = False


class Alerts(Struct, frozen=True, kw_only=True):
    """Who is told of what. Without rules, nobody."""

    enabled: Annotated[bool, says("`false` decides nothing and sends nothing")] = True
    time_zone: Annotated[Zone, says("In which quiet hours and the digest are meant")] = "UTC"
    quiet_hours: Annotated[
        tuple[Hours, ...],
        says("When nothing is sent; what still lasts afterwards is told then, in one message"),
    ] = ()
    digest: Annotated[
        TimeOfDay | None, says("When each day what quiet hours left out is told together. Default: it is left out")
    ] = None
    updates_every_s: Annotated[
        float,
        Meta(ge=0, le=86_400),
        says("Seconds between two messages about which parts are hit; what is worse or surer is told at once"),
    ] = 600.0
    flapping: Flapping = Flapping()
    channels: Annotated[tuple[Channel, ...], says("The channels")] = ()
    rules: Annotated[tuple[AlertRule, ...], says("The rules; each tells on its own")] = ()
    silences: Annotated[tuple[AlertSilence, ...], says("When to say nothing")] = ()
