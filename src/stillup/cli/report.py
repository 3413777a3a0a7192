"""``stillup report``: say that you have a problem, to the page of this machine or to a hub."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import UNAVAILABLE, config_option, json_option, load
from stillup.cli.say import put, warn
from stillup.clock import SystemClock
from stillup.config.kinds import RULES, Kind, Wrong
from stillup.config.words import near
from stillup.errors import UsageError
from stillup.hub.values import CrowdReport
from stillup.model.service import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stillup.catalog.load import Service
    from stillup.daemon.reporting import Delivered

_NOT_TAKEN = 1
_NONE = "none"
_ZONEINFO = "zoneinfo/"


@click.command(
    name="report",
    help="Say that you have a problem with SERVICE. It goes to the page of this machine where `stillup up` runs, else "
    "to the hub of the configuration (`sources.hub.base_url`), or to --to. Sent is what you say here and nothing "
    "else. Exit code 0 when it was taken, 1 when it was not, 69 when nobody answers.",
)
@click.argument("service")
@click.option(
    "--problem", "-p", required=True, type=click.Choice([p.value for p in Problem]), help="What is wrong.",
    metavar="PROBLEM",
)  # fmt: skip
@click.option("--component", "-c", help="The part of the service it is in, as `web`. Default: all, or not known.")
@click.option(
    "--region", "-r",
    help="Where you are: a country or a state of the USA (ISO 3166), as `DE` or `US-CA`; `none` says nothing. "
    "Default: what this machine's time zone says.",
)  # fmt: skip
@click.option("--to", "to", metavar="URL", help="Another stillup to report to.")
@json_option
@config_option
def command(
    service: str,
    problem: str,
    component: str | None,
    region: str | None,
    to: str | None,
    as_json: bool,
    config_path: Path | None,
) -> int:
    """Send one report."""
    from stillup.catalog.load import find_service
    from stillup.daemon.reporting import deliver

    meant = find_service(service)
    report = CrowdReport(
        service=meant.id,
        problem=Problem(problem),
        component=_component(meant, component),
        region=_region(region, os.environ),
    )
    config = load(config_path)
    done = asyncio.run(deliver(report, config, os.environ, SystemClock(), _address(to)))
    if as_json:
        put(msgspec.json.encode({"report": report, **msgspec.to_builtins(done)}))
    else:
        _print(report, meant, done)
    if done.taken:
        return 0
    return UNAVAILABLE if done.reason == "nobody" else _NOT_TAKEN


def _print(report: CrowdReport, service: Service, done: Delivered) -> None:
    if not done.taken:
        wait = f"; try again in {done.retry_after_s:.0f} s" if done.retry_after_s else ""
        warn(f"the report was not taken: {done.says}{wait}")
        return
    parts = [f"{service.name}: {report.problem.value}"]
    parts += [f"in {report.component}"] if report.component else []
    parts += [f"from {report.region}"] if report.region else []
    click.echo(f"{' '.join(parts)} → {done.to}")
    click.echo(done.says)


def _component(service: Service, component: str | None) -> str | None:
    if component is None or service.component(component) is not None:
        return component
    known = [c.id for c in service.components]
    msg = f"{service.name} has no component {component[:40]!r}{near(component, known)}; it has {', '.join(known)}"
    raise UsageError(msg)


def _region(said: str | None, environ: Mapping[str, str]) -> str | None:
    from stillup.web.regions import US_STATES, countries, zones

    if said is None:
        return zones().get(local_zone(environ))
    if said.lower() == _NONE:
        return None
    known = said.upper()
    if known in US_STATES or known in countries():
        return known
    msg = f"no region is called {said[:20]!r}; a country (ISO 3166-1) as DE, a state of the USA as US-CA, or none"
    raise UsageError(msg)


def _address(to: str | None) -> str:
    if to is None:
        return ""
    found = RULES[Kind.BASE_URL].read(to, Path())
    if isinstance(found, Wrong):
        msg = f"--to {found.says}; allowed: {RULES[Kind.BASE_URL].allowed}"
        raise UsageError(msg)
    return found


def local_zone(environ: Mapping[str, str], etc: Path = Path("/etc")) -> str:
    """The name of this machine's time zone, as ``Europe/Berlin``; empty where nothing says it."""
    named = environ.get("TZ", "").removeprefix(":")
    if named:
        return named.rpartition(_ZONEINFO)[2]
    try:
        linked = str((etc / "localtime").readlink())
    except OSError:
        linked = ""
    if _ZONEINFO in linked:
        return linked.rpartition(_ZONEINFO)[2]
    try:
        return (etc / "timezone").read_text("ascii", errors="replace").strip()[:80]
    except OSError:
        return ""
