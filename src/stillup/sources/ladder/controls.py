"""Control hosts: what has nothing to do with the service and works whenever the network does. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.sources.ladder.faults import Fault, Stage
from stillup.sources.ladder.options import Options
from stillup.sources.ladder.pace import Pace, page_pace
from stillup.sources.ladder.plan import Ask, Here, Step
from stillup.sources.ladder.result import Climb, Reply
from stillup.sources.ladder.target import parse_target, proxy_for

_DNS = "dns:"
_PORTAL_STATUS = 511  # Network Authentication Required, RFC 6585

# Two operators who run these addresses for this very purpose, in plain HTTP so that a captive portal shows itself,
# and a name that belongs to neither.
DEFAULTS = (
    "http://connectivitycheck.gstatic.com/generate_204",
    "http://detectportal.firefox.com/success.txt",
    "dns:www.wikipedia.org",
)
_BODIES = {"http://detectportal.firefox.com/success.txt": "success"}


class Control(Struct, frozen=True, kw_only=True):
    """One control host, and the statuses and body (empty: any) it answers with when nothing tampers with it."""

    ask: Ask
    pace: Pace
    statuses: tuple[int, ...] = (200, 204)
    body: str = ""

    @property
    def title(self) -> str:
        return self.ask.target.host


class Answered(StrEnum):
    """What one control says about the way out."""

    WELL = "well"
    STRANGELY = "strangely"
    BADLY = "badly"
    NOT = "not"


class Checked(Struct, frozen=True, kw_only=True):
    """One control, judged: ``errors`` has one entry for each failed try. ``NOT`` is a failure at DNS or TCP."""

    title: str
    answered: Answered
    errors: tuple[str, ...] = ()
    is_http: bool = True


def plan_controls(options: Options, steps: tuple[Step, ...], here: Here, *, once: bool) -> list[Control]:
    """The user's control hosts, or the defaults; none where every rung is on this machine's own loopback.

    :raises NotConfigured: an address that cannot be used.
    """
    chosen = options.controls
    if chosen is None:
        chosen = DEFAULTS if any(not s.ask.target.is_loopback for s in steps) else ()
    pace = page_pace(options.deadline_s, once=once)
    controls = [_control(entry, pace, here) for entry in chosen]
    # Behind a proxy this machine's own resolver may know no outside name at all, and need not.
    return [c for c in controls if not (c.ask.is_dns_only and c.ask.proxy)]


def _control(entry: str, pace: Pace, here: Here) -> Control:
    is_dns_only = entry.startswith(_DNS)
    url = f"https://{entry.removeprefix(_DNS)}" if is_dns_only else entry
    target = parse_target(url, "a control host")
    ask = Ask(target=target, proxy=proxy_for(target, here.proxies), is_dns_only=is_dns_only)
    statuses = (204,) if target.path.endswith("204") else (200, 204)
    return Control(ask=ask, pace=pace, statuses=statuses, body=_BODIES.get(entry, ""))


def judge_try(control: Control, climb: Climb) -> tuple[Answered, str]:
    """What one try at a control says, with its error word."""
    if climb.fault:
        is_far = climb.stage in (Stage.TLS, Stage.HTTP)
        return (Answered.BADLY if is_far else Answered.NOT), climb.fault
    if control.ask.is_dns_only:
        return Answered.WELL, ""
    reply = climb.reply
    if reply is None or (reply.status >= 500 and reply.status != _PORTAL_STATUS):
        return Answered.BADLY, Fault.SERVER_ERROR.value
    if _is_as_expected(control, reply):
        return Answered.WELL, ""
    return Answered.STRANGELY, Fault.CAPTIVE_PORTAL.value


def _is_as_expected(control: Control, reply: Reply) -> bool:
    if control.ask.target.is_tls:
        return True  # the certificate was the host's own: whatever it says, nobody stands in between
    if reply.status not in control.statuses:
        return False
    body = reply.body.decode("utf-8", "replace").strip()
    if control.body:
        return body == control.body
    return not (control.ask.target.path.endswith(".txt") and body.startswith("<"))


def check(control: Control, climbs: list[Climb]) -> Checked | None:
    """A control's tries as one finding: one good try is enough; None when no try ended."""
    tries = [judge_try(control, c) for c in climbs]
    if not tries:
        return None
    best = min((answered for answered, _ in tries), key=list(Answered).index)
    return Checked(
        title=control.title,
        answered=best,
        errors=tuple(error for answered, error in tries if answered is not Answered.WELL),
        is_http=not control.ask.is_dns_only,
    )
