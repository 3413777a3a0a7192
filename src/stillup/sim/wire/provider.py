"""What a provider's own servers answer in each mode: pages for people, and how its API behaves for programs."""

from __future__ import annotations

from stillup.catalog.load import Endpoint
from stillup.model.service import Layer
from stillup.sim.modes import ONLY_STREAMS, STATUS, Mode
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.call import Call, Dialect
from stillup.sim.provider.errors import page
from stillup.sim.provider.voices import voice_of
from stillup.sim.wire.reply import HTML, Reply, json_reply

_AFTER_WORDS = 1
_SLOW_S = 20.0
_KEYLESS = (401, 403, 400, 200)
_CUT_IN = frozenset({Mode.ERROR_FIRST, Mode.STREAM_ERROR})
"""An error inside a 200: that the provider is overloaded, in its own words."""
REASONS = {Mode.TOO_LONG: Reason.CONTEXT, Mode.FILTERED: Reason.FILTER, Mode.QUOTA: Reason.QUOTA}
"""What an error of some modes says beyond its status."""
_FAILURES = {
    Mode.OK: Failure.NONE,
    Mode.REFUSED: Failure.RESET,
    Mode.RESET: Failure.RESET,
    Mode.HANG: Failure.HANG,
    Mode.SLOW_HEADERS: Failure.HANG,
    Mode.TLS: Failure.RESET,
    Mode.DNS: Failure.RESET,
    Mode.HTML: Failure.HTML,
    Mode.CAPTIVE: Failure.HTML,
    Mode.WRONG_TYPE: Failure.WRONG_TYPE,
    Mode.EMPTY: Failure.EMPTY,
    Mode.ERROR_FIRST: Failure.ERROR_FIRST,
    Mode.BROKEN_JSON: Failure.MALFORMED,
    Mode.WRONG_LENGTH: Failure.WRONG_LENGTH,
    Mode.SLOW_FIRST_TOKEN: Failure.NONE,
    Mode.PINGS: Failure.PINGS,
    Mode.DRIP: Failure.DRIP,
    Mode.STREAM_CUT: Failure.CUT,
    Mode.STREAM_RESET: Failure.CUT_RESET,
    Mode.STREAM_STALL: Failure.STALL,
    Mode.STREAM_ERROR: Failure.ERROR_EVENT,
    Mode.STREAM_SHORT: Failure.ENDS_EARLY,
    Mode.STREAM_NO_END: Failure.NO_END,
    Mode.STALE: Failure.NONE,
}
"""What a request meets in each mode that is no status; where the connection itself fails, one that was kept alive."""


def api_error(mode: Mode, dialect: Dialect, vendor: str) -> tuple[int, Reason]:
    """The status and the reason of the error a mode means in a protocol at a vendor's API.

    Some have statuses of their own: 529 is Anthropic's, 456 DeepL's. An error inside a 200 says: overloaded.
    """
    reason = REASONS.get(mode, Reason.PLAIN)
    return voice_of(dialect, vendor).status(STATUS.get(mode, STATUS[Mode.OVERLOADED]), reason), reason


def api_behaviour(mode: Mode, call: Call, text: str, retry_after: str = "", vendor: str = "") -> Behaviour:
    """How a provider's API answers one call in a mode; ``text`` is what it says in health, ``vendor`` whose it is."""
    if mode in ONLY_STREAMS and not call.stream:
        mode = Mode.OK
    if mode not in STATUS and mode not in _CUT_IN:
        slow_s = _SLOW_S if mode is Mode.SLOW_FIRST_TOKEN else 0.0
        failure = _FAILURES[mode]
        return Behaviour(failure=failure, after=_AFTER_WORDS, text=text, needs_key=True, first_token_after_s=slow_s)
    status, reason = api_error(mode, call.dialect, vendor)
    if mode in STATUS:
        return Behaviour(failure=Failure.STATUS, status=status, reason=reason, retry_after=retry_after)
    return Behaviour(failure=_FAILURES[mode], status=status, after=_AFTER_WORDS, text=text, needs_key=True)


def page_of(name: str, layer: Layer, mode: Mode) -> Reply:
    """The page a person sees at one of the provider's addresses."""
    return page_instead(mode) or _page(name, "Sign in" if layer is Layer.AUTH else "Welcome")


def api_page(endpoint: Endpoint, mode: Mode) -> Reply:
    """What an API says that speaks no protocol of models, to one who shows no key: by its status that it is there."""
    page = page_instead(mode)
    if page is not None and mode not in STATUS:
        return page
    status = STATUS.get(mode) or next((s for s in _KEYLESS if s in endpoint.up), 200)
    return json_reply({"message": f"Simulated: {status}."}, status=status)


def page_instead(mode: Mode) -> Reply | None:
    """The page of HTML a mode shows in place of whatever was asked for; None when it shows none."""
    if mode is Mode.CAPTIVE:
        return _page("Guest network", "Accept the terms of this network to go online.")
    if mode is Mode.HTML:
        return _page("A page", "This page is shown for every address.")
    status = STATUS.get(mode)
    return _page(str(status), f"Error {status}", status) if status else None


def _page(title: str, text: str, status: int = 200) -> Reply:
    return Reply(body=page(title, text), content_type=HTML, status=status)
