"""What one climb means. Pure: a step and what came back in, findings out."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from stillup.model.service import Layer
from stillup.sources.ladder.dialects import DIALECTS
from stillup.sources.ladder.exchange import is_framed
from stillup.sources.ladder.faults import OURS, Fault, Stage
from stillup.sources.ladder.kinds import OVERLOADED_STATUS, kind_in, names_error, own_fault, provider_fault
from stillup.sources.ladder.plan import Due, Step
from stillup.sources.ladder.result import Climb, Reply

# How the bot walls of the common edges say that they have stopped a machine, and not that they are broken.
_CHALLENGE_HEADERS = (
    ("cf-mitigated", "challenge"),
    ("x-amzn-waf-action", "challenge"),
    ("x-amzn-waf-action", "captcha"),
    ("x-vercel-mitigated", "challenge"),
)
_CHALLENGE_TEXTS = (b"Just a moment", b"challenge-platform", b"cf-chl-")
_CHALLENGE_STATUSES = (403, 429, 503)


class Fact(Struct, frozen=True, kw_only=True):
    """One finding at one layer: it worked, or ``error`` says how not."""

    layer: Layer
    error: str = ""
    latency_ms: float | None = None

    @property
    def is_ok(self) -> bool:
        return not self.error


class Finding(Struct, frozen=True, kw_only=True):
    """What one climb says, the rung's own fact last; ``remark`` is a word for a person.

    ``is_settled``: another try would tell nothing new.
    """

    facts: tuple[Fact, ...]
    is_settled: bool
    remark: str = ""


def judge(step: Step, climb: Climb) -> Finding:
    """What this climb says about the service."""
    if climb.reply is None and climb.stage is not Stage.HTTP:
        # A proxy of this machine that fails is this machine's own network.
        layer = Layer.NETWORK if climb.stage is Stage.PROXY else Layer.EDGE
        return Finding(facts=(Fact(layer=layer, error=climb.fault, latency_ms=climb.total_ms),), is_settled=False)
    edge = _edge(step, climb)
    if climb.reply is None:
        fact = Fact(layer=step.layer, error=climb.fault, latency_ms=climb.total_ms)
        return Finding(facts=(*edge, fact), is_settled=False)
    return _judge_reply(step, climb.reply, edge)


def has_reached(step: Step, climb: Climb) -> bool:
    """Whether the service's own machine took our connection. Plain HTTP through a proxy proves the proxy alone."""
    is_direct = step.ask.proxy is None or step.ask.target.is_tls
    return is_direct and climb.stage in (Stage.TLS, Stage.HTTP)


def _edge(step: Step, climb: Climb) -> tuple[Fact, ...]:
    """Standing before the server proves its edge, where no rung of its own does: one proof for one climb."""
    if step.has_edge or step.layer is Layer.EDGE or not has_reached(step, climb):
        return ()
    return (Fact(layer=Layer.EDGE, latency_ms=climb.reach_ms),)


def _judge_reply(step: Step, reply: Reply, edge: tuple[Fact, ...]) -> Finding:
    latency_ms = reply.ms if reply.first_token_ms is None else reply.first_token_ms
    if is_challenge(reply):
        fact = Fact(layer=step.layer, latency_ms=latency_ms)
        return Finding(facts=(*edge, fact), is_settled=True, remark="bot challenge")
    error = _error(step, reply)
    if error == Fault.INVALID_REQUEST:
        # Refusing our request proves the API, and says nothing about the models behind it.
        fact = Fact(layer=Layer.API_GATEWAY, latency_ms=latency_ms)
        return Finding(facts=(*edge, fact), is_settled=True, remark="our request was refused")
    fact = Fact(layer=step.layer, error=error, latency_ms=latency_ms)
    return Finding(facts=(*edge, fact), is_settled=not error or error in OURS)


def is_challenge(reply: Reply) -> bool:
    """Whether a bot wall stopped us: then whatever stands there is up."""
    if any(reply.headers.get(name, "").lower() == value for name, value in _CHALLENGE_HEADERS):
        return True
    return reply.status in _CHALLENGE_STATUSES and any(text in reply.body for text in _CHALLENGE_TEXTS)


def _error(step: Step, reply: Reply) -> str:
    """The error word of an answer, empty where the rung is up. First match wins; the order is the rule."""
    if step.has_key and (ours := own_fault(reply.status, reply.body)) is not None:
        return ours.value
    # A limit's status is among those that are up; a body that says the provider has no room knows better.
    is_full = step.has_key and reply.status >= 400 and kind_in(reply.body) is Fault.OVERLOADED
    if is_full or not _is_up(step, reply.status):
        return provider_fault(reply.status, reply.body)
    if not 200 <= reply.status < 300:
        return ""
    if step.due is Due.STREAM:
        return _stream_error(step, reply)
    if reply.fault:
        return reply.fault
    return Fault.WRONG_CONTENT.value if step.due is Due.DATA and not _is_data(reply) else ""


def _is_up(step: Step, status: int) -> bool:
    if step.up:
        return status in step.up
    return status < 500 and status != OVERLOADED_STATUS


def _stream_error(step: Step, reply: Reply) -> str:
    if reply.stream_error:
        return reply.stream_error
    if not is_framed(reply.headers, DIALECTS[step.ask.dialect]):
        kind = kind_in(reply.body) or (Fault.SERVER_ERROR if names_error(reply.body) else None)
        return (kind or Fault.WRONG_CONTENT).value
    if reply.is_stream_whole:
        return "" if reply.first_token_ms is not None else Fault.WRONG_CONTENT.value
    if reply.fault:
        return reply.fault
    # Ended in order but before its end marker, or longer than sixteen tokens can be.
    return (Fault.STREAM_CUT if reply.is_whole else Fault.WRONG_CONTENT).value


def _is_data(reply: Reply) -> bool:
    """Whether an API may have said this: no web page, and JSON where it is called so (a ping may be plain text)."""
    kind, start = reply.headers.get("content-type", "").lower(), reply.body[:200].lstrip().lower()
    if "html" in kind or start.startswith((b"<!doctype html", b"<html")):
        return False
    if "json" not in kind:
        return True
    if not reply.is_whole:  # the first 64 KB of a long list
        return start[:1] in (b"{", b"[")
    try:
        msgspec.json.decode(reply.body, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
