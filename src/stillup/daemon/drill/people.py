"""What people have to do with a scene: who is told of it, and which steps of the playbook were done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.load import catalogue
from stillup.catalog.offers import alternatives
from stillup.daemon.advice import usual_task
from stillup.daemon.drill.alerts import rehearse
from stillup.daemon.plan.steps import team_steps
from stillup.daemon.playbook import Helpers, steps_for
from stillup.drill.values import Alert, Scene, Step
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict
from stillup.response import playbook

if TYPE_CHECKING:
    from stillup.daemon.drill.stage import Ground, Stage
    from stillup.daemon.playbook import Gateway

ByHand = Callable[[Step], Awaitable[bool | None]]
"""Asks a person whether a step is done; None: nobody has said."""
_MOST_SERVICES, _MOST_STEPS = 6, 60


class People(Struct):
    """Alerts and steps of a scene, as far as they are known."""

    alerts: tuple[Alert, ...] | None = None
    steps: tuple[Step, ...] = ()

    async def beside(self, stage: Stage) -> None:
        """While the failure stands: tell whoever is to be told, and see what of the playbook is done by itself."""
        ground = stage.ground
        verdicts = verdicts_of(ground, stage.hit)
        if not verdicts:
            stage.happens("The catalogue does not know the services that fail, so no alert and no playbook is theirs.")
            return
        self.alerts, told = await rehearse(ground.config, ground.clock, stage.now, verdicts, ground.say)
        for alert in self.alerts:
            stage.happens(_line(alert))
        if not self.alerts:
            stage.happens("No alert is configured: nobody would have been told.")
        await stage.answered.wait()
        backed = next(lane for lane in stage.world.lanes if lane.backed)
        self.steps = steps_of(ground, verdicts, backed.rerouter, told)


async def asked_of(scene: Scene, by_hand: ByHand) -> Scene:
    """The scene once a person was asked of the steps that only people can do."""
    steps = []
    for step in scene.steps:
        done = await by_hand(step) if step.by_hand else step.done
        steps.append(replace(step, done=done))
    return replace(scene, steps=tuple(steps))


def verdicts_of(ground: Ground, hit: Sequence[str]) -> tuple[Verdict, ...]:
    """What would be said of the services whose upstreams fail, as far as the catalogue knows them."""
    services = dict.fromkeys(seat.service for seat in ground.layout.seats if seat.id in hit)
    known = [service for service in services if service in catalogue()][:_MOST_SERVICES]
    return tuple(_verdict(service, ground.clock.now()) for service in known)


def steps_of(
    ground: Ground, verdicts: Sequence[Verdict], gateway: Gateway | None, told: Mapping[str, datetime]
) -> tuple[Step, ...]:
    """The playbook of each service, as it would stand; what several have in common is in it once."""
    return tuple(_steps(ground, verdicts, gateway, told))[:_MOST_STEPS]


def _verdict(service: str, now: datetime) -> Verdict:
    return Verdict(
        at=now,
        service=service,
        state=State.MAJOR_OUTAGE,
        confidence=Confidence.CONFIRMED,
        probability=1.0,
        families=(Family.OFFICIAL, Family.TRAFFIC),
        since=now,
        incident=f"drill-{service}-{now:%Y%m%d%H%M%S}",
        scope=Scope.EVERYONE,
        reason=Reason.PAGE_AND_FAMILIES_AGREE,
    )


def _steps(
    ground: Ground, verdicts: Sequence[Verdict], gateway: Gateway | None, told: Mapping[str, datetime]
) -> Iterator[Step]:
    down = {verdict.service: verdict.state for verdict in verdicts}
    helpers = Helpers(
        gateway=gateway,
        may_reroute=True,
        alerts=bool(told),
        told_at=told.get,
        team=team_steps(ground.config, ground.say),
    )
    seen: set[str] = set()
    for verdict in verdicts:
        service = catalogue()[verdict.service]
        choices = tuple(alternatives(service, usual_task(service), down))
        for step in steps_for(
            service,
            verdict,
            ground.clock.now(),
            choices=choices,
            helpers=helpers,
            state_of=lambda name: down.get(name, State.OPERATIONAL),
        ):
            if step.says not in seen:
                seen.add(step.says)
                yield step_of(step)


def step_of(step: playbook.Step) -> Step:
    """A step of the playbook, as a drill keeps it."""
    by_hand = step.done is playbook.Done.TO_DO
    done = None if by_hand else step.done is playbook.Done.DONE
    return Step(says=step.says, by_hand=by_hand, done=done, note=step.note)


def _line(alert: Alert) -> str:
    if alert.at_s is None:
        return f"No alert came: {alert.says}."
    return f"Told over {alert.channel}: {alert.says}."
