"""What gateways of a cluster say of their chains, how several are taken together, and what is refused of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from stillup.bus.base import Entry
from stillup.config import parse_config
from stillup.daemon.drill.practice import Practising
from stillup.daemon.gateway_facts import Facts, facts_of, pack, unpack, with_faults
from stillup.daemon.gateways import Heard, chains_of, differing, says, seating_of
from stillup.daemon.risk.assess import assess
from stillup.daemon.risk.used import Heap, Reading, Usage
from stillup.daemon.roles.facts import GatewaysHeard
from stillup.errors import BadDataError, StoreError
from stillup.gateway.faults.drill import DrillStatus
from stillup.gateway.plan import resolve
from stillup.risk.need import Tokens
from stillup.risk.points import What
from stillup.risk.values import Subject
from stillup.testing import FakeClock
from tests.daemon.test_risk import CHAINS, KEYS, NOWHERE, put

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PLAN = resolve(parse_config(CHAINS), KEYS)
OTHER = resolve(parse_config(CHAINS.replace('"first", "second/gpt-6.2-sol", "box/qwen"', '"second/gpt-6.2-sol"')), KEYS)
NAMELESS = resolve(parse_config(CHAINS[: CHAINS.index("[[gateway.routes]]")]), KEYS)
SECRET = "claude-opus write to bob@example.com"


def usage(*asked: tuple[str, int], hours: float = 48.0) -> Usage:
    heaps = {("anthropic", name): Heap(n, Counter(first=n), Tokens(answers=n)) for name, n in asked}
    return Usage(hours=hours, heaps=heaps)


def facts(plan=PLAN, used=None, journal="j1", **rest) -> Facts:
    return replace(facts_of(plan, used or usage(("claude-sonnet-4-5", 10)), journal, ("claude", "chatgpt")), **rest)


class Said:
    """Gateways as they were heard."""

    def __init__(self, *heard, is_there=True):
        self.all, self.is_there = heard, is_there

    def heard(self):
        return self.all


def looked(tmp_path, gateways, environ=NOWHERE):
    config = parse_config(f'data = "{tmp_path}"')
    risk = assess(config, environ, NOW, gateways=gateways)
    return {one.need.title: one for one in risk.surveyed if one.need.id.startswith("route:")}, risk.unknown


# -- one gateway ------------------------------------------------------------------------------------------------------


def test_a_gateway_says_its_chains_and_how_much_each_was_used_and_a_page_reads_the_same():
    told = facts()
    assert unpack(pack(told)) == told
    claude = next(need for need in told.needs if need.id == "route:anthropic:claude-*")
    assert [way.name for way in claude.ways] == ["first", "second", "box"]
    assert (claude.used.asked, claude.used.by) == (10, {"first": 10})
    assert {s.service for s in told.seats} == {"claude", "chatgpt", "box", "own"}


@pytest.mark.parametrize("plan", [PLAN, NAMELESS])
def test_no_key_no_user_and_no_name_that_only_a_client_knows_is_told(plan):
    played = DrillStatus(upstream="first", mode="hang", left_s=60, by="ann-the-user")
    told = pack(
        with_faults(facts(plan, usage((SECRET, 5), ("my-words-42", 9), ("claude-sonnet-4-5", 1))), [played], NOW)
    )
    for word in (*KEYS.values(), "bob@example.com", "my-words-42", "ann-the-user"):
        assert word.encode() not in told


def test_a_key_that_lies_in_a_file_is_told_by_the_files_name_alone():
    config = parse_config(CHAINS)
    (known, *more) = PLAN.known
    plan = replace(PLAN, known=(replace(known, key_from="/home/ann/keys/first.key"), *more))
    told = facts_of(plan, usage(), "", config.services)
    assert told.needs[0].ways[0].key == "first.key"


# -- what is refused ---------------------------------------------------------------------------------------------------


def raw(**change) -> bytes:
    told = msgspec.to_builtins(facts())
    for path, value in change.items():
        at = told
        *way, last = [int(p) if p.isdigit() else p for p in path.split("__")]
        for step in way:
            at = at[step]
        at[last] = value
    return msgspec.msgpack.encode(told)


@pytest.mark.parametrize(
    "value",
    [
        b"", b"\xc1", b"\x91" * 5_000, b"x" * 200_000,
        raw(needs__0__title="x" * 301),
        raw(needs__0__id="route:no-protocol:x"),
        raw(needs__0__id="task:coding"),
        raw(needs__0__kind="task"),
        raw(needs__0__used__asked=-1),
        raw(needs__0__used__hours=float("nan")),
        raw(needs__0__used__by={f"u{n}": 1 for n in range(201)}),
        raw(needs__0__used__tokens__input_tokens=10**18),
        raw(needs=[msgspec.to_builtins(facts().needs[0])] * 11),
        raw(needs__0__ways=[msgspec.to_builtins(facts().needs[0].ways[0])] * 21),
        raw(upstreams__0__subject="claude"),
        raw(seats__0__clouds=["x" * 400]),
    ],
)  # fmt: skip
def test_what_is_beyond_a_bound_is_refused_whole(value):
    with pytest.raises(BadDataError):
        unpack(value)


def test_a_word_that_cannot_be_read_is_said_once_and_hides_no_other():
    said = []
    heard = GatewaysHeard(None, said.append)
    heard.take(Entry("gw-a.1f", pack(facts()), 1))
    for revision in (2, 3):
        heard.take(Entry("gw-b.2f", b"\xc1", revision))
    assert [one.name for one in heard.heard()] == ["gw-a"]
    assert len(said) == 1
    heard.take(Entry("gw-a.1f", None, 4))
    assert heard.heard() == ()


# -- several ----------------------------------------------------------------------------------------------------------


def test_replicas_with_the_same_routes_are_one_chain_with_what_passed_through_all_of_them(tmp_path):
    a, b = facts(), facts(used=usage(("claude-opus-4-5", 30), hours=9.0), journal="j2")
    needs, unknown = looked(tmp_path, Said(Heard("gw-a", a), Heard("gw-b", b)))
    used = needs["claude-* through the gateway"].need.used
    assert (used.asked, used.hours, used.by) == (40, 48.0, {"first": 40})
    assert not any("differ" in sentence for sentence in unknown)


def test_a_journal_that_two_gateways_read_is_counted_once():
    (claude, *_) = chains_of([Heard("gw-a", facts()), Heard("gw-b", facts())])
    assert claude.used.asked == 10


def test_gateways_that_differ_are_told_apart(tmp_path):
    heard = [Heard("gw-a", facts()), Heard("gw-b", facts(OTHER)), Heard("gw-c", facts())]
    assert differing(heard) == [("gw-a", "gw-c"), ("gw-b",)]
    needs, unknown = looked(tmp_path, Said(*heard))
    assert needs["gw-b: claude-* through the gateway"].need.services == ("chatgpt",)
    assert len(needs["gw-a, gw-c: claude-* through the gateway"].need.services) == 3
    alone = {point.what for point in needs["gw-b: claude-* through the gateway"].points}
    both = {point.what for point in needs["gw-a, gw-c: claude-* through the gateway"].points}
    assert (What.MACHINE in alone, What.MACHINE in both) == (True, False)
    assert any("Gateways differ in their chains (gw-a, gw-c; gw-b)" in sentence for sentence in unknown)


def test_gateways_whose_clients_ask_for_different_models_do_not_differ():
    a = facts(NAMELESS, usage(("claude-sonnet-4-5", 3)))
    b = facts(NAMELESS, usage(("gpt-5", 3)))
    assert len(differing([Heard("a", a), Heard("b", b)])) == 1
    assert not any(":" in need.title for need in chains_of([Heard("a", a), Heard("b", b)]))


def test_without_any_gateway_the_page_says_that_it_cannot_know(tmp_path):
    needs, unknown = looked(tmp_path, Said(is_there=False), NOWHERE | {"ANTHROPIC_API_KEY": "dummy-a"})
    assert needs == {}
    assert any("No gateway of this cluster says what its chains are" in sentence for sentence in unknown)
    assert any("The bus does not answer" in sentence for sentence in unknown)


def test_keys_in_a_pages_own_environment_are_nobodys(tmp_path):
    keys = NOWHERE | {"MISTRAL_API_KEY": "dummy-m"}
    needs, _ = looked(tmp_path, Said(Heard("gw-a", facts())), keys)
    found = {g.candidate.id: g.candidate for g in needs["house-* through the gateway"].gains}
    assert not found["mistral"].ready
    assert found["upstream:first"].ready
    assert found["upstream:first"].subject == Subject("claude", "api")


def test_what_no_journal_counted_and_what_nobody_watches_is_said():
    told = list(says([Heard("gw-a", facts(journal="")), Heard("gw-b", facts(chains=30))], is_there=True))
    assert any("At gw-a no journal is kept" in sentence for sentence in told)
    assert any("Of up to 30 chains" in sentence for sentence in told)


# -- drills -----------------------------------------------------------------------------------------------------------


def test_a_fault_that_a_gateway_plays_shows_until_its_end_and_drills_are_about_the_gateways_upstreams(tmp_path):
    played = with_faults(facts(), [DrillStatus(upstream="first", mode="hang", left_s=30)], NOW)
    gateways, clock = Said(Heard("gw-a", played), Heard("gw-b", facts())), FakeClock(NOW)
    config = parse_config(f'data = "{tmp_path}"')
    risk = assess(config, NOWHERE, NOW, gateways=gateways)
    practising = Practising(config, {}, clock, gateways=gateways, risk=lambda: risk)
    assert "At gw-a, first fails with hang for 30 s more. Real requests meet it" in practising.now()
    assert seating_of(gateways.heard()).first == "first"
    assert {"own", "box"} & {play.name for play in practising.book().plan.left_out + practising.book().plan.plays}
    clock.set(NOW + timedelta(seconds=31))
    assert practising.now() == ""


# -- the journal ------------------------------------------------------------------------------------------------------


def test_a_journal_that_grows_is_counted_anew_and_what_is_older_than_a_month_no_more(tmp_path):
    folder = tmp_path / "journal"
    reading = Reading(folder, most_age=timedelta(days=30))
    assert reading.look(NOW).heaps == {}
    put(folder, "claude-sonnet-4-5", "first", "first", at_s=(NOW - timedelta(days=40)).timestamp())
    put(folder, "claude-opus-4-5", "first", at_s=(NOW - timedelta(days=2)).timestamp())
    for _ in range(2):
        found = reading.look(NOW)
        assert {name: heap.asked for (_, name), heap in found.heaps.items()} == {"claude-opus-4-5": 1}
        assert found.hours == pytest.approx(48)
    put(folder, "claude-opus-4-5", "first", at_s=(NOW - timedelta(days=1)).timestamp())
    assert reading.look(NOW).heaps["anthropic", "claude-opus-4-5"].asked == 2


def test_a_gateway_that_ends_while_its_journal_is_read_does_not_wait_for_the_rest(tmp_path):
    folder, asked = tmp_path / "journal", []
    put(folder, "claude-sonnet-4-5", *["first"] * 120, at_s=(NOW - timedelta(days=1)).timestamp())

    def ends():
        asked.append(1)
        if len(asked) == 2:
            msg = "the gateway ends"
            raise StoreError(msg)

    assert Reading(folder, pause=ends).look(NOW).trouble == "the gateway ends"
    assert len(asked) == 2
