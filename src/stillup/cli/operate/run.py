"""``stillup run``: one role of a cluster as a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import config_option
from stillup.cli.say import say
from stillup.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from stillup.config import Config

_ROLES = ("monitor", "hub", "gateway", "web")
_STYLES = ("logfmt", "json")


@click.command(
    name="run",
    help="Run one ROLE of a cluster until interrupted: a monitor judges, a hub takes reports, a gateway answers "
    "clients, a web shows the page. Any number of each, on any machines, over NATS (`cluster.bus`) and PostgreSQL "
    "(`store.url_env`). The first SIGTERM lets what is under way finish, a second ends it at once; SIGHUP reads the "
    "configuration anew.",
)
@click.argument("role", type=click.Choice(_ROLES), metavar="ROLE")
@click.option("--name", metavar="NAME", help="What this process is called in the cluster; its own.")
@click.option("--listen", metavar="HOST:PORT", help="Where this gateway, page or hub listens.")
@click.option("--health", metavar="HOST:PORT", help="Where it answers /healthz, /readyz and /metrics.")
@click.option("--log", metavar="FILE", help="Write a line for each request to FILE, or to standard error (-).")
@click.option(
    "--log-format", type=click.Choice(_STYLES), default="logfmt", show_default=True,
    help="How that, and everything this process says, is written.",
)  # fmt: skip
@config_option
def command(
    role: str,
    name: str | None,
    listen: str | None,
    health: str | None,
    log: str | None,
    log_format: str,
    config_path: Path | None,
) -> int:
    """Run it."""
    said = _laid_over(role, name, listen, health)
    environ = {**os.environ, **{variable: text for _, variable, text in said}}
    from stillup.config import load_config
    from stillup.daemon.roles.running import Start, run
    from stillup.gateway.seen.access import Style

    telling = teller(role, Style(log_format))

    def read() -> Config:
        try:
            config = load_config(config_path, environ)
        except ConfigError as exc:
            raise ConfigError(_as_options(str(exc), said)) from exc
        for warning in config.warnings:
            telling(warning)
        return config

    return run(Start(role=role, log=log, style=Style(log_format)), read, environ, telling)


Said = tuple[str, str, str]
"""An option, the variable that means the same, what was given."""


def _laid_over(role: str, name: str | None, listen: str | None, health: str | None) -> list[Said]:
    """Options as the variables that mean the same: one way to check them, one wording of a refusal."""
    if role == "monitor" and listen:
        msg = "--listen: a monitor answers nobody; --health opens /healthz, /readyz and /metrics"
        raise UsageError(msg)
    section = "GATEWAY" if role == "gateway" else "WEB"
    said = (
        ("--name", "STILLUP_CLUSTER__NAME", name),
        ("--listen", f"STILLUP_{section}__LISTEN", listen),
        ("--health", "STILLUP_CLUSTER__HEALTH", health),
    )
    return [(option, variable, text) for option, variable, text in said if text]


def _as_options(text: str, said: list[Said]) -> str:
    """A refusal in the words of whoever typed the option, not of the variable it stands for."""
    for option, variable, _ in said:
        text = text.replace(f"{variable}: ", f"{option}: ")
    return text


_LONGEST = 2_000


def teller(role: str, style: str) -> Callable[[str], None]:
    """Says a sentence on standard error: as a plain line, or as a JSON object a line for collectors of logs."""
    from stillup.sources.decode import clean

    if style != "json":
        return lambda text: say(f"stillup {role}: {clean(text, _LONGEST)}")
    import json

    from stillup.clock import SystemClock

    clock = SystemClock()

    def told(text: str) -> None:
        at = f"{clock.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        click.echo(json.dumps({"at": at, "role": role, "says": clean(text, _LONGEST)}), err=True)

    return told
