"""One look: what is asked of whom, for how long it is waited, and that many are judged as each alone."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from stillup.catalog.load import capabilities, catalogue, find_service
from stillup.catalog.offers import LEANS, able, alternatives, stand_ins
from stillup.clock import ScaledClock
from stillup.config import parse_config
from stillup.daemon import ask as asking
from stillup.daemon.advice import bases, shaken, usual_task
from stillup.daemon.ask import MOST_BASES, MOST_PAGES, ask, ask_many, judge, judge_many, thinned
from stillup.daemon.jobs import MOST_KEYLESS, is_one_look, is_page, jobs_for, profile_of, spared
from stillup.model.service import Capability, OutageClass, State
from stillup.model.signal import Alive, Counted, Declared
from stillup.model.verdict import Verdict
from stillup.registry import SOURCES, SourceSpec, usable_sources
from stillup.sim.load import load
from stillup.sim.world import World
from stillup.sources.base import Reading
from stillup.sources.report import FailureKind, Report
from stillup.sources.schedule import Why
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import ONE_LOOK

NOW = datetime(2026, 4, 7, 14, 58, 20, tzinfo=UTC)
PAGES = [spec.id for spec in usable_sources() if spec.page and spec.one_look]


def config(tmp_path, text=""):
    return parse_config(f'data = "{tmp_path}"\n{text}')


class Pages:
    """Every source, answering at once that all is well, or only after the test lets it."""

    def __init__(self, monkeypatch, slow=()):
        self.asked = []
        self.slow = set(slow)
        monkeypatch.setattr("stillup.daemon.jobs.load_source", self.source)

    def source(self, source_id):
        outer = self

        class Source:
            id = source_id

            def covers(self, ctx):
                return source_id in ctx.service.sources

            async def read(self, ctx, net):
                outer.asked.append((source_id, ctx.service.id))
                if ctx.service.id in outer.slow:
                    await asyncio.Event().wait()
                about = {"at": ctx.now, "service": ctx.service.id, "source": source_id}
                said = (Declared(**about, state=State.OPERATIONAL),) if SOURCES[source_id].page else ()
                return Reading(signals=(*said, Alive(**about)))

        return Source()


def page(service, state):
    line = Declared(at=NOW, service=service, source="statuspage", state=state)
    reading = Reading(signals=(line, Alive(at=NOW, service=service, source="statuspage")))
    return Report(source="statuspage", service=service, started_at=NOW, elapsed_ms=1, next_at=NOW,
                  why_next=Why.CADENCE, reading=reading)  # fmt: skip


async def test_of_the_stand_ins_only_pages_are_asked_of_the_first_for_the_task(tmp_path, monkeypatch):
    pages = Pages(monkeypatch)
    task = Capability.CODING
    answer = await ask(find_service("claude"), config(tmp_path), {}, FakeClock(NOW), task=task)
    others = {service: source for source, service in pages.asked if service != "claude"}
    first = [s for s in capabilities()[task].order if s != "claude" and set(catalogue()[s].sources) & set(PAGES)]
    below = [b.id for b in bases(find_service("claude"))]
    assert set(others) == {*[s for s in first if s not in below][:MOST_PAGES], *below}
    assert all(SOURCES[source].page for source in others.values())
    assert set(answer.elsewhere) == set(others)


async def test_only_what_answers_within_a_persons_patience_is_asked(tmp_path, monkeypatch):
    pages = Pages(monkeypatch)
    await ask_many(list(catalogue().values()), config(tmp_path), {}, FakeClock(NOW))
    assert {source for source, _ in pages.asked} <= {spec.id for spec in usable_sources() if spec.one_look}


async def test_a_stand_in_that_does_not_answer_holds_nothing_up(tmp_path, monkeypatch):
    slow = [s.id for s in stand_ins(find_service("claude"), Capability.CHAT)]
    Pages(monkeypatch, slow)
    monkeypatch.setattr(asking, "_GRACE_S", 0.01)
    look = ask(find_service("claude"), config(tmp_path), {}, FakeClock(NOW), deadline_s=3600.0)
    answer = await asyncio.wait_for(look, 30)
    assert answer.elsewhere.keys() == {"cloudflare", "aws"}
    assert all(r.ok for r in answer.reports)


async def test_a_source_of_the_service_itself_that_does_not_answer_is_named_late(tmp_path, monkeypatch):
    Pages(monkeypatch, ["claude"])
    answer = await ask(find_service("claude"), config(tmp_path), {}, FakeClock(NOW), deadline_s=0.05)
    assert answer.reports
    assert {r.error.kind for r in answer.reports} == {FailureKind.LATE}
    assert answer.verdict.state is State.UNKNOWN


async def test_an_open_feed_is_spared_when_many_services_are_asked_and_that_is_said(tmp_path, monkeypatch):
    pages = Pages(monkeypatch)
    answers = await ask_many(list(catalogue().values()), config(tmp_path), {}, FakeClock(NOW))
    assert sum(source == "reddit" for source, _ in pages.asked) == MOST_KEYLESS["reddit"]
    spared_ = [r for a in answers for r in a.reports if r.source == "reddit" and not r.ok]
    assert spared_
    assert all(r.error.says.startswith("not asked: Reddit") for r in spared_)


def test_with_a_key_or_on_this_machine_nothing_is_spared(tmp_path):
    services = list(catalogue().values())
    for environ, text in (
        ({"REDDIT_TOKEN": "x"}, ""),
        ({}, '[sources.reddit]\nbase_url = "http://127.0.0.1:9/reddit"\n'),
    ):
        assert spared(jobs_for(config(tmp_path, text), services, environ, NOW)) == []


def test_a_source_too_slow_for_a_person_and_a_page_that_is_one_are_told_apart():
    def spec(**flags):
        return SourceSpec("x", SOURCES["reddit"].family, 60, "X", 1, "", **flags)

    assert is_one_look(spec())
    assert not is_one_look(spec(one_look=False))
    assert is_page(spec(page=True))
    assert not is_page(spec())
    assert not is_page(spec(page=True, one_look=False))


def test_many_are_judged_as_each_alone():
    reports = [page("claude", State.MAJOR_OUTAGE), page("chatgpt", State.OPERATIONAL), page("github", State.DEGRADED)]
    services = [find_service(s) for s in ("claude", "chatgpt", "github")]
    for service, answer in zip(services, judge_many(services, reports, NOW), strict=True):
        alone = judge(service, [r for r in reports if r.service == service.id], [], NOW)
        assert (answer.verdict, answer.evidence, answer.components) == (
            alone.verdict,
            alone.evidence,
            alone.components,
        )
        assert set(answer.elsewhere) == {"claude", "chatgpt", "github"} - {service.id}


@pytest.mark.parametrize(("state", "offered"), [(State.DEGRADED, True), (State.MAJOR_OUTAGE, False)])
def test_who_stands_on_a_dependency_of_this_service_is_ruled_out_by_its_outage_alone(state, offered):
    claude = find_service("claude")
    base = claude.dependencies[0].service
    also = next(
        s.id for s in able(Capability.CHAT) if s.id != "claude" and any(d.service == base for d in s.dependencies)
    )
    choices = alternatives(claude, Capability.CHAT, {base: state, also: State.OPERATIONAL})
    assert (also in [c.offer.service for c in choices]) is offered


def test_a_stand_in_is_chosen_for_what_the_service_does():
    assert usual_task(find_service("claude"), Capability.CODING) is Capability.CODING
    assert usual_task(find_service("claude")) is Capability.CHAT
    assert usual_task(find_service("midjourney"), Capability.CODING) is Capability.IMAGE
    assert usual_task(find_service("cloudflare")) is None


def told_every_minute(counts, minutes=240):
    """A source that told its last hours minute by minute: ``counts`` by minutes before now, silence else."""
    about = {"service": "claude", "source": "reddit"}
    start = NOW.replace(second=0)
    return tuple(
        Counted(at=start - timedelta(minutes=m), window_s=60, count=counts[m], **about)
        if m in counts
        else Alive(at=start - timedelta(minutes=m), **about)
        for m in range(minutes, -1, -1)
    )


def test_of_a_long_silence_every_third_window_is_enough_and_no_count_is_lost():
    lines = told_every_minute({7: 2, 100: 1})
    kept = thinned(lines)
    assert len(kept) < 0.6 * len(lines)
    assert [x for x in kept if isinstance(x, Counted)] == [x for x in lines if isinstance(x, Counted)]
    assert kept == [x for x in lines if x in set(kept)]
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(kept)]
    assert max(gaps) <= 180
    assert kept[-1] == lines[-1]


@pytest.mark.parametrize("counts", [{}, {100: 1}, {3: 9, 2: 12, 1: 15, 0: 9}, {130: 6, 129: 9, 128: 8}])
def test_what_is_judged_is_the_same_without_the_silent_windows(counts):
    def judged(lines):
        monitor = Monitor(profile_of, ONE_LOOK)
        monitor.step(NOW.replace(second=0) + timedelta(minutes=1), lines)
        (evidence,) = monitor.evidence("claude")
        said = monitor.verdicts("claude")[None]
        return said.state, said.confidence, said.since, evidence.standing, evidence.log_e, evidence.usual or 0.0

    lines = told_every_minute(counts)
    *exact, log_e, usual = judged(lines)
    *thin, thin_log_e, thin_usual = judged(thinned(lines))
    assert thin == exact
    assert (thin_log_e, thin_usual) == (pytest.approx(log_e, rel=0.1, abs=0.1), pytest.approx(usual, rel=0.1))


def stood_on(service, most):
    sure = sorted(find_service(service).dependencies, key=lambda d: -d.confidence)
    return [d.service for d in sure if d.confidence >= LEANS and set(catalogue()[d.service].sources) & set(PAGES)][
        :most
    ]


@pytest.mark.parametrize("service", ["claude", "perplexity", "copilot", "github"])
async def test_the_pages_of_what_a_service_stands_on_are_asked_too(service, tmp_path, monkeypatch):
    pages = Pages(monkeypatch)
    answer = await ask(find_service(service), config(tmp_path), {}, FakeClock(NOW), task=None)
    others = [(source, s) for source, s in pages.asked if s != service]
    assert {s for _, s in others} == set(stood_on(service, MOST_BASES))
    assert all(SOURCES[source].page for source, _ in others)
    assert len(others) == len(set(others))
    assert set(answer.elsewhere) == answer.by_page == set(stood_on(service, MOST_BASES))


async def test_of_many_what_they_stand_on_is_asked_once(tmp_path, monkeypatch):
    pages = Pages(monkeypatch)
    await ask_many([find_service("claude"), find_service("perplexity")], config(tmp_path), {}, FakeClock(NOW))
    asked = [s for source, s in pages.asked if SOURCES[source].page]
    assert asked.count("aws") == asked.count("cloudflare") == 1


async def test_a_cloud_whose_page_does_not_answer_holds_nothing_up(tmp_path, monkeypatch):
    Pages(monkeypatch, ["aws", "cloudflare"])
    monkeypatch.setattr(asking, "_GRACE_S", 0.01)
    look = ask(find_service("claude"), config(tmp_path), {}, FakeClock(NOW), deadline_s=3600.0, task=None)
    answer = await asyncio.wait_for(look, 30)
    assert answer.elsewhere == {}
    assert all(r.ok for r in answer.reports)


def test_what_a_service_stands_on_is_told_when_it_is_in_trouble_the_surest_first():
    claude, fails = find_service("claude"), Verdict(at=NOW, service="claude", state=State.PARTIAL_OUTAGE)
    states = {"aws": State.DEGRADED, "cloudflare": State.PARTIAL_OUTAGE, "gcp": State.MAJOR_OUTAGE}
    told = shaken(claude, fails, states, {"aws"})
    assert [(b.service, b.state, b.page_only) for b in told] == [
        ("cloudflare", State.PARTIAL_OUTAGE, False),
        ("aws", State.DEGRADED, True),
    ]


def test_a_cloud_that_is_degraded_somewhere_is_not_spoken_of_while_all_is_well():
    well = Verdict(at=NOW, service="claude", state=State.OPERATIONAL)
    assert shaken(find_service("claude"), well, {"aws": State.DEGRADED, "cloudflare": State.OPERATIONAL}, ()) == []
    assert [b.service for b in shaken(find_service("claude"), well, {"aws": State.MAJOR_OUTAGE}, ())] == ["aws"]


def test_a_first_answer_can_name_what_the_service_stands_on_as_the_cause():
    before = NOW - timedelta(minutes=12)
    aws = Declared(at=before, service="aws", source="aws", state=State.MAJOR_OUTAGE)
    below = Report(source="aws", service="aws", started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
                   reading=Reading(signals=(aws, Alive(at=NOW, service="aws", source="aws"))))  # fmt: skip
    claude, down = find_service("claude"), page("claude", State.MAJOR_OUTAGE)

    def blamed(*reports):
        return {d.class_: d.p for d in judge(claude, reports, [], NOW).verdict.diagnosis}

    assert blamed(down, below)[OutageClass.DEPENDENCY] > 0.5 > blamed(down).get(OutageClass.DEPENDENCY, 0.0)


async def test_in_the_outage_of_a_cloud_one_look_lays_the_fault_at_its_door(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "_GRACE_S", 20.0)
    clock = ScaledClock(datetime(2026, 7, 14, 13, 40, tzinfo=UTC), 1.0)
    async with World(load("cloud-down"), clock) as world:
        answer = await ask(find_service("claude"), config(tmp_path, world.config()), world.environ(), clock, (), 20.0)
    assert answer.elsewhere["aws"].is_outage
    assert "aws" in answer.by_page
    assert answer.verdict.diagnosis[0].class_ is OutageClass.DEPENDENCY
    assert [b.service for b in shaken(answer.service, answer.verdict, answer.elsewhere, answer.by_page)] == ["aws"]
