"""Which fault comes when: those that tell most first, the rest by lot."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from cluster import faults as f
from cluster.stage import Part, Stage

Dealt = Callable[[], f.Fault]


def deck(stage: Stage, dice: Random) -> list[Dealt]:
    """Every fault once that is possible here, of who owns something or else by lot.

    The first say most in a minute: each role and each server dies once, is told to end or stands still.
    """

    def of(role: str) -> Part:
        holds = stage.parts.get(stage.holding.get(role, ""))
        return holds or dice.choice(stage.of(role))

    def node() -> int:
        return dice.randrange(len(stage.nats))

    first: list[Dealt] = [
        lambda: f.killed(of("monitor")),
        lambda: f.nats_killed(stage, node()),
        lambda: f.killed(of("story")),
        lambda: f.database_killed(stage),
        lambda: f.killed(of("gateway")),
        lambda: f.killed(of("hub")),
        lambda: f.ended(of("monitor")),
        lambda: f.paused(of("story")),
        *([lambda: f.nats_split(stage, node())] if stage.networks.is_there else []),
    ]
    rest: list[Dealt] = [
        lambda: f.paused(of("monitor")),
        lambda: f.cut_off(of("story")),
        lambda: f.cut_off(of("gateway")),
        lambda: f.cut_off(of("hub")),
        lambda: f.cut_off(of("monitor")),
        lambda: f.nats_paused(stage, node()),
        lambda: f.paused(of("gateway")),
        lambda: f.paused(of("hub")),
        lambda: f.killed(of("web")),
        lambda: f.ended(of("gateway")),
        lambda: f.ended(of("hub")),
        lambda: f.database_paused(stage),
        lambda: f.database_read_only(stage),
        lambda: f.skewed(of("monitor")),
        lambda: f.slowed(of("story")),
    ]
    if stage.networks.is_there:
        rest.append(lambda: f.nats_cut_off(stage, node()))
    if stage.disk.is_there:
        rest.append(lambda: f.nats_full(stage))
    if stage.database_disk.is_there:
        rest.append(lambda: f.database_full(stage))
    if stage.can_slow_disks:
        rest += [lambda: f.nats_slow(stage, node()), lambda: f.database_slow(stage)]
    dice.shuffle(rest)
    return [*first, *rest]
