"""``stillup plan``: what goes where, what is done by hand, what waits and who is told, written before it is needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import config_option, json_option, load
from stillup.cli.say import put, say
from stillup.errors import BadDataError, UsageError
from stillup.model.service import Capability

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.plan.facts import PlanFacts
    from stillup.daemon.plan.steps import ReadPlan
    from stillup.daemon.plan.text import Kept

_TASKS = [c.value for c in Capability]


@click.command(
    name="plan",
    help="Write a plan for the day on which the service you do WORKFLOW with is slow, partly or wholly down, or "
    "everything is: what goes to which tool, what is done by hand, what waits, what is told to whom. WORKFLOW is one "
    "of the tasks (coding, writing …), or a name of your own with --task. The plan is Markdown in the folder `plans` "
    "beside the configuration, yours to edit; the next run renews only what you did not touch. In an outage its steps "
    "stand in the playbook. Without WORKFLOW: the plans that are there.",
)
@click.argument("workflows", metavar="[WORKFLOW]...", nargs=-1)
@click.option("--task", "tasks", type=click.Choice(_TASKS), multiple=True, help="What the workflow needs an AI for.")
@click.option("--without", metavar="SERVICE", help="The service it is done with (default: the first you watch).")
@click.option("--print", "prints", is_flag=True, help="Print it and write nothing.")
@click.option("--force", is_flag=True, help="Renew a part that you have edited too; yours is kept as NAME.old.md.")
@json_option
@config_option
def command(
    workflows: tuple[str, ...], *, tasks: tuple[str, ...], without: str | None, prints: bool, force: bool,
    as_json: bool, config_path: Path | None,
) -> int:  # fmt: skip
    """Write plans, or list them."""
    config = load(config_path)
    if not workflows:
        if tasks or without or prints or force:
            msg = f"a plan for what? give a WORKFLOW: {', '.join(_TASKS)}, or a name of your own with --task"
            raise UsageError(msg)
        return _list(config, as_json=as_json)
    found = [_facts(word, [Capability(t) for t in tasks], without, config) for word in dict.fromkeys(workflows)]
    if as_json:
        for facts in found:
            put(msgspec.json.encode(as_object(facts)))
        return 0
    return _print(found) if prints else _write(found, config, force=force)


def _print(found: list[PlanFacts]) -> int:
    from stillup.daemon.plan.text import markdown

    click.echo("\n".join(markdown(facts) for facts in found), nl=False)
    return 0


def _write(found: list[PlanFacts], config: Config, *, force: bool) -> int:
    from stillup.daemon.plan.steps import plans_folder
    from stillup.daemon.plan.text import write

    for facts in found:
        _tell(write(plans_folder(config), facts, force=force), facts)
    return 0


def _facts(word: str, tasks: list[Capability], without: str | None, config: Config) -> PlanFacts:
    from stillup.catalog.load import catalogue, find_service
    from stillup.cli.kit.names import KitPlace
    from stillup.clock import SystemClock
    from stillup.daemon.plan.facts import Wanted, facts_for, service_for
    from stillup.daemon.plan.text import slug_of
    from stillup.daemon.risk.assess import downtimes_for

    slug_of(word)
    before = _before(word, config)
    needs = tasks or _named(word) or list(before.tasks if before else ())
    if not needs:
        msg = f"what does {word[:60]!r} need an AI for? add --task, one or several times: {', '.join(_TASKS)}"
        raise UsageError(msg)
    was = catalogue()[before.service] if before else None
    service = find_service(without) if without else was or service_for(config, needs)
    wanted = Wanted(word, tuple(dict.fromkeys(needs)), service)
    now, kit = SystemClock().now(), KitPlace.of(config)
    figures = lambda services: downtimes_for(config, os.environ, services, now)[0]  # noqa: E731 - what is in hand is bound here
    return facts_for(wanted, config, os.environ, kit.index(quietly=True), kit.own, now, figures)


def _named(word: str) -> list[Capability]:
    return [Capability(word)] if word in _TASKS else []


def _before(word: str, config: Config) -> ReadPlan | None:
    """What an earlier plan of that name says it is for; one that cannot be used says nothing."""
    from stillup.daemon.plan.steps import plans_folder, read_plan
    from stillup.daemon.plan.text import slug_of

    try:
        return read_plan(plans_folder(config) / f"{slug_of(word)}.md")
    except (BadDataError, OSError):
        return None


def _tell(kept: Kept, facts: PlanFacts) -> None:
    from stillup.daemon.plan.text import Written

    if kept.how is Written.SAME:
        click.echo(f"Nothing has changed: {kept.path}")
    elif kept.how is Written.BESIDE:
        click.echo(f"Written beside it: {kept.path}")
        say("  you have edited what stillup wrote; take over what you want, or use --force (yours is kept)")
    elif kept.how is Written.RENEWED:
        click.echo(f"Renewed: {kept.path}")
        if kept.old is not None:
            say(f"  what stood there is kept: {kept.old}")
    else:
        click.echo(f"Written: {kept.path}")
        say(
            f"  read it, and add what only you know; in an outage of {facts.service.name} its steps are in the playbook"
        )


def _list(config: Config, *, as_json: bool) -> int:
    from stillup.catalog.load import catalogue
    from stillup.daemon.plan.steps import plans_folder, read_plans

    folder = plans_folder(config)
    plans = read_plans(folder, say)
    if as_json:
        for plan in plans:
            put(msgspec.json.encode(_row(plan)))
        return 0
    if not plans:
        click.echo(f"No plan is there yet ({folder}): `stillup plan coding` writes one.")
    for plan in plans:
        steps = sum(map(len, plan.steps.values()))
        name = catalogue()[plan.service].name
        click.echo(f"{plan.name}: when {name} is not there, for {', '.join(plan.tasks) or 'any task'}")
        click.echo(f"  {steps} steps · {plan.path}")
    return 0


def _row(plan: ReadPlan) -> dict[str, object]:
    steps = {level: [step.says for step in steps] for level, steps in plan.steps.items()}
    return {"plan": plan.name, "service": plan.service, "tasks": plan.tasks, "path": str(plan.path), "steps": steps}


def as_object(facts: PlanFacts) -> dict[str, object]:
    """A plan that would be written, for programs."""
    from stillup.daemon.plan.levels import parts_of, rests_on

    return {
        "plan": facts.name,
        "service": facts.service.id,
        "tasks": [task.id for task in facts.tasks],
        "at": facts.at,
        "rests_on": list(rests_on(facts)),
        "alone": facts.alone,
        "together": facts.together,
        "levels": [
            {"level": p.level, "title": p.title, "does_itself": p.remarks, "steps": p.steps} for p in parts_of(facts)
        ],
        "message": facts.message,
        "tells": facts.tells,
    }
