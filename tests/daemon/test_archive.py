"""What was kept, read back: over a database that a real monitor filled, minute by minute."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from stillup.daemon.archive import StoreArchive
from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Live
from stillup.daemon.past import Past
from stillup.daemon.spells import down, record_of, seconds, spells_of
from stillup.daemon.story import MOST_MOMENTS, Kept, tell
from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, Layer, Problem, Scope, Stage, State
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.model.verdict import Verdict
from stillup.risk.stretches import meet
from stillup.store import Key, open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

START = datetime(2026, 4, 7, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POST = "Users cannot log in to claude.ai; the API is not affected."


class Quiet:
    def heard(self, report): ...

    def judged(self, now, changes): ...

    def trouble(self, why):
        raise AssertionError(why)


def outage(minute, about):
    """Sign-in fails from the 60th minute to the 100th; people report it; the page speaks from the 80th to the 115th."""
    fails = 60 <= minute < 100
    for source in ("statuspage", "probe", "hub"):
        yield Alive(**about, source=source)
    web = State.MAJOR_OUTAGE if 80 <= minute < 115 else State.OPERATIONAL
    yield Declared(**about, source="statuspage", state=web, component="web")
    if 80 <= minute < 120:
        stage = Stage.INVESTIGATING if minute < 95 else Stage.IDENTIFIED if minute < 115 else Stage.RESOLVED
        body = {Stage.INVESTIGATING: POST, Stage.IDENTIFIED: "A fix is on its way.", Stage.RESOLVED: "It is over."}
        about_it = {"incident": "p1", "title": "Login errors", "stage": stage, "body": body[stage], "component": "web"}
        yield Declared(**about, source="statuspage", state=web, **about_it)
    for layer, component in ((Layer.AUTH, "web"), (Layer.INFERENCE, "api")):
        ok = not (fails and component == "web")
        yield Outcome(
            **about, source="probe", layer=layer, component=component, ok=ok, error=None if ok else "HTTP 500"
        )
    count = 12 if fails else int(minute % 10 == 0)
    if count:
        yield Counted(**about, source="hub", window_s=60, count=count, component="web", problem=Problem.SIGN_IN)


class World:
    """A monitor that judges every minute and keeps what it finds, and the archive over the same database."""

    def __init__(self, path):
        self.clock = FakeClock(START)
        self.store = open_store(path)
        self.live = Live(Monitor(profile_of), self.clock, Quiet(), self.store)
        self.archive = StoreArchive(Past(lambda: self.store, self.clock), self.clock)

    async def play(self, script, minutes, service="claude"):
        for minute in minutes:
            at = START + minute * MINUTE
            self.clock.set(at)
            self.live.take(script(minute, {"at": at, "service": service}))
            await self.live.judge(at)

    async def pass_(self, span):
        await self.clock.advance(span.total_seconds())


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path / "s.db")
    yield world
    world.store.close()


@pytest.fixture
async def after(world):
    """The world after the outage."""
    await world.play(outage, range(160))
    return world


async def test_the_story_of_an_outage_has_its_moments_in_order(after):
    (incident,) = after.archive.incidents("claude")
    story = after.archive.story(incident.id)
    kinds = [m.kind for m in story.timeline]
    assert kinds[0] == "onset"
    assert "recovered" in kinds
    assert [m.at for m in story.timeline] == sorted(m.at for m in story.timeline)
    assert {m.family for m in story.timeline if m.kind == "seen"} == {Family.CROWD, Family.PROBE}
    posts = [m.says for m in story.timeline if m.kind == "official"]
    assert posts[:2] == [f"Investigating: Login errors: {POST}", "Identified: A fix is on its way."]
    verdicts = [m.says for m in story.timeline if m.kind == "verdict"]
    assert any("confirmed" in says for says in verdicts)
    assert any(says.startswith("claude.ai: ") for says in verdicts)
    assert story.grounds
    assert story.grounds_at is not None


async def test_the_story_says_what_was_right_by_what_the_page_said_in_the_end(after):
    (incident,) = after.archive.incidents()
    story = after.archive.story(incident.id)
    leads = dict(story.leads)
    assert 600 < leads[Family.PROBE] <= 1200
    assert story.unjudged == ""
    right = " ".join(story.right)
    assert "before the official page spoke" in right
    assert "confirmed by independent sides alone" in right
    assert "Named before the page named them: claude.ai" in right
    assert "before the page closed it" in right
    assert "The kind was called before the page spoke: Sign-in" in right


async def test_the_chart_of_a_story_shows_its_reports_and_what_was_usual(after):
    (incident,) = after.archive.incidents()
    bars = after.archive.story(incident.id).reports
    loud = max(bars, key=lambda b: b.count or 0)
    assert loud.count == 12 * 15
    assert loud.usual == pytest.approx(1.5, rel=0.8)
    assert START + timedelta(minutes=60) < loud.at <= START + timedelta(minutes=105)
    assert bars[0].count is None  # an hour before anyone was heard
    assert bars[-1].at >= START + timedelta(minutes=159)


async def test_a_page_that_never_spoke_leaves_nothing_to_compare_with(world):
    def silent(minute, about):
        return (line for line in outage(minute, about) if not isinstance(line, Declared))

    await world.play(silent, range(130))
    (incident,) = world.archive.incidents()
    story = world.archive.story(incident.id)
    assert (story.right, story.wrong, story.leads) == ((), (), ())
    assert "nothing to compare with" in story.unjudged


async def test_an_incident_that_only_the_page_knew_says_so(world):
    def page_only(minute, about):
        return (line for line in outage(minute, about) if line.source == "statuspage")

    await world.play(page_only, range(130))
    (incident,) = world.archive.incidents()
    story = world.archive.story(incident.id)
    assert story.wrong == ("Nobody but the official page saw it here.",)
    assert story.leads == ()
    assert any(m.kind == "official" and "Login errors" in m.says for m in story.timeline)


async def test_an_incident_that_goes_on_has_a_story_too(world):
    await world.play(outage, range(75))
    (incident,) = world.archive.incidents()
    assert incident.recovered_at is None
    story = world.archive.story(incident.id)
    assert "recovered" not in {m.kind for m in story.timeline}
    assert story.reports[-1].at >= START + timedelta(minutes=74)


async def test_there_is_no_story_of_what_never_was(after):
    assert after.archive.story("no-such") is None
    assert after.archive.story("") is None


async def test_the_record_counts_the_outage_from_its_onset_within_what_was_watched(after):
    whole, *parts = after.archive.record("claude", after.clock.now(), 7)
    today = whole.days[-1]
    assert len(whole.days) == 7
    assert [d.day for d in whole.days] == [date(2026, 4, 1) + timedelta(days=n) for n in range(7)]
    assert all(d == type(d)(day=d.day, worst=None) for d in whole.days[:-1])
    assert today.worst.is_outage
    assert today.watched_s == pytest.approx(160 * 60, abs=120)
    assert today.down_s == pytest.approx(40 * 60, abs=10 * 60)
    assert {p.component for p in parts} >= {"web"}
    web = next(p for p in parts if p.component == "web")
    assert web.days[-1].down_s > 0
    assert 0 < whole.availability(today.day, today.day) < 1
    assert whole.availability(date(2026, 4, 1), date(2026, 4, 6)) is None


async def test_a_pause_in_the_watching_is_not_claimed_for_either_side(world):
    await world.play(outage, range(75))  # in the middle of the outage the watch ends
    again = StoreArchive(Past(lambda: world.store, world.clock), world.clock)
    await world.pass_(timedelta(hours=20))
    whole, *_ = again.record("claude", world.clock.now(), 3)
    assert sum(d.watched_s for d in whole.days) == pytest.approx(75 * 60, abs=120)
    assert sum(d.down_s for d in whole.days) <= 16 * 60


async def test_what_was_never_watched_has_no_days(world):
    (whole,) = world.archive.record("chatgpt", START, 30)
    assert whole.component is None
    assert {(d.worst, d.watched_s) for d in whole.days} == {(None, 0.0)}


async def test_two_services_that_fail_together_are_down_together(world):
    def both(minute, about):
        yield from outage(minute, about)
        later = outage(minute - 20, {**about, "service": "chatgpt"})
        yield from (line for line in later if minute > 0)

    await world.play(both, range(160))
    alone, other, together = world.archive.joint(["claude", "chatgpt", "claude"], world.clock.now())
    assert (alone.services, other.services, together.services) == (("claude",), ("chatgpt",), ("claude", "chatgpt"))
    assert 0 < together.down_s < min(alone.down_s, other.down_s)
    assert together.watched_s <= min(alone.watched_s, other.watched_s)


async def test_three_services_are_counted_alone_in_pairs_and_all_together(world):
    found = world.archive.joint(["a", "b", "c"], START)
    assert [len(j.services) for j in found] == [1, 1, 1, 2, 2, 2, 3]
    assert world.archive.joint([], START) == []


async def test_another_choice_of_the_same_services_costs_the_database_nothing(world):
    first = world.archive.joint(["a", "b", "c"], START)
    world.store.close()
    assert [j.services for j in world.archive.joint(["c", "a"], START)] == [("c",), ("a",), ("c", "a")]
    assert world.archive.joint(["c", "b", "a"], START)[0] == first[2]


async def test_an_answer_stands_for_a_minute(after):
    first = after.archive.incidents()
    after.store.commit_step([], [Incident(id="new", service="claude", opened_at=after.clock.now(),
                                          since=after.clock.now(), state=State.DEGRADED,
                                          confidence=Confidence.SUSPECTED)], {})  # fmt: skip
    assert after.archive.incidents() is first
    await after.pass_(timedelta(seconds=61))
    assert after.archive.incidents()[0].id == "new"


async def test_pages_of_what_was_kept_are_bounded(after):
    assert len(after.archive.changes(limit=10**9)) <= 500
    assert len(after.archive.changes(limit=-1)) == 1
    assert len(after.archive.record("claude", after.clock.now(), 10**9)[0].days) == 400


async def test_a_story_of_many_moments_is_cut_in_the_middle(world, tmp_path):
    def flip(n):
        states = (State.DEGRADED, State.PARTIAL_OUTAGE)
        return Verdict(at=START + n * MINUTE, service="claude", state=states[n % 2], incident="long",
                       confidence=Confidence.CONFIRMED)  # fmt: skip

    changes = [flip(n) for n in range(1500)]
    long = Incident(id="long", service="claude", opened_at=START, since=START, state=State.PARTIAL_OUTAGE,
                    confidence=Confidence.CONFIRMED, recovered_at=START + 1500 * MINUTE)  # fmt: skip
    world.store.commit_step(changes, [long], {})
    world.clock.set(START + 2000 * MINUTE)
    story = world.archive.story("long")
    assert len(story.timeline) == MOST_MOMENTS
    assert story.timeline[-1].kind == "recovered"
    assert sum("left out" in m.says for m in story.timeline) == 1


async def test_the_words_of_a_page_are_cleaned_before_they_are_told(world):
    evil = "<script>alert(1)</script>\u202egnp\x00 <b>down</b>"

    def hostile(minute, about):
        for line in outage(minute, about):
            if isinstance(line, Declared) and line.incident:
                yield Declared(**about, source="statuspage", state=line.state, component="web", incident="p1",
                               title=evil * 100, body=evil * 500, stage=line.stage)  # fmt: skip
            else:
                yield line

    await world.play(hostile, range(100))
    (incident,) = world.archive.incidents()
    says = [m.says for m in world.archive.story(incident.id).timeline if m.kind == "official"]
    assert says
    assert all(len(s) < 600 and "\u202e" not in s and "\x00" not in s for s in says)


def verdict(minute, state, confidence=None, **rest):
    return Verdict(at=START + minute * MINUTE, service="s", state=state, confidence=confidence, **rest)


def test_a_suspicion_counts_once_it_was_confirmed_and_never_where_it_was_not():
    changes = [
        verdict(0, State.OPERATIONAL),
        verdict(10, State.MAJOR_OUTAGE, Confidence.SUSPECTED, incident="a", since=START + 5 * MINUTE),
        verdict(20, State.OPERATIONAL),
        verdict(30, State.MAJOR_OUTAGE, Confidence.SUSPECTED, incident="b"),
        verdict(40, State.OPERATIONAL),
    ]
    end = START + 60 * MINUTE
    spells = spells_of(changes, {"a"}, end)
    whole = record_of("s", None, spells, [(START, end)], START.date(), START.date())
    assert whole.days[0].down_s == 15 * 60
    assert whole.days[0].watched_s == 3600


def test_an_outage_counts_from_its_onset_as_it_was_put_last():
    fault = partial(verdict, state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED)
    changes = [
        verdict(0, State.OPERATIONAL),
        fault(40, incident="a", since=START + 35 * MINUTE),
        fault(60, incident="a", since=START + 20 * MINUTE),
        fault(70, incident="a"),
        verdict(80, State.OPERATIONAL),
        fault(100, incident="b", since=START + 90 * MINUTE),
    ]
    spells = spells_of(changes, (), START + 110 * MINUTE)

    assert [s.begin for s in spells if not s.state.is_fault] == [START, START + 80 * MINUTE]
    assert seconds(down(spells)) == (60 + 20) * 60.0


def test_a_component_is_watched_only_while_something_is_known_of_it():
    changes = [verdict(10, State.OPERATIONAL), verdict(20, State.UNKNOWN), verdict(30, State.DEGRADED, "confirmed")]
    end = START + 60 * MINUTE
    part = record_of("s", "web", spells_of(changes, (), end), [(START, end)], START.date(), START.date())
    assert part.days[0].watched_s == 40 * 60
    assert part.days[0].worst is State.OPERATIONAL  # nobody confirmed it


def test_an_outage_over_midnight_is_split_between_its_days():
    changes = [verdict(0, State.OPERATIONAL), verdict(700, State.MAJOR_OUTAGE, Confidence.CONFIRMED)]
    end = START + 800 * MINUTE
    whole = record_of("s", None, spells_of(changes, (), end), [(START, end)], START.date(), date(2026, 4, 8))
    assert [d.down_s for d in whole.days] == [20 * 60, 80 * 60]
    assert [d.watched_s for d in whole.days] == [720 * 60, 80 * 60]


def test_stretches_meet_where_both_are():
    at = [START + n * MINUTE for n in range(10)]
    assert meet([(at[0], at[4]), (at[6], at[9])], [(at[2], at[7])]) == [(at[2], at[4]), (at[6], at[7])]
    assert meet([], [(at[0], at[1])]) == []


def test_grounds_are_those_of_the_worst_minute(world):
    calm, bad = (Evidence(family=Family.CROWD, standing=s) for s in (Standing.CALM, Standing.ALARM))
    first = verdict(1, State.DEGRADED, Confidence.SUSPECTED, incident="i")
    worst = verdict(2, State.MAJOR_OUTAGE, Confidence.CONFIRMED, incident="i")
    last = verdict(3, State.DEGRADED, Confidence.CONFIRMED, incident="i")
    kept = Incident(id="i", service="s", opened_at=first.at, since=START, state=State.MAJOR_OUTAGE,
                    confidence=Confidence.CONFIRMED, recovered_at=START + 9 * MINUTE)  # fmt: skip
    grounds = {Key.of(first): [calm], Key.of(worst): [bad], Key.of(last): [calm]}
    world.store.commit_step([first, worst, last], [kept], grounds)
    story = world.archive.story("i")
    assert (story.grounds, story.grounds_at) == ((bad,), worst.at)


def test_trouble_of_whoever_watched_is_no_part_of_a_services_story():
    changes = (
        verdict(0, State.DEGRADED, Confidence.SUSPECTED),
        verdict(5, State.OPERATIONAL, scope=Scope.YOUR_QUOTA),
    )
    incident = Incident(
        id="i", service="claude", opened_at=START, since=START, recovered_at=START + 5 * MINUTE, state=State.DEGRADED,
        confidence=Confidence.SUSPECTED,
    )  # fmt: skip
    kept = Kept(incident=incident, changes=changes)
    told = " ".join(m.says for m in tell(kept, None, START + 9 * MINUTE).timeline)
    assert "operational" in told
    assert "your limit" not in told
