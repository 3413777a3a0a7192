"""From the configuration's words on alerts to the values that decisions rest on."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2s
from pathlib import Path
from zoneinfo import ZoneInfo

from stillup.catalog.load import catalogue
from stillup.config.alerts import AlertRule, Alerts, Channel
from stillup.config.kinds import RULES, Kind, Wrong
from stillup.errors import UsageError
from stillup.model.service import Confidence, State
from stillup.response.alerts.quiet import minute_of, window
from stillup.response.alerts.values import Flapping, Rule, Settings, Silence
from stillup.secret import Secret


def settings_of(alerts: Alerts, *, grace_s: float = 600.0) -> Settings:
    """The settings of a configuration; none of its rules where it is switched off."""
    return Settings(
        rules=tuple(_rule(r, alerts) for r in alerts.rules) if alerts.enabled else (),
        silences=tuple(
            Silence(service=s.service, component=s.component, starts=s.starts, ends=s.ends, maintenance=s.maintenance)
            for s in alerts.silences
        ),
        flapping=Flapping(
            changes=alerts.flapping.changes, window_s=alerts.flapping.window_s, settle_s=alerts.flapping.settle_s
        ),
        digest_min=None if alerts.digest is None else minute_of(alerts.digest),
        updates_every_s=alerts.updates_every_s,
        grace_s=grace_s,
        zone=ZoneInfo(alerts.time_zone),
    )


def _rule(rule: AlertRule, alerts: Alerts) -> Rule:
    hours = alerts.quiet_hours if rule.quiet_hours is None else rule.quiet_hours
    return Rule(
        id=rule.id,
        services=tuple(s for s in rule.services or catalogue() if _can(s, rule.capabilities)),
        components=rule.components,
        models=rule.models,
        regions=rule.regions,
        states=tuple(State(s) for s in rule.states),
        confidence=Confidence(rule.confidence),
        for_s=rule.for_s,
        updates=rule.updates,
        channels=rule.channels,
        escalate_after_s=rule.escalate_after_s,
        escalate_to=rule.escalate_to,
        quiet=tuple(window(text) for text in hours),
        digest=rule.digest,
    )


def _can(service: str, capabilities: Sequence[str]) -> bool:
    known = catalogue().get(service)
    if not capabilities or known is None:
        return not capabilities
    return any(a.capability.value in capabilities for a in known.abilities)


def alerts_to(addresses: Sequence[str], services: Sequence[str]) -> Alerts:
    """A rule and its channels for addresses from the command line: a word when it breaks, and one when it is back.

    :raises UsageError: one is no address of a channel; it is not repeated.
    """
    channels = []
    for number, address in enumerate(dict.fromkeys(addresses), start=1):
        read = RULES[Kind.CHANNEL].read(address, Path())
        if isinstance(read, Wrong):
            msg = f"--notify: the address {read.says}; allowed: {RULES[Kind.CHANNEL].allowed.replace('`', '')}"
            raise UsageError(msg)
        channels.append(Channel(id=f"notify-{number}", url=Secret(read)))
    rule = AlertRule(id="notify", services=tuple(services), updates=False, channels=tuple(c.id for c in channels))
    return Alerts(channels=tuple(channels), rules=(rule,))


def party_of(addresses: Sequence[str], services: Sequence[str]) -> str:
    """The name of what these addresses hear of these services: the same command line goes on where it left off."""
    said = "\0".join((*sorted(set(addresses)), "", *sorted(set(services))))
    return f"notify-{blake2s(said.encode(), digest_size=8).hexdigest()}"
