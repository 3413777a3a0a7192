"""A plan by level: what stillup does by itself, what a person does, what waits, what is told. Pure.

A step is one sentence that a person can act on; what needs nobody is a remark above the steps, so that nobody ticks off
what a program should have done.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from stillup.catalog.without import Without, without
from stillup.daemon.plan.facts import PlanFacts, StandIn, name_of
from stillup.daemon.plan.steps import Level
from stillup.kit.toolkit import FRESH, LOCAL
from stillup.risk.values import Alone, Together
from stillup.risk.words import BASIS

_CHAT_PAGE = "the chat page of `stillup up` (/chat)"


class Part(Struct, frozen=True):
    """What a plan says of one level: remarks without a task for anybody, then steps."""

    level: Level
    title: str
    remarks: tuple[str, ...]
    steps: tuple[str, ...]


def parts_of(f: PlanFacts) -> tuple[Part, ...]:
    """The levels of a plan, the mildest first."""
    name = f.service.name
    return (
        Part(Level.SLOW, f"{name} is slow, or fails now and then", tuple(_slow_remarks(f)), tuple(_slow(f))),
        Part(Level.PART, f"One part of {name} is down", (), tuple(_part(f))),
        Part(Level.DOWN, f"{name} is down", tuple(_down_remarks(f)), tuple(_down(f))),
        Part(Level.ALL, "Nothing that could stand in answers either", tuple(_all_remarks(f)), tuple(_all(f))),
        Part(Level.BACK, f"{name} is back", (), tuple(_back(f))),
    )


def _of(f: PlanFacts) -> list[Without]:
    return [without()[task.id] for task in f.tasks]


def _slow_remarks(f: PlanFacts) -> Iterator[str]:
    if f.reroutes_to:
        yield f"The gateway asks {f.reroutes_to[0]} when no answer begins, and goes on there with one that breaks off."


def _slow(f: PlanFacts) -> Iterator[str]:
    yield "Send short requests first; copy a long prompt before you send it."
    yield from (w.waits for w in _of(f))
    if f.small:
        yield f"Use a smaller model where it will do ({f.small})."
    yield "Try again with growing pauses, and not in several windows at once."


def _part(f: PlanFacts) -> Iterator[str]:
    yield f"Go on with the part that still works; `stillup {f.service.id}` says which."
    parts = {c.id: c.name for c in f.service.components}
    if "web" in parts and "api" in parts:
        by_api = " or ".join(filter(None, (parts.get("code"), _CHAT_PAGE)))
        yield f"Only {parts['web']} is down: go by the API, with {by_api}."
        yield f"Only {parts['api']} is down: paste into {parts['web']} what cannot wait."
    if f.stand_ins:
        yield f"The part that you need does not work in any way: go on as when {f.service.name} is down."


def _down_remarks(f: PlanFacts) -> Iterator[str]:
    if f.reroutes_to:
        yield f"What goes through the gateway goes on by itself: {' → '.join(f.reroutes_to)}."
    else:
        yield (
            f"No chain of the gateway leads from {f.service.name} to somebody else, so every switch below is by hand "
            "(`stillup gateway plan` says what could be added)."
        )
    if f.defers:
        yield "A request that nobody can answer is kept and asked again (`stillup later list`)."
    elif f.defers is None:
        yield "A request with the header `x-stillup-defer: 1` that nobody can answer is kept and asked again."


def _down(f: PlanFacts) -> Iterator[str]:
    yield from (w.first for w in _of(f))
    for number, other in enumerate(f.stand_ins):
        yield _switch(other, first=number == 0)
    yield f"Ask who is up before you try them in turn: `{_alternatives(f)}`."
    yield "Take the conversation along: `stillup vault continue ID --with MODEL`, or `stillup kit fill handover`."
    if f.prompts:
        yield f"Take prompts from the kit: {', '.join(f'`stillup kit fill {p.name}`' for p in f.prompts[:2])}."
    yield from dict.fromkeys(w.check for w in _of(f))
    yield from (w.waits for w in _of(f))
    yield f"Put in line what can run by itself once it is back: `stillup later add --for {f.service.id} -- COMMAND`."
    yield _tell(f)


def _switch(other: StandIn, *, first: bool) -> str:
    how = f" ({other.access}; {other.link})" if other.link else ""
    doubt = f"; it shares {', '.join(other.shares)}" if other.shares else ""
    return f"{'Go on in' if first else 'Else in'} {other.name}{how}{doubt}."


def _alternatives(f: PlanFacts) -> str:
    return f"stillup alternatives {f.service.id} --task {f.tasks[0].id.value}"


def _tell(f: PlanFacts) -> str:
    if f.tells:
        return f"See that the alert went out ({', '.join(f.tells)}), and tell those whom it does not reach."
    return "Tell those who wait for it: the message is at the end of this plan."


def _all_remarks(f: PlanFacts) -> Iterator[str]:
    if f.local:
        yield f"On this machine answers: {', '.join(f.local)}. Use it for drafts, and check what it says."
    elif f.has_last_resort:
        yield "A small model is set up on this machine: `stillup offline serve`. It is good for drafts and little else."
    else:
        yield "No model answers on this machine: `stillup offline check` says what to prepare."


def _all(f: PlanFacts) -> Iterator[str]:
    if not f.local and f.has_last_resort:
        yield "Start the small model (`stillup offline serve`), and use it for drafts only."
    yield "Decide now what is done by hand, what waits, and until when: `stillup kit fill by-hand`."
    yield from (w.first for w in _of(f))
    for w in _of(f):
        yield from w.hand
    yield from (w.waits for w in _of(f))
    yield _tell(f)
    yield "Nothing is back at the time you named: tell those who wait what they will not get today."


def _back(f: PlanFacts) -> Iterator[str]:
    yield "Wait ten minutes before you rely on it again: relapses are common."
    yield "Fetch what waited (`stillup later list`), and send the rest one by one, oldest first."
    yield from dict.fromkeys(f"Look once more at what was made meanwhile. {w.check}" for w in _of(f))
    yield "Tell those who were told."
    yield f"Weigh whether to stay with it: `stillup switch {f.service.id}`."
    yield "Write down what was missing, and put it into this plan."


def rests_on(f: PlanFacts) -> Iterator[str]:
    """What the plan was made from, a sentence each; what is weak about it says so."""
    alone, together = f.alone, f.together
    if alone is not None:
        yield (
            f"{f.service.name} is down about {_hours(alone.hours.mid)} a year "
            f"({_range(alone.hours.low, alone.hours.high, alone.hours.level)}); {_grounds(alone)}"
        )
    if together is not None:
        names = " and ".join(map(name_of, together.subjects))
        yield (
            f"{names} together: {_hours(together.hours.mid)} a year "
            f"({_range(together.hours.low, together.hours.high, together.hours.level)}); {_grounds(together)}"
        )
    yield f"The gateway's chain: {' → '.join(f.chain) if f.chain else 'none passes through it'}"
    yield from _tests(f)
    shared = [f"{o.name} ({', '.join(o.shares)})" for o in f.stand_ins if o.shares]
    if shared:
        yield f"Can fail together with {f.service.name}: {', '.join(shared)}"
    if f.prompts:
        yield f"In the kit: {', '.join(f'{p.title} (`{p.name}`)' for p in f.prompts)}"


def _tests(f: PlanFacts) -> Iterator[str]:
    chosen = [o for o in f.stand_ins if o.chosen]
    task = f.tasks[0].id.value
    if not chosen:
        hint = f"stillup alternatives {f.service.id} --task {task} --choose NAME,NAME"
        yield f"No backup is chosen for {task}; the catalogue's first stand here (`{hint}`)"
        return
    for other in chosen:
        trial = other.tested.trial if other.tested is not None else None
        if trial is None:
            yield f"Your backup {other.name}: never tested (`stillup alternatives --test`)"
        else:
            how = {True: "worked", False: "did not work", None: "could not be tried"}[trial.works]
            stale = ", which is long ago" if f.at - trial.at > FRESH else ""
            yield f"Your backup {other.name}: {how} when tested on {trial.at:%Y-%m-%d}{stale}"
    if all(o.service != LOCAL for o in chosen) and not f.local:
        yield "None of your backups works without the network"


def _grounds(figure: Alone | Together) -> str:
    basis = BASIS[figure.basis]
    return figure.provenance if figure.provenance.startswith((basis, "public ")) else f"{basis}: {figure.provenance}"


def _hours(hours: float) -> str:
    return f"{hours:.0f} h" if hours >= 10 else f"{hours:.1f} h" if hours >= 0.1 else f"{hours * 60:.1f} min"


def _range(low: float, high: float, level: float) -> str:
    return f"{_hours(low)} to {_hours(high)} in {level * 100:.0f} % of cases"
