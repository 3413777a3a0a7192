"""``stillup risk``: what you depend on, what would take it all down, and what one more way would buy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import color_option, config_option, console, json_option, load
from stillup.cli.say import put
from stillup.model.service import Capability

if TYPE_CHECKING:
    from stillup.risk.survey import Risk, Surveyed


@click.command(
    name="risk",
    help="What you depend on, for each task and for each chain of the gateway: single points of failure, shared "
    "clouds, hours a year in which nobody would answer, and what one more provider or a model on this machine would "
    "buy. From your configuration and keys, the toolkit, the gateway's journal and the catalogue; nothing is asked of "
    "any provider. Exit code 0 where everything has a second way, 1 where something hangs on one service.",
)
@click.option(
    "--task", "tasks", type=click.Choice([c.value for c in Capability]), multiple=True,
    help="These tasks alone, without the gateway's chains (may be repeated).",
)  # fmt: skip
@click.option("--most", type=click.IntRange(0, 50), default=5, show_default=True, help="How many candidates to show.")
@json_option
@color_option
@config_option
def command(tasks: tuple[str, ...], most: int, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Look at what is there."""
    from stillup.clock import SystemClock
    from stillup.daemon.risk.assess import assess

    config = load(config_path)
    risk = assess(config, os.environ, SystemClock().now(), [Capability(task) for task in tasks], chains=not tasks)
    if as_json:
        put(msgspec.json.encode(as_object(risk)))
    else:
        from stillup.cli.risk.risk_view import print_risk

        print_risk(console(color=color), risk, most)
    return 0 if all(len(one.need.services) > 1 for one in risk.surveyed) else 1


def as_object(risk: Risk) -> dict[str, object]:
    """For programs: the values as they are, with what follows from them beside."""
    return {
        "at": risk.at,
        "needs": [_need(one) for one in risk.surveyed],
        "unknown": risk.unknown,
    }


def _need(one: Surveyed) -> dict[str, object]:
    return {
        "id": one.need.id,
        "kind": one.need.kind,
        "title": one.need.title,
        "ways": one.need.ways,
        "lacking": one.need.lacking,
        "used": one.need.used,
        "hours_a_year": one.hours,
        "basis": one.basis,
        "alone": one.alone,
        "together": one.together,
        "single_points": one.points,
        "shared": [
            {"id": s.id, "sure": s.sure, "all_of_them": s.all_of_them, "by": s.by, "name": s.name} for s in one.shared
        ],
        "redundancy": one.redundancy,
        "gains": one.gains,
        "losses": one.losses,
    }
