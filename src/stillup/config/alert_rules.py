"""What must hold between the keys of ``[alerts]``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stillup.catalog.load import catalogue
from stillup.config.alerts import AlertRule, Alerts, AlertSilence, Channel
from stillup.config.words import Complaint, KeyPath, near, show

_MAIL = ("mailto:", "smtp://", "smtps://")


def kind_of(address: str) -> str:
    """What a channel is by its address: ``webhook``, ``smtp``, ``desktop`` or ``apprise``."""
    low = address.lower()
    if low in ("desktop", "desktop:", "desktop://"):
        return "desktop"
    if low.startswith(("http://", "https://")):
        return "webhook"
    # `mailto://user:pass@host` is how Apprise writes its own mail.
    is_mail = low.startswith(_MAIL) and not low.startswith("mailto://")
    return "smtp" if is_mail else "apprise"


def complaints(alerts: Alerts, watched: Sequence[str]) -> Iterator[Complaint]:
    """Everything that is wrong between the keys; ``watched`` are the services of the configuration."""
    yield from _twice("channels", [c.id for c in alerts.channels])
    yield from _twice("rules", [r.id for r in alerts.rules])
    for number, channel in enumerate(alerts.channels):
        yield from _channel(channel, ("alerts", "channels", number))
    known = list(dict.fromkeys(c.id for c in alerts.channels))
    for number, rule in enumerate(alerts.rules):
        yield from _rule(rule, alerts, known, watched, ("alerts", "rules", number))
    for number, silence in enumerate(alerts.silences):
        yield from _silence(silence, ("alerts", "silences", number))


def _twice(what: str, ids: Sequence[str]) -> Iterator[Complaint]:
    for number, name in enumerate(ids):
        first = ids.index(name)
        if first != number:
            says = f"{show(name)} is taken by alerts.{what}[{first}]; allowed: a new id"
            yield Complaint(("alerts", what, number, "id"), says)


def _channel(channel: Channel, path: KeyPath) -> Iterator[Complaint]:
    if not (channel.url or channel.url_env or channel.url_file):
        yield Complaint(path, "has no address; allowed: with `url`, `url_env` or `url_file`")
    address = channel.url.reveal() if channel.url else None
    if address is None:
        return  # what a variable holds is judged when it is read
    wrong = misfit(channel.kind, address)
    if wrong:
        yield Complaint((*path, "kind"), wrong)
    kind = channel.kind or kind_of(address)
    if kind not in ("webhook", "smtp"):
        for key in ("secret_env", "secret_file"):
            if getattr(channel, key):
                yield Complaint((*path, key), f"is of no use to {kind}; allowed: with webhook and smtp only")


def misfit(kind: str | None, address: str) -> str:
    """Why an address is none for that kind of channel, empty where it may be."""
    found = kind_of(address)
    if kind is None or kind == found or (kind == "apprise" and found == "webhook"):
        return ""
    return f"is {kind}, and its address is that of {found}; allowed: {found}, or none"


def _rule(
    rule: AlertRule, alerts: Alerts, known: list[str], watched: Sequence[str], path: KeyPath
) -> Iterator[Complaint]:
    for key in ("channels", "escalate_to"):
        for place, name in enumerate(getattr(rule, key)):
            if name not in known:
                says = (
                    f"no channel is called {show(name)}{near(name, known)}; allowed: {', '.join(known) or 'none yet'}"
                )
                yield Complaint((*path, key, place), says)
    if (rule.escalate_after_s is None) != (not rule.escalate_to):
        key, other = ("escalate_to", "escalate_after_s") if rule.escalate_to else ("escalate_after_s", "escalate_to")
        yield Complaint((*path, key), f"has no `{other}` beside it; allowed: both or neither")
    if rule.digest and alerts.digest is None:
        yield Complaint((*path, "digest"), "is true, and there is no time for it; allowed: with `alerts.digest`")
    services = rule.services or watched
    known_parts = sorted({c.id for s in services if s in catalogue() for c in catalogue()[s].components})
    for place, name in enumerate(rule.components):
        if name not in known_parts:
            whom = " and ".join(rule.services) or "what is watched"
            says = f"{whom} has no component {show(name)}{near(name, known_parts)}; allowed: {', '.join(known_parts)}"
            yield Complaint((*path, "components", place), says)


def _silence(silence: AlertSilence, path: KeyPath) -> Iterator[Complaint]:
    if silence.component is not None:
        yield from _component(silence.service, silence.component, path)
    if silence.starts and silence.ends and silence.ends <= silence.starts:
        yield Complaint((*path, "ends"), "is not after `starts`; allowed: a later time")
    if not (silence.starts or silence.ends or silence.maintenance or silence.service or silence.component):
        says = "would silence everything for ever; allowed: with `service`, `starts`, `ends` or `maintenance`"
        yield Complaint(path, says)


def _component(service: str | None, component: str, path: KeyPath) -> Iterator[Complaint]:
    if service is None:
        says = "has no `service` beside it; allowed: together with `service` only"
        yield Complaint((*path, "component"), says)
        return
    known = [c.id for c in catalogue()[service].components]
    if component not in known:
        says = f"{service} has no component {show(component)}{near(component, known)}; allowed: {', '.join(known)}"
        yield Complaint((*path, "component"), says)
