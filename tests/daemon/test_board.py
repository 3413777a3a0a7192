"""The board after a judged minute: every field from what was heard, judged and kept, and only what moved made anew."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from stillup.board import Maintenance
from stillup.catalog.load import catalogue
from stillup.daemon.account import Account
from stillup.daemon.board import BoardMaker, first_board
from stillup.daemon.jobs import forecaster, profile_of
from stillup.daemon.playbook import Helpers
from stillup.errors import Blame
from stillup.model.incident import Incident
from stillup.model.service import Capability, Confidence, Family, Layer, Problem, Scope, Stage, State
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.response.playbook import Done
from stillup.response.workarounds import Tip
from stillup.sources.base import Link, Reading
from stillup.sources.report import Failure, FailureKind, Report
from stillup.sources.schedule import Why
from stillup.store import open_store
from stillup.verdict.monitor import Monitor

BEGINS = datetime(2026, 5, 11, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SERVICES = tuple(catalogue()[s] for s in ("claude", "chatgpt", "github"))


def report(source, *signals, at, service="claude", error=None, **reading):
    read = None if error else Reading(signals=signals, **reading)
    return Report(source=source, service=service, started_at=at, elapsed_ms=1, next_at=at, why_next=Why.CADENCE,
                  reading=read, error=error)  # fmt: skip


class Shown:
    """A reader that keeps what it was shown."""

    def __init__(self):
        self.boards, self.changes = [], []

    def show(self, board, changes):
        self.boards.append(board)
        self.changes += changes


class Play:
    """Minutes of readings for a monitor and a board."""

    def __init__(self, **rest):
        self.monitor = Monitor(profile_of, forecaster=forecaster())
        self.shown = Shown()
        self.maker = BoardMaker(self.monitor, SERVICES, [self.shown], **rest)
        self.now = BEGINS

    def minute(self, *reports):
        """One minute with these readings, beside a page and a probe that are well."""
        self.now += MINUTE
        for told in reports:
            self.maker.heard(told)
        signals = [s for told in reports if told.reading for s in told.reading.signals]
        changes = self.monitor.step(self.now, signals)
        self.maker.judged(self.now, changes)
        return self.board

    @property
    def board(self):
        return self.shown.boards[-1]

    @property
    def claude(self):
        return self.board.services["claude"]

    def calm(self, minutes):
        for _ in range(minutes):
            self.minute(*self.quiet())
        return self

    def quiet(self, service="claude"):
        at, told = self.now + MINUTE, {"service": service}
        one = int(at.timestamp()) % 900 == 0
        counts = [self.counted(1, region="US-TX")] if one and service == "claude" else []
        return (
            report("statuspage", Declared(at=at, source="statuspage", state=State.OPERATIONAL, **told),
                   Declared(at=at, source="statuspage", component="api", state=State.OPERATIONAL, **told),
                   Alive(at=at, source="statuspage", **told), at=at, says="page: all operational", **told),
            report("downdetector", *counts, Alive(at=at, source="downdetector", **told), at=at, says="few", **told),
            report("probe", Outcome(at=at, source="probe", component="api", layer=Layer.API_GATEWAY, ok=True,
                                    latency_ms=120.0, **told),
                   Outcome(at=at, source="probe", layer=Layer.NETWORK, ok=True, **told),
                   Alive(at=at, source="probe", **told), at=at, says="all rungs", **told),
        )  # fmt: skip

    def counted(self, count, **rest):
        told = {"service": "claude", "source": "downdetector", "window_s": 60}
        return Counted(at=self.now + MINUTE, count=count, **told, **rest)

    def fault(self, minutes=20):
        """Sign-in fails: reports from two places, and a probe that cannot sign in."""
        for _ in range(minutes):
            at = self.now + MINUTE
            page, _, probe = self.quiet()
            reports = [
                self.counted(30, region="US-CA", problem=Problem.SIGN_IN, component="web"),
                self.counted(20, region="FR", problem=Problem.NO_RESPONSE, component="web"),
                Alive(at=at, service="claude", source="downdetector"),
            ]
            fails = Outcome(at=at, service="claude", source="probe", component="web", layer=Layer.AUTH, ok=False)
            probe = report("probe", *probe.reading.signals, *[fails] * 3, at=at, says="sign-in fails")
            others = self.quiet("chatgpt")
            self.minute(page, report("downdetector", *reports, at=at, says="many"), probe, *others)
        return self


@pytest.fixture(scope="module")
def fault():
    """Six calm hours, then twenty minutes of a fault."""
    return Play().calm(360).fault()


def test_before_anything_is_judged_every_service_is_unknown():
    board = first_board(SERVICES, BEGINS, "a play")
    assert (board.seq, board.state, board.simulated) == (0, State.UNKNOWN, "a play")
    assert board.services["claude"].headline == "Claude: unknown"
    assert "full minute" in board.services["claude"].because
    assert board.services["claude"].task is Capability.CHAT
    made = BoardMaker(Monitor(), SERVICES).make(BEGINS)
    assert made.services["claude"].headline == "Claude: unknown"
    assert "full minute" in made.services["claude"].because


def test_a_fault_is_told_in_the_words_of_the_terminal(fault):
    shown = fault.claude
    assert (shown.state, shown.verdict.confidence) == (State.PARTIAL_OUTAGE, Confidence.CONFIRMED)
    assert shown.headline == "Claude: partial outage, confirmed"
    assert "independent sides agree" in shown.because
    assert "downdetector" in shown.rule
    assert "→ confirmed by" in shown.rule
    assert "claude.ai" in shown.who
    assert shown.components["web"].state.is_fault
    assert {e.family for e in shown.evidence} == {Family.OFFICIAL, Family.CROWD, Family.PROBE}


def test_the_chart_is_a_day_of_quarters_with_the_band_in_which_calm_ones_lie(fault):
    bars = fault.claude.reports
    assert len(bars) == 96
    assert bars[-1].at - bars[0].at == timedelta(minutes=15 * 95)
    assert bars[-1].at >= fault.now > bars[-2].at
    calm, loud = bars[-10], bars[-2]
    assert (calm.count, calm.low) == (1.0, 0.0)
    assert calm.usual == pytest.approx(1.0, rel=0.5)
    assert calm.low <= calm.count <= calm.high < loud.count
    assert loud.usual == pytest.approx(calm.usual, rel=0.7)
    assert bars[0].count is None, "nobody who counts was heard then"


def test_places_and_problems_are_those_of_the_last_hour(fault):
    shown = fault.claude
    assert [(p.region, p.count) for p in shown.places[:2]] == [("US-CA", 600.0), ("FR", 400.0)]
    assert next(p for p in shown.places if p.region == "US-TX").usual == pytest.approx(4.0, rel=0.2)
    assert [(p.problem, p.count) for p in shown.problems] == [("sign_in", 600.0), ("no_response", 400.0)]


def test_the_curve_is_as_of_now_and_the_longer_it_lasts_the_less_is_past(fault):
    shown = fault.claude
    assert shown.recovery[0].p == 0.0
    assert [c.p for c in shown.recovery] == sorted(c.p for c in shown.recovery)
    assert shown.recovery[-1].p > 0.6
    assert 0 < shown.left.p10_s < shown.left.p50_s < shown.left.p90_s
    assert shown.likely is not None
    assert shown.pattern == shown.likely.recovery
    assert 0 < shown.likely_p <= 1


def test_the_steps_say_what_is_known_to_work_and_what_to_use_instead(fault):
    steps = fault.claude.steps
    assert steps[0].done is Done.DONE
    assert "other sites" in steps[0].note
    assert any("Claude API" in step.says for step in steps)
    assert any("ChatGPT" in step.says for step in steps)
    assert fault.claude.up_parts == ("Claude API",)
    best = fault.claude.choices[0]
    assert (best.offer.service, best.state) == ("chatgpt", State.OPERATIONAL)


def test_the_open_incident_is_the_newest(fault):
    shown = fault.claude
    assert shown.open_incident is shown.incidents[0]
    assert shown.incidents[0].recovered_at is None


def test_sources_stand_in_the_registrys_order_with_their_last_word_and_when_they_were_heard(fault):
    assert [s.id for s in fault.claude.sources] == ["statuspage", "downdetector", "probe"]
    page = fault.claude.sources[0]
    assert (page.ok, page.says, page.heard_at) == (True, "page: all operational", fault.now)
    assert page.link.startswith("https://")
    assert page.delay_s > 0
    assert page.reliability
    assert fault.claude.latency_ms == 120.0


def test_a_source_that_cannot_be_read_says_why_and_keeps_when_it_was_heard_last():
    play = Play().calm(2)
    heard = play.now
    down = Failure(kind=FailureKind.UNREACHABLE, says="DNS: name not found", blame=Blame.NETWORK)
    keyless = Failure(kind=FailureKind.NOT_CONFIGURED, says="no key", blame=Blame.USER)
    play.minute(
        report("statuspage", at=play.now, error=down), report("cloudflare_radar", at=play.now, error=keyless)
    )  # fmt: skip
    lines = {s.id: s for s in play.claude.sources}
    assert (lines["statuspage"].ok, lines["statuspage"].says) == (False, "no data: DNS: name not found")
    assert lines["statuspage"].heard_at == heard
    assert (lines["cloudflare_radar"].says, lines["cloudflare_radar"].heard_at) == ("not asked: no key", None)


def test_a_link_that_is_no_address_is_left_out():
    play = Play()
    at = play.now + MINUTE
    bad = report("statuspage", Alive(at=at, service="claude", source="statuspage"), at=at, says="x\x1b[2J\u202ey",
                 links=(Link("javascript:alert(1)"),))  # fmt: skip
    play.minute(bad)
    assert play.claude.sources[0].link == ""
    assert "\x1b" not in play.claude.sources[0].says


def test_only_services_of_which_something_moved_are_made_anew():
    play = Play().calm(31)
    before = play.board.services
    play.minute(*play.quiet())
    assert play.board.services["claude"] is not before["claude"]
    assert play.board.services["github"] is before["github"]
    assert play.board.seq == 32
    for _ in range(5):
        play.minute()
    assert play.board.services["github"] is not before["github"], "silence says something too"


def test_planned_work_is_told_until_it_is_over_or_taken_back():
    play = Play()

    def page(*works):
        at = play.now + MINUTE
        return report("statuspage", Alive(at=at, service="claude", source="statuspage"), at=at, maintenances=works)

    soon = Maintenance(id="1", title="Upgrade", stage=Stage.SCHEDULED, starts=BEGINS, ends=BEGINS + 3 * MINUTE)
    later = Maintenance(id="2", title="Move", stage=Stage.SCHEDULED, starts=BEGINS + timedelta(days=2))
    play.minute(page(later, soon))
    assert play.claude.maintenances == (soon, later)
    play.minute()
    assert play.claude.maintenances == (soon, later)
    play.minute(page(later, soon))
    assert play.claude.maintenances == (later,)
    play.minute(page())
    assert play.claude.maintenances == ()


def test_tips_of_the_last_day_stay_while_the_fault_lasts():
    play = Play().calm(360)
    at = play.now + MINUTE
    tip = Tip(source="reddit", url="https://reddit.com/r/x", title="Use the API", at=at, why=("offers",), weight=1.0)
    play.minute(*play.quiet(), report("reddit", Alive(at=at, service="claude", source="reddit"), at=at, tips=(tip,)))
    assert play.claude.workarounds == ()
    play.fault(10)
    assert [w.title for w in play.claude.workarounds] == ["Use the API"]


def test_a_tip_that_is_told_once_is_not_pushed_out_by_those_told_again_and_again():
    account = Account(SERVICES[0])
    old, new = (
        Tip(source=s, url=f"https://example.org/{s}", title=s, at=BEGINS, why=("offers",), weight=1.0)
        for s in ("x", "reddit")
    )
    account.hear(report("x", at=BEGINS, tips=(old,)))
    for minute in range(500):
        account.hear(report("reddit", at=BEGINS + minute * MINUTE, tips=(new,)))
    assert account.tips(BEGINS) == [old, new]
    account.hear(
        report("reddit", at=BEGINS, tips=[structs.replace(new, url=f"https://example.org/{n}") for n in range(900)])
    )
    assert len(account.tips(BEGINS)) == 200


def test_what_was_kept_stands_on_the_board_from_the_start(tmp_path):
    past = Incident(
        id="x", service="claude", opened_at=BEGINS - timedelta(days=2), since=BEGINS - timedelta(days=2),
        state=State.DEGRADED, confidence=Confidence.CONFIRMED, recovered_at=BEGINS - timedelta(days=1),
    )  # fmt: skip
    counts = [
        Counted(at=BEGINS - n * 15 * MINUTE, service="claude", source="downdetector", window_s=900, count=n)
        for n in range(1, 9)
    ]
    with open_store(tmp_path / "kept.db") as store:
        store.commit_step([], [past], {})
        store.record(counts)
        play = Play()
        play.maker.recall(store, BEGINS)
    play.minute(*play.quiet())
    assert play.claude.incidents == (past,)
    assert [bar.count for bar in play.claude.reports[-4:-1]] == [2.0, 1.0, None]


def test_signals_of_this_processs_own_count_too():
    play = Play().calm(20)
    line = Counted(at=play.now, service="claude", source="hub", window_s=60, count=7, family=Family.CROWD)
    stray = Counted(at=play.now, service="elsewhere", source="hub", window_s=60, count=7, family=Family.CROWD)
    feed = play.maker.beside(lambda now: iter([line, stray]))
    assert list(feed(play.now)) == [line, stray]


def test_a_reader_that_fails_is_said_once_and_holds_up_nobody():
    class Breaks:
        def show(self, board, changes):
            raise RuntimeError("no room")

    said, last = [], Shown()
    maker = BoardMaker(Monitor(), SERVICES, [Breaks(), last], say=said.append)
    maker.judged(BEGINS, ())
    maker.judged(BEGINS + MINUTE, ())
    assert said == ["Breaks cannot show the board: RuntimeError: no room"]
    assert [board.seq for board in last.boards] == [1, 2]


def test_what_helps_is_asked_for_the_incident(fault):
    told = {}

    def told_at(incident):
        told["of"] = incident
        return BEGINS

    maker = BoardMaker(fault.monitor, SERVICES, helpers=Helpers(alerts=True, told_at=told_at))
    steps = maker.make(fault.now).services["claude"].steps
    assert told["of"] == fault.claude.verdict.incident
    assert next(s for s in steps if "team is told" in s.says).done is Done.DONE


def test_your_own_limit_is_no_outage_on_the_board_either():
    play = Play().calm(20)
    at = play.now + MINUTE
    refused = Outcome(
        at=at, service="claude", source="claude_code", layer=Layer.INFERENCE, ok=False, error="quota:five_hour"
    )  # fmt: skip
    play.minute(*play.quiet(), report("claude_code", refused, at=at))
    for _ in range(2):
        play.minute(*play.quiet(), report("claude_code", at=play.now + MINUTE))
    assert play.claude.verdict.scope is Scope.YOUR_QUOTA
    assert play.claude.headline == "Claude: your limit, not an outage"
