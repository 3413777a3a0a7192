"""What a verdict tells the gateway: an outage elsewhere reroutes before a request fails, and nothing else does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.daemon.jobs import profile_of
from stillup.daemon.view import STANDS_S, MonitorView, names, prior_of
from stillup.gateway.core.views import Prior
from stillup.model.evidence import Evidence, Numbers, Standing
from stillup.model.service import Confidence, Family, Layer, Scope, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.model.verdict import Verdict
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

START = datetime(2026, 4, 7, 12, tzinfo=UTC)
OPUS = "claude-opus-4-5"


class Told:
    """A monitor that is told things minute by minute, and the view of it."""

    def __init__(self):
        self.clock = FakeClock(START)
        self.monitor = Monitor(profile_of)
        self.view = MonitorView(self.monitor, self.clock, ["claude"])

    async def minutes(self, n, *lines):
        """For each minute the lines with their time, then the judgement."""
        for _ in range(n):
            await self.clock.advance(60)
            now = self.clock.now()
            changes = self.monitor.step(now, [line(now) for line in lines])
            self.view.judged(now, changes)


@pytest.fixture
def told():
    return Told()


def page(state, component="api", **rest):
    return lambda at: Declared(
        at=at, service="claude", source="statuspage", state=state, component=component, incident="i1", **rest
    )


def alive(source):
    return lambda at: Alive(at=at, service="claude", source=source)


def tries(source, *, ok, component="api", error="overloaded", **rest):
    return lambda at: Outcome(
        at=at,
        service="claude",
        source=source,
        component=component,
        layer=Layer.INFERENCE,
        ok=ok,
        error=None if ok else error,
        **rest,
    )


async def test_a_confirmed_outage_of_the_api_is_out_before_any_request_has_failed(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE))
    prior = told.view.prior("claude", "api", OPUS)
    assert prior.is_out
    assert (prior.state, prior.confidence) == (State.MAJOR_OUTAGE, Confidence.CONFIRMED)
    assert prior.says == "claude api: major outage, confirmed since 12:01 UTC by official"


async def test_it_is_not_out_any_more_once_the_page_is_green(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE))
    await told.minutes(2, page(State.OPERATIONAL))
    assert told.view.prior("claude", "api", OPUS).state is State.OPERATIONAL


async def test_a_verdict_limited_to_other_models_hits_only_those(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE, model="opus"))
    assert told.view.prior("claude", "api", OPUS).is_out
    assert not told.view.prior("claude", "api", "claude-sonnet-4-5").is_out
    assert told.view.prior("claude", "api", "claude-sonnet-4-5").says.endswith("; only opus")
    assert not told.view.prior("claude", "api", "").is_out


async def test_other_components_and_services_are_not_out(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE, component="web"))
    assert told.view.prior("claude", "api", OPUS) == Prior()
    assert told.view.prior("chatgpt", "api", "gpt-5") == Prior()


async def test_an_upstream_of_an_unnamed_part_is_suspected_at_most_while_only_some_parts_fail(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE, component="web"))
    prior = told.view.prior("claude", "", OPUS)
    assert (prior.state.is_outage, prior.confidence) == (True, Confidence.SUSPECTED)


async def test_an_outage_of_the_whole_that_names_no_part_hits_every_part(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE, component=None))
    assert told.view.prior("claude", "api", OPUS).is_out


async def test_one_family_alone_is_suspected(told):
    await told.minutes(30, tries("probe", ok=True))
    await told.minutes(15, tries("probe", ok=False))
    prior = told.view.prior("claude", "api", OPUS)
    assert prior.state.is_outage
    assert prior.confidence is Confidence.SUSPECTED
    assert not prior.is_out


async def test_what_the_gateway_saw_itself_comes_back_to_it_as_nothing(told):
    await told.minutes(30, tries("gateway", ok=True))
    await told.minutes(15, tries("gateway", ok=False))
    assert told.monitor.verdicts("claude")["api"].state.is_outage
    prior = told.view.prior("claude", "api", OPUS)
    assert prior.state is State.UNKNOWN
    assert prior.says.endswith("; seen by this gateway alone")


async def test_its_own_requests_have_one_vote_beside_another_familys(told):
    both = [(tries("gateway", ok=ok), tries("probe", ok=ok)) for ok in (True, False)]
    await told.minutes(30, *both[0])
    await told.minutes(15, *both[1])
    assert told.view.prior("claude", "api", OPUS).is_out


@pytest.mark.parametrize("error", ["rate_limited", "quota", "unauthorized", "402 payment required"])
async def test_the_users_own_quota_is_never_an_outage(told, error):
    await told.minutes(30, tries("gateway", ok=True))
    await told.minutes(60, tries("gateway", ok=False, error=error))
    assert told.monitor.verdicts("claude")[None].scope is Scope.YOUR_QUOTA
    assert told.view.prior("claude", "api", OPUS) == Prior()
    assert told.view.prior("claude", "", OPUS) == Prior()


async def test_a_monitor_that_has_fallen_silent_has_no_word_left(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE))
    await told.clock.advance(STANDS_S + 1)
    assert told.view.prior("claude", "api", OPUS) == Prior()


async def test_before_the_first_judgement_nothing_is_known(told):
    assert told.view.prior("claude", "api", OPUS) == Prior()


async def test_made_up_models_do_not_fill_the_memory(told):
    await told.minutes(2, page(State.MAJOR_OUTAGE))
    for n in range(10_000):
        told.view.prior("claude", "api", f"model-{n}")
    assert told.view.size <= 4_096


# -- the rule itself --------------------------------------------------------------------------------------------------


def fault(component=None, **rest):
    said = {"state": State.MAJOR_OUTAGE, "confidence": Confidence.CONFIRMED, "scope": Scope.EVERYONE} | rest
    return Verdict(at=START, service="claude", component=component, since=START, **said)


def alarm(family=Family.OFFICIAL, source="statuspage", component="api", **rest):
    components = ((component, State.MAJOR_OUTAGE),) if component else ()
    return Evidence(family=family, standing=Standing.ALARM, sources=(source,), components=components, **rest)


def test_sources_that_anyone_can_feed_move_no_traffic_however_many_they_are():
    liars = [alarm(Family.CROWD, "hub"), alarm(Family.TRAFFIC, "pool")]
    prior = prior_of({None: fault(), "api": fault("api")}, liars, "api", OPUS)
    assert prior.state is State.UNKNOWN
    assert prior.says.endswith("; told only by sources that anyone can feed")


def test_a_page_that_is_red_about_another_part_does_not_lend_its_weight_to_liars():
    evidence = [alarm(component="web"), alarm(Family.CROWD, "hub"), alarm(Family.TRAFFIC, "pool")]
    verdicts = {None: fault(components=("api", "web")), "api": fault("api"), "web": fault("web")}
    assert not prior_of(verdicts, evidence, "api", OPUS).is_out
    assert prior_of(verdicts, evidence, "web", OPUS).is_out


def test_a_verdict_limited_to_regions_is_suspected_at_most():
    prior = prior_of({None: fault(), "api": fault("api", regions=("US",))}, [alarm()], "api", OPUS)
    assert (prior.state, prior.confidence) == (State.MAJOR_OUTAGE, Confidence.SUSPECTED)


def test_a_part_called_well_beside_an_unplaced_outage_is_suspected_at_most():
    well = Verdict(at=START, service="claude", component="api", state=State.OPERATIONAL)
    people = [alarm(Family.CROWD, "downdetector", component=None), alarm(Family.SOCIAL, "reddit", component=None)]
    prior = prior_of({None: fault(), "api": well}, people, "api", OPUS)
    assert (prior.state.is_outage, prior.confidence) == (True, Confidence.SUSPECTED)


def test_a_part_cannot_be_out_after_the_whole_has_recovered():
    well = Verdict(at=START + timedelta(hours=1), service="claude", state=State.OPERATIONAL)
    assert prior_of({None: well, "api": fault("api")}, [alarm()], "api", OPUS).state is State.OPERATIONAL


def test_a_side_that_tells_models_apart_and_names_none_means_all_of_them():
    evidence = [alarm(), alarm(Family.TRAFFIC, "claude_code", models=("claude-opus-4-5",))]
    verdicts = {None: fault(), "api": fault("api", models=("claude-opus-4-5",))}
    assert prior_of(verdicts, evidence, "api", "claude-sonnet-4-5").is_out


def test_people_rarely_name_a_model_so_their_silence_on_it_means_nothing():
    evidence = [alarm(Family.CROWD, "downdetector"), alarm(Family.TRAFFIC, "claude_code", models=("claude-opus-4-5",))]
    verdicts = {None: fault(), "api": fault("api", models=("claude-opus-4-5",))}
    assert prior_of(verdicts, evidence, "api", OPUS, own="gateway").is_out
    assert not prior_of(verdicts, evidence, "api", "claude-sonnet-4-5", own="gateway").is_out


def test_another_source_of_the_same_family_is_no_echo():
    failing = [
        Numbers(source=s, observed=9.0, usual=0.1, window_s=60.0, what="failures") for s in ("claude_code", "gateway")
    ]
    mixed = alarm(Family.TRAFFIC, "gateway", numbers=tuple(failing))
    alone = alarm(Family.TRAFFIC, "gateway", numbers=tuple(failing[1:]))
    verdicts = {None: fault(), "api": fault("api", confidence=Confidence.SUSPECTED)}
    assert prior_of(verdicts, [mixed], "api", OPUS, own="gateway").state.is_outage
    assert prior_of(verdicts, [alone], "api", OPUS, own="gateway").state is State.UNKNOWN
    assert prior_of(verdicts, [alone], "api", OPUS).state.is_outage


FAMILIES = {
    Family.OFFICIAL: ["statuspage"],
    Family.CROWD: ["downdetector", "hub"],
    Family.TRAFFIC: ["gateway", "claude_code", "pool"],
    Family.PROBE: ["probe"],
}
ALARMS = st.sampled_from(list(FAMILIES)).flatmap(
    lambda family: st.builds(
        alarm,
        st.just(family),
        st.sampled_from(FAMILIES[family]),
        st.sampled_from([None, "api", "web"]),
        models=st.sampled_from([(), ("opus",), ("sonnet",)]),
    )
)
VERDICTS = st.builds(
    Verdict,
    at=st.just(START),
    service=st.just("claude"),
    state=st.sampled_from(list(State)),
    confidence=st.sampled_from([None, *Confidence]),
    scope=st.sampled_from([None, *Scope]),
    components=st.sampled_from([(), ("api",), ("web",), ("api", "web")]),
    regions=st.sampled_from([(), ("US",)]),
    models=st.sampled_from([(), ("opus",), ("sonnet",)]),
)


@given(
    st.dictionaries(st.sampled_from([None, "api", "web"]), VERDICTS),
    st.lists(ALARMS, max_size=4),
    st.sampled_from(["", "api", "web", "code"]),
    st.sampled_from(["", OPUS]),
)
def test_whatever_is_said_only_a_confirmed_outage_that_others_prove_is_out(verdicts, evidence, component, model):
    prior = prior_of(verdicts, evidence, component, model, own="gateway")
    if prior.is_out:
        said = [v for v in verdicts.values() if v.state.is_outage and v.confidence is Confidence.CONFIRMED]
        assert any(not v.regions and v.scope not in (Scope.YOU, Scope.YOUR_QUOTA) for v in said)
        others = {s for e in evidence for s in e.sources} - {"hub", "pool", "gateway"}
        assert others
    if prior.state.is_fault:
        assert prior.confidence is not None or any(v.confidence is None for v in verdicts.values())
    liars = [e for e in evidence if set(e.sources) <= {"hub", "pool"}]
    assert not prior_of(verdicts, liars, component, model).state.is_fault


@pytest.mark.parametrize(
    ("named", "model", "meant"),
    [
        ("opus", "claude-opus-4-5-20251101", True),
        ("Opus 4.5", "claude-opus-4-5-20251101", True),
        ("opus 4.5", "anthropic/claude-opus-4.5", True),
        ("claude-opus-4-5", "us.anthropic.claude-opus-4-5-20251101-v1:0", True),
        ("opus 4", "claude-opus-4-5", False),
        ("opus 4", "claude-opus-4-20250514", True),
        ("opus", "claude-sonnet-4-5", False),
        ("o3", "gpt-4o-3", False),
        ("gpt-5", "gpt-5-2025-08-07", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", True),
        ("", "claude-opus-4-5", False),
        ("opus", "", False),
    ],
)
def test_a_name_that_people_use_means_the_right_models(named, model, meant):
    assert names(named, model, ("gpt-4o-mini", "gpt-4o", "gpt-5", "opus", "sonnet")) is meant


@given(st.text(max_size=30))
def test_every_name_means_itself(name):
    assert names(name, name) is any(c.isascii() and c.isalnum() for c in name.lower())
