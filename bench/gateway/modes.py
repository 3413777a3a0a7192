"""The failures of the primary that the bench plays, as settings of ``stillup.sim.provider_server``."""

from __future__ import annotations

from dataclasses import dataclass, field

TOKENS = 10


@dataclass(frozen=True)
class Mode:
    """One failure. ``is_early``: before the first content, where nothing may reach the client."""

    name: str
    settings: dict[str, float | str] = field(default_factory=dict)
    is_early: bool = True
    only_streams: bool = False
    among_peers: bool = True
    """Played against peers too: one of each kind is enough for them, and streams tell most."""
    whole_among_peers: bool = False


def _status(code: int, **more: float | str) -> dict[str, float | str]:
    return {"failure": "status", "status": code, **more}


def _failure(name: str, **more: float | str) -> dict[str, float | str]:
    return {"failure": name, **more}


# Pauses between tokens let those before a cut arrive: a reset takes back what was not read yet.
_LATE = {"after": 4, "gap_s": 0.003}

MODES = (
    Mode("healthy", whole_among_peers=True),
    Mode("refused", _failure("refused")),
    Mode("reset at once", _failure("reset_at_once"), among_peers=False),
    Mode("reset", _failure("reset")),
    Mode("closed", _failure("closed"), among_peers=False),
    Mode("hang", _failure("hang"), whole_among_peers=True),
    Mode("slow headers", _failure("slow_headers"), among_peers=False),
    Mode("first token after 20 s", {"first_token_after_s": 20}),
    Mode("401", _status(401), among_peers=False),
    Mode("402", _status(402, reason="quota"), among_peers=False),
    Mode("429", _status(429)),
    Mode("429, Retry-After 20", _status(429, retry_after="20")),
    Mode("500", _status(500), among_peers=False),
    Mode("502", _status(502), among_peers=False),
    Mode("503", _status(503)),
    Mode("503, Retry-After 20", _status(503, retry_after="20"), among_peers=False),
    Mode("504", _status(504), among_peers=False),
    Mode("529", _status(529), whole_among_peers=True),
    Mode("HTML with 200", _failure("html")),
    Mode("wrong content type", _failure("wrong_type"), among_peers=False),
    Mode("error event first", _failure("error_first")),
    Mode("empty body", _failure("empty"), among_peers=False),
    Mode("opening only", _failure("opening_only"), among_peers=False),
    Mode("pings only", _failure("pings", gap_s=0.5), only_streams=True, among_peers=False),
    # Nothing fails here, it is only slow: no bound of what comes early binds.
    Mode("drip", _failure("drip"), is_early=False, among_peers=False),
    Mode("cut", _failure("cut", **_LATE), is_early=False, whole_among_peers=True),
    Mode("cut inside an event", _failure("cut_inside", **_LATE), is_early=False, among_peers=False),
    Mode("cut by reset", _failure("cut_reset", **_LATE), is_early=False),
    Mode("stall", _failure("stall", **_LATE), is_early=False),
    Mode("error event", _failure("error_event", **_LATE), is_early=False),
    Mode("malformed event", _failure("malformed", **_LATE), is_early=False, among_peers=False),
    Mode("ends early", _failure("ends_early", **_LATE), is_early=False),
    Mode("no end marker", _failure("no_end"), is_early=False, among_peers=False),
)
BY_NAME = {mode.name: mode for mode in MODES}
