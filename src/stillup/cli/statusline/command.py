"""``stillup statusline``: one short line for Claude Code's status bar. Never late, never loud, never an error code."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click
import msgspec

from stillup.cli.common import config_option
from stillup.cli.say import put
from stillup.cli.statusline.quick import get
from stillup.cli.statusline.words import FAULTS, Line, Seen, line, plain, via

if TYPE_CHECKING:
    from types import FrameType

    from stillup.config import Config
    from stillup.secret import Secret

_DEADLINE_S, _INPUT_SHARE, _ASK_SHARE = 0.3, 0.3, 0.4
"""Claude Code draws its bar when the line is there: what is not known by then is not said. No wait has all of it."""
_MOST_INPUT = 256 * 1024
_STALE, _UNHEARD = timedelta(minutes=6), timedelta(minutes=10)
"""Each minute is judged, and every source is asked each few minutes: longer than that, and nobody watches."""
_BASE_URL = "ANTHROPIC_BASE_URL"
_NAME = 40
_Ask = Callable[[str], "Mapping[str, Any] | None"]
_USUAL = {"claude": "Claude"}
_NOT_WATCHED = "not watched; run stillup up"
_ASKED = "the database is being asked"


class _TooLate(Exception):
    """The deadline is over."""


@click.command(
    name="statusline",
    help="One short line for Claude Code's status bar: how Claude is, since when, when it may be back, and who "
    "answers in its place. Reads Claude Code's JSON from standard input; asks the `stillup up` that runs here, "
    "else what was last kept. Exit code 0 whatever happens, within a third of a second.",
)
@click.option("--service", default="claude", metavar="SERVICE", help="The service to show (default: claude).")
@click.option("--color/--no-color", default=None, help="Colours on or off (default: on, unless NO_COLOR is set).")
@click.option(
    "--within",
    "within_s",
    default=_DEADLINE_S,
    type=click.FloatRange(0.05, 60),
    metavar="SECONDS",
    help=f"How long it may take (default: {_DEADLINE_S}).",
)
@click.option("--renew", is_flag=True, hidden=True, help="Bring up to date what is shown of a database on a server.")
@config_option
def command(service: str, color: bool | None, within_s: float, renew: bool, config_path: Path | None) -> int:
    """Print the line."""
    if renew:
        _renew(service, config_path)
        return 0
    told = plain(f"? {service[:_NAME].capitalize()} unknown")
    try:
        with _within(within_s):
            for better in _told(service, config_path, within_s):
                told = better
    except _TooLate:
        told = told if told.ansi != told.plain else plain(f"{told.plain} · no answer in time")
    except Exception:  # noqa: BLE001, S110 - whatever it is, Claude Code must not show it in place of the line
        pass
    if color is None:
        color = not os.environ.get("NO_COLOR")
    with suppress(Exception):
        put(told.ansi if color else told.plain)
    return 0


def _told(service: str, config_path: Path | None, within_s: float) -> Iterator[Line]:
    """The line, then the same with more in it: what is there when the time is over is printed."""
    from stillup.clock import SystemClock
    from stillup.config import load_config

    session, now = _session(_INPUT_SHARE * within_s), SystemClock().now()
    config, patience_s = load_config(config_path, os.environ), _ASK_SHARE * within_s
    page = _page(service, config, patience_s)
    told = _from_page(page, now)
    seen = told or _from_store(service, config, now)
    yield line(seen, now)
    if page is not None and told is not None and told.state in FAULTS:
        seen = msgspec.structs.replace(seen, left_s=_left_s(page("/forecast"), now))
        yield line(seen, now)
    yield line(seen, now, _via(session, config, patience_s))


# -- what is known ----------------------------------------------------------------------------------------------------


def _page(service: str, config: Config, patience_s: float) -> _Ask | None:
    """Asks the running page for what it says of the service."""
    from stillup.daemon.page_address import page_base, page_token

    base = page_base(config)
    if base is None:
        return None
    token = page_token(config, os.environ)
    return partial(get, f"{base}/api/v1/services/{_meant(service)[0]}", patience_s, token)


def _from_page(ask: _Ask | None, now: datetime) -> Seen | None:
    """What the running page says; None where none runs, or it does not watch that service."""
    verdict = ask("/verdict") if ask is not None else None
    if verdict is None:
        return None
    name = str(verdict["headline"]).partition(":")[0]
    judged = _time(verdict["as_of"])
    if judged is None or now - judged > _STALE:
        return Seen(name=name, note="stillup judges nothing now")
    return Seen(
        name=name,
        state=verdict["state"],
        is_suspected=verdict["confidence"] == "suspected",
        since=_time(verdict["since"]),
        scope=verdict["scope"],
        models=tuple(str(m) for m in verdict["models"]),
    )


def _left_s(told: Mapping[str, Any] | None, now: datetime) -> float | None:
    from stillup.daemon.curve import quantile

    if told is None:
        return None
    middle = quantile(((c["within_s"], c["p"]) for c in told["curve"]), 0.5)
    judged = _time(told["as_of"])
    return None if middle is None or judged is None else middle - (now - judged).total_seconds()


def _from_store(service: str, config: Config, now: datetime) -> Seen:
    """What a monitor left behind, where it left it just now."""
    name, named = _meant(service)
    where = config.store_at(os.environ)
    if isinstance(where, Path):
        from stillup.store.peek import peek

        found = peek(where, name)
    else:
        from stillup.cli.statusline.kept import last_word

        was_read, found = last_word(config, name, now)
        if not was_read:
            return Seen(name=named, note=_ASKED)
    if found is None or now - found.heard_at > _UNHEARD:
        return Seen(name=named, note=_NOT_WATCHED)
    verdict = found.verdict
    return Seen(
        name=named,
        state=verdict.state.value,
        is_suspected=verdict.confidence is not None and verdict.confidence.value == "suspected",
        since=verdict.since,
        left_s=verdict.forecast.p50_s - (now - verdict.at).total_seconds() if verdict.forecast else None,
        scope=verdict.scope and verdict.scope.value,
        models=verdict.models,
    )


def _renew(service: str, config_path: Path | None) -> None:
    from stillup.cli.statusline.kept import renew
    from stillup.config import load_config

    renew(load_config(config_path, os.environ), os.environ, _meant(service)[0])


def _via(session: Mapping[str, Any], config: Config, patience_s: float) -> str:
    """Who answers in place of the first choice, where this session goes through the gateway of this configuration."""
    from stillup.daemon.page_address import gateway_base

    base = gateway_base(config)
    asked = os.environ.get(_BASE_URL, "").rstrip("/").replace("//localhost:", "//127.0.0.1:")
    if base is None or asked != base:
        return ""
    ask = partial(get, f"{base}/stillup", patience_s, _gateway_token())
    offered, status = ask("/models"), ask("/status")
    if offered is None or status is None:
        return "the gateway does not answer"
    model = session.get("model")
    name = model.get("id") if isinstance(model, dict) else None
    hops = [{**c, "chain": [(h["upstream"], h["model"]) for h in c["chain"]]} for c in offered["choices"]]
    return via(hops, status["targets"], name if isinstance(name, str) else "")


def _gateway_token() -> Secret | None:
    from stillup.secret import Secret

    token = os.environ.get("STILLUP_TOKEN", "").strip()
    return Secret(token) if token.isascii() and token.isprintable() and token else None


# -- what comes in ----------------------------------------------------------------------------------------------------


def _session(patience_s: float) -> Mapping[str, Any]:
    """Claude Code's words on its session; empty where they do not come at once, or are none."""
    came = bytearray()

    def read() -> None:
        with suppress(OSError):
            while len(came) < _MOST_INPUT and (piece := os.read(0, 65_536)):
                came.extend(piece)

    # In a thread, with a bound: an input that never ends must not hold the bar up. It dies with the process.
    reading = Thread(target=read, daemon=True)
    reading.start()
    reading.join(patience_s)
    try:
        value = msgspec.json.decode(bytes(came))
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _meant(service: str) -> tuple[str, str]:
    """Id and name. Reading the whole catalogue takes half of the time there is: not for what most people show."""
    word = service.strip().lower()
    if word in _USUAL:
        return word, _USUAL[word]
    from stillup.catalog.load import find_service

    found = find_service(word)
    return found.id, found.name


def _time(text: object) -> datetime | None:
    try:
        return msgspec.convert(text, datetime) if text else None
    except msgspec.ValidationError:
        return None


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """End what is inside after so long, where the system can (not on Windows: there each wait has its own bound)."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _TooLate

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
