"""What is needed here and how it stands: from a configuration, keys, a toolkit, a journal and a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from stillup.config import parse_config
from stillup.daemon.jobs import profile_of
from stillup.daemon.live import Live
from stillup.daemon.risk.assess import STANDS_S, Assessor, assess
from stillup.daemon.risk.record import own_record, own_record_or_none
from stillup.daemon.risk.used import read_usage
from stillup.errors import BadDataError
from stillup.gateway.core.values import Ask, Operation, Protocol, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.journal import Journal, Settings
from stillup.model.service import Capability, Layer, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.risk.points import What
from stillup.risk.values import LOCAL, Basis, Subject
from stillup.store import open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOWHERE = dict.fromkeys(
    ("OLLAMA_HOST", "LM_STUDIO_API_BASE", "LLAMACPP_BASE_URL", "VLLM_BASE_URL", "STILLUP_OFFLINE_URL"),
    "http://127.0.0.1:9",
)
CHAINS = """
[[gateway.upstreams]]
id = "first"
protocol = "anthropic"
key_env = "FIRST_KEY"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "second"
protocol = "openai"
key_env = "SECOND_KEY"
service = "chatgpt"
component = "api"
[[gateway.upstreams]]
id = "box"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
[[gateway.upstreams]]
id = "own"
protocol = "openai"
base_url = "https://llm.example.org/v1"
key_env = "OWN_KEY"
[[gateway.routes]]
match = "claude-*"
chain = ["first", "second/gpt-6.2-sol", "box/qwen"]
[[gateway.routes]]
match = "house-*"
chain = ["own"]
"""
KEYS = {"FIRST_KEY": "dummy-1", "SECOND_KEY": "dummy-2", "OWN_KEY": "dummy-3"}


@pytest.fixture
def configured(tmp_path):
    """A configuration with a data folder of its own."""
    return lambda more="": parse_config(f"data = {json.dumps(str(tmp_path / 'data'))}\n{more}")


def looked(config, tasks=(), *, keys=KEYS, chains=True):
    risk = assess(config, NOWHERE | keys, NOW, tasks, chains=chains)
    return {one.need.id: one for one in risk.surveyed}, risk


@pytest.fixture(scope="module")
def chained(tmp_path_factory):
    """What is needed with those chains and all keys, looked at once."""
    return looked(parse_config(f"data = {json.dumps(str(tmp_path_factory.mktemp('chained')))}\n{CHAINS}"))


def toolkit(tmp_path, **tasks):
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "toolkit.json").write_text(json.dumps({"tasks": tasks}))


# -- chains -----------------------------------------------------------------------------------------------------------


def test_each_route_is_a_need_with_its_chain_as_ways(chained):
    needs, _ = chained
    route = needs["route:anthropic:claude-*"].need
    assert [way.name for way in route.ways] == ["first", "second", "box"]
    assert route.subjects == (Subject("claude", "api"), Subject("chatgpt", "api"), Subject(LOCAL))
    assert [way.key for way in route.ways] == ["FIRST_KEY", "SECOND_KEY", ""]


def test_an_upstream_that_nobody_watches_is_a_guess_and_is_said_so(chained):
    needs, risk = chained
    house = needs["route:openai:house-*"]
    assert house.need.subjects == (Subject("upstream:own"),)
    assert house.basis is Basis.ASSUMED
    assert any("Nobody watches own" in sentence for sentence in risk.unknown)
    assert any("No record of" in sentence and "own" in sentence for sentence in risk.unknown)


def test_without_a_key_a_stand_in_does_not_count_and_the_reason_stands_there(configured):
    needs, _ = looked(configured(CHAINS), keys={"FIRST_KEY": "dummy-1", "OWN_KEY": "dummy-3"})
    route = needs["route:anthropic:claude-*"].need
    assert [way.name for way in route.ways] == ["first", "box"]
    assert [way.name for way in route.lacking] == ["second"]
    assert route.lacking[0].missing.startswith("set SECOND_KEY to its key")
    found = {g.candidate.id: g.candidate for g in needs["route:openai:house-*"].gains}
    assert found["upstream:second"].access.startswith("set SECOND_KEY to its key")
    assert not found["upstream:second"].ready


def test_no_key_stands_in_what_is_told(chained):
    _, risk = chained
    assert not any(secret in repr(risk) for secret in KEYS.values())


def test_a_model_on_this_machine_is_no_upstream_of_the_network(chained):
    needs, _ = chained
    assert What.NETWORK not in [p.what for p in needs["route:anthropic:claude-*"].points]
    assert What.NETWORK in [p.what for p in needs["route:openai:house-*"].points]


def test_what_is_an_upstream_already_comes_as_a_candidate_without_a_new_account(chained):
    needs, _ = chained
    found = {g.candidate.id: g.candidate for g in needs["route:openai:house-*"].gains}
    assert found["upstream:first"].at_hand
    assert "anthropic" not in found
    assert "openai" not in found
    assert found["mistral"].access.startswith("set MISTRAL_API_KEY")


def test_without_a_configuration_the_environment_decides(configured):
    needs, risk = looked(configured(), keys={"ANTHROPIC_API_KEY": "dummy-a", "OPENAI_API_KEY": "dummy-o"})
    first = next(need for name, need in needs.items() if name.startswith("route:anthropic:claude"))
    assert {"claude", "chatgpt"} <= set(first.need.services)
    assert any("no configuration file" in sentence for sentence in risk.unknown)


def test_with_no_keys_at_all_nothing_stands_in(configured):
    needs, _ = looked(configured(), keys={})
    assert needs
    assert all(len(one.need.services) == 1 for one in needs.values())
    assert all(one.gains for one in needs.values())


def test_a_gateway_that_is_off_has_no_chains(configured):
    needs, _ = looked(configured("[gateway]\nenabled = false\n"))
    assert [name for name in needs if name.startswith("route:")] == []


# -- tasks ------------------------------------------------------------------------------------------------------------


def test_a_task_is_what_is_watched_and_then_the_toolkit(configured, tmp_path):
    toolkit(tmp_path, coding=[{"service": "chatgpt"}, {"service": "local"}])
    needs, _ = looked(configured())
    coding = needs["task:coding"].need
    assert [way.name for way in coding.ways] == ["claude", "chatgpt"]
    assert [(way.name, way.missing) for way in coding.lacking] == [(LOCAL, "no model answers on this machine now")]
    assert "never tested" in coding.ways[1].note


def test_a_backup_whose_last_test_failed_does_not_count(configured, tmp_path):
    trial = {"at": "2026-11-20T10:00:00Z", "works": False, "says": "second refuses your key (401)"}
    toolkit(tmp_path, coding=[{"service": "chatgpt", "trial": trial}])
    needs, _ = looked(configured())
    assert needs["task:coding"].need.services == ("claude",)
    assert "refuses your key" in needs["task:coding"].need.lacking[0].missing


def test_an_old_test_is_said_to_be_old(configured, tmp_path):
    trial = {"at": "2026-05-01T10:00:00Z", "works": True, "says": "operational"}
    toolkit(tmp_path, coding=[{"service": "chatgpt", "trial": trial}])
    needs, _ = looked(configured())
    assert "long ago" in needs["task:coding"].need.ways[1].note


def test_a_second_service_that_is_only_watched_is_no_backup_but_is_near(configured):
    needs, _ = looked(configured(), [Capability.CODING], chains=False)
    assert list(needs) == ["task:coding"]
    assert needs["task:coding"].need.services == ("claude",)
    assert (
        "you watch it" in next(g for g in needs["task:coding"].gains if g.candidate.id == "chatgpt").candidate.at_hand
    )


def test_a_task_that_nothing_watched_can_do_has_no_way_but_candidates(configured):
    needs, _ = looked(configured('services = ["github"]\n'), [Capability.IMAGE], chains=False)
    assert needs["task:image"].need.ways == ()
    assert needs["task:image"].hours is None
    assert needs["task:image"].gains


def test_a_model_on_this_machine_is_always_a_candidate(configured):
    needs, _ = looked(configured(), list(Capability), chains=False)
    for one in needs.values():
        assert LOCAL in [g.candidate.id for g in one.gains]


def test_a_broken_toolkit_is_named(configured, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "toolkit.json").write_text("{")
    with pytest.raises(BadDataError, match="toolkit"):
        looked(configured())


# -- the journal ------------------------------------------------------------------------------------------------------


BEFORE = NOW.timestamp() - 36_000
"""Ten hours ago."""


def put(folder, model, *answers, at_s=BEFORE, operation=Operation.GENERATE, protocol=Protocol.ANTHROPIC, drill=""):
    """Exchanges, each with the upstream that answered; an empty one: nobody did."""
    journal = Journal.open(folder, at_s, Settings(), lambda _: None)
    usage = Usage(1_000, 100, 400, 0)
    for number, upstream in enumerate(answers):
        ask = Ask(protocol=protocol, operation=operation, method="POST", path="/v1/messages", model=model)
        entry = journal.begin(ask, f"{model}{number}", at_s)
        tried = Try(
            target=Target(upstream or "first", "", protocol),
            model=model,
            operation=operation,
            ok=bool(upstream),
            usage=usage if upstream else Usage(),
            drill=drill,
        )
        journal.tried(entry, 1, tried, at_s)
        journal.ended(entry, "ok" if upstream else "failed", at_s)
    journal.commit(at_s)
    journal.close(at_s + 10)


def test_a_route_is_told_how_much_it_was_used_and_who_answered(configured, tmp_path):
    put(tmp_path / "data" / "journal", "claude-opus-5-5", "first", "first", "second", "")
    needs, risk = looked(configured(CHAINS))
    used = needs["route:anthropic:claude-*"].need.used
    assert (used.asked, used.by) == (4, {"first": 2, "second": 1})
    assert used.hours == pytest.approx(10)
    assert used.tokens.output_tokens == 300
    assert needs["route:openai:house-*"].need.used is None
    assert not any("journal has nothing" in sentence for sentence in risk.unknown)


def test_what_a_stand_in_costs_comes_from_that_use(configured, tmp_path):
    put(tmp_path / "data" / "journal", "claude-opus-5-5", "first", "second", at_s=NOW.timestamp() - 200_000)
    needs, _ = looked(configured(CHAINS))
    costs = {g.candidate.id: g.cost for g in needs["route:anthropic:claude-*"].gains}
    assert costs["gemini"].usd_a_year > costs["gemini"].usd_standing_in > 0
    assert costs["gemini"].usd_a_year_now > 0
    assert costs["upstream:own"] is None


def test_a_few_hours_of_use_say_nothing_of_a_year(configured, tmp_path):
    put(tmp_path / "data" / "journal", "claude-opus-5-5", "first", "second")
    needs, risk = looked(configured(CHAINS))
    assert all(g.cost is None for g in needs["route:anthropic:claude-*"].gains)
    assert any("journal has less than a day" in sentence for sentence in risk.unknown)


def test_what_a_cache_held_is_counted_alike_whoever_answered(tmp_path):
    put(tmp_path / "a", "m", "first")
    put(tmp_path / "b", "m", "first", protocol=Protocol.OPENAI)
    beside, inside = (read_usage(tmp_path / name, NOW).of("m".__eq__).tokens for name in "ab")
    assert (beside.input_tokens, beside.cache_read_tokens) == (1_000, 400)
    assert (inside.input_tokens, inside.cache_read_tokens) == (600, 400)


def test_an_earlier_route_takes_what_it_matches(tmp_path):
    put(tmp_path, "claude-opus", "first")
    usage = read_usage(tmp_path, NOW)
    assert usage.matching("*").asked == 1
    assert usage.matching("*", ("claude-*",)) is None


def test_without_routes_the_models_that_were_asked_most_are_the_needs(configured, tmp_path):
    put(tmp_path / "data" / "journal", "claude-opus-5-5", "anthropic", "anthropic")
    needs, _ = looked(configured(), keys={"ANTHROPIC_API_KEY": "dummy-a", "OPENAI_API_KEY": "dummy-o"})
    assert [name for name in needs if name.startswith("route:")] == ["route:anthropic:claude-opus-5-5"]


def test_lists_of_models_and_drills_are_nothing_that_was_used(tmp_path):
    put(tmp_path / "a", "m", "first", operation=Operation.MODELS)
    put(tmp_path / "b", "m", "first", drill="529")
    assert read_usage(tmp_path / "a", NOW).heaps == read_usage(tmp_path / "b", NOW).heaps == {}


def test_of_a_long_journal_the_newest_is_read_and_that_is_said(tmp_path):
    put(tmp_path, "old", "first", at_s=BEFORE - 90_000)
    put(tmp_path, "new", "first")
    usage = read_usage(tmp_path, NOW, most_bytes=1)
    assert [model for _, model in usage.heaps] == ["new"]
    assert usage.is_cut
    assert not read_usage(tmp_path, NOW).is_cut


def test_a_journal_that_is_none_says_nothing(tmp_path):
    (tmp_path / "x.journal").write_bytes(b"not a journal at all")
    assert read_usage(tmp_path, NOW).heaps == read_usage(tmp_path / "nowhere", NOW).heaps == {}


# -- the database -----------------------------------------------------------------------------------------------------


class Quiet:
    def heard(self, report): ...

    def judged(self, now, changes): ...

    def trouble(self, why):
        raise AssertionError(why)


START = datetime(2026, 4, 7, 12, tzinfo=UTC)


async def watch(path, minutes, down):
    """A monitor that hears a page and a probe each minute; the API is down in the minutes of ``down``."""
    clock = FakeClock(START)
    with open_store(path) as store:
        live = Live(Monitor(profile_of), clock, Quiet(), store)
        for minute in range(minutes):
            at = START + timedelta(minutes=minute)
            clock.set(at)
            about = {"at": at, "service": "claude"}
            bad = minute in down
            live.take(
                [
                    *(Alive(**about, source=source) for source in ("statuspage", "probe")),
                    Declared(**about, source="statuspage", component="api",
                             state=State.MAJOR_OUTAGE if bad else State.OPERATIONAL),
                    *(Outcome(**about, source="probe", layer=layer, component="api", ok=not bad,
                              error="HTTP 500" if bad else None) for layer in (Layer.API_GATEWAY, Layer.INFERENCE)),
                ]
            )  # fmt: skip
            await live.judge(at)
    return START + timedelta(minutes=minutes)


async def test_what_was_seen_of_a_service_and_its_parts_is_read_back(configured):
    config = configured()
    now = await watch(config.database, 200, range(60, 120))
    record = own_record(config, {}, ["claude", "gemini"], now)
    assert Subject("claude", "api") in record
    assert not any(subject.service == "gemini" for subject in record)
    api = record[Subject("claude", "api")]
    watched, down = (sum(b - a for a, b in spans) for spans in (api.watched, api.down))
    assert watched == pytest.approx(200 * 60, abs=600)
    assert down == pytest.approx(60 * 60, abs=1200)
    for begin, end in api.down:
        assert any(a <= begin <= end <= b for a, b in api.watched)


def test_without_a_database_there_is_no_record(configured):
    assert own_record(configured(), {}, ["claude"], NOW) == {}


def test_a_database_that_cannot_be_read_is_named_and_the_rest_goes_on(configured):
    config = configured(CHAINS)
    config.database.parent.mkdir(parents=True)
    config.database.write_bytes(b"no database" * 500)
    record, why = own_record_or_none(config, {}, ["claude"], NOW)
    assert record == {}
    assert why
    needs, risk = looked(config)
    assert needs
    assert any("left out" in sentence for sentence in risk.unknown)


# -- the page's ------------------------------------------------------------------------------------------------------


async def test_an_answer_of_the_page_stands_for_some_minutes(configured, tmp_path):
    clock = FakeClock(NOW)
    assessor = Assessor(configured(), NOWHERE, clock)
    first = assessor(Capability.CODING)
    toolkit(tmp_path, coding=[{"service": "chatgpt"}])
    assert assessor(Capability.CODING) is first
    await clock.advance(STANDS_S)
    assert assessor(Capability.CODING).of("coding").need.services == ("claude", "chatgpt")
