"""The ladder probe: climb from DNS to a model's first word, and ask unrelated hosts whether it is only you.

The decisions are pure and stand in :mod:`stillup.sources.ladder`: what to climb (``plan``, ``controls``), what came
back (``judge``, ``ground``, ``report``) and how to say it (``say``). This file does them in turn.
"""

from __future__ import annotations

import os
import ssl

from stillup.catalog.load import Service
from stillup.clock import Clock, SystemClock
from stillup.errors import NotConfigured, Unreachable
from stillup.net import Net, Resolver, look_up
from stillup.sources.base import Context, Link, Reading
from stillup.sources.ladder.controls import Answered, Checked, Control, check, judge_try, plan_controls
from stillup.sources.ladder.judge import judge
from stillup.sources.ladder.lookup import Shared
from stillup.sources.ladder.options import Options, read_options
from stillup.sources.ladder.pace import deadline_of
from stillup.sources.ladder.plan import Here, Skipped, Step, here_for, plan_steps
from stillup.sources.ladder.purse import Purse
from stillup.sources.ladder.report import Rung, rung_of, signals, stand
from stillup.sources.ladder.result import Climb
from stillup.sources.ladder.run import Job, run_all
from stillup.sources.ladder.rungs import Climber
from stillup.sources.ladder.say import say, say_skipped


class Probe:
    """Our own synthetic probe.

    ``tls`` says which certificates are believed (default: the system's, or those of ``SSL_CERT_FILE``). ``clock``
    times the steps and is the machine's own even where the rest of the program runs sped up: networks do not.
    ``resolver`` looks names up.
    """

    id = "probe"

    def __init__(
        self, tls: ssl.SSLContext | None = None, *, clock: Clock | None = None, resolver: Resolver = look_up
    ) -> None:
        self._tls = tls
        self._clock = clock or SystemClock()
        self._resolver = Shared(resolver)
        self._purse = Purse()

    def covers(self, ctx: Context) -> bool:
        """Whether the catalogue has a ladder for the service."""
        return bool(ctx.service.endpoints)

    async def read(self, ctx: Context, net: Net) -> Reading:  # noqa: ARG002  the ladder times connections of its own
        """Climb once, or up to three times where a rung fails and a person asks.

        :raises NotConfigured: an option, an address, a proxy or a key that cannot be used.
        :raises Unreachable: nothing came to an end within the deadline.
        """
        options, once = read_options(ctx.setting.options), ctx.since is None
        here = _here(ctx.service)
        plan = plan_steps(ctx, options, here)
        controls = plan_controls(options, plan.steps, here, once=once)
        steps, unpaid = self._affordable(plan.steps, ctx, options)
        skipped = (*plan.skipped, *unpaid)
        if not steps:
            msg = f"the probe has nothing to climb: {say_skipped(skipped) or 'no endpoint is known'}"
            raise NotConfigured(msg)
        climber = Climber(self._believed(), self._clock, self._resolver)
        asked = [_ask_control(control, climber) for control in controls]
        climbed = [self._climb(step, ctx, options, climber) for step in steps]
        deadline_s = deadline_of(options.deadline_s, once=once)
        # The controls start first: they decide whether anything may be said of the service at all.
        await run_all((*asked, *climbed), deadline_s, self._clock)
        checks = (check(control, job.climbs) for control, job in zip(controls, asked, strict=True))
        rungs = [rung_of(step, job.climbs) for step, job in zip(steps, climbed, strict=True)]
        return _reading(ctx, [c for c in checks if c is not None], rungs, skipped, deadline_s)

    def _affordable(self, steps: tuple[Step, ...], ctx: Context, options: Options) -> tuple[list[Step], list[Skipped]]:
        cap_usd = options.max_usd_per_day
        whys = [self._purse.why_not(ctx.service.id, step.cost_usd, cap_usd, ctx.now) for step in steps]
        pairs = list(zip(steps, whys, strict=True))
        return [step for step, why in pairs if not why], [Skipped(step.title, why) for step, why in pairs if why]

    def _climb(self, step: Step, ctx: Context, options: Options, climber: Climber) -> Job:
        async def attempt(patience_s: float) -> Climb | None:
            if not self._purse.spend(ctx.service.id, step.cost_usd, options.max_usd_per_day, ctx.now):
                return None
            return await climber.climb(step.ask, patience_s)

        return Job(attempt, lambda climb: judge(step, climb).is_settled, step.pace)

    def _believed(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def _reading(
    ctx: Context, controls: list[Checked], rungs: list[Rung], skipped: tuple[Skipped, ...], deadline_s: float
) -> Reading:
    ground = stand(rungs, controls)
    found = signals(ctx.service.id, ctx.now, ground, controls, rungs)
    if not found:
        msg = f"the probe came to no end within {deadline_s:g} s"
        raise Unreachable(msg)
    says = say(ground, controls, rungs, skipped, deadline_s)
    return Reading(signals=found, says=says, links=(Link(ctx.service.home, ctx.service.name),))


def _ask_control(control: Control, climber: Climber) -> Job:
    async def attempt(patience_s: float) -> Climb:
        return await climber.climb(control.ask, patience_s)

    return Job(attempt, lambda climb: judge_try(control, climb)[0] is Answered.WELL, control.pace)


def _here(service: Service) -> Here:
    from urllib.request import getproxies_environment

    return here_for(service, os.environ, getproxies_environment())


SOURCE = Probe()
