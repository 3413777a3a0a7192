"""The small parts: both IP versions, event streams in pieces, error words, the purse, the plan."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.catalog.load import catalogue
from stillup.daemon import ask
from stillup.model.service import Layer
from stillup.net import Address
from stillup.secret import Secret
from stillup.sources.base import Context, Setting
from stillup.sources.ladder.dial import connect
from stillup.sources.ladder.dialects import DIALECTS, Tally
from stillup.sources.ladder.faults import FOREIGN, Fault, ProxyRefused, Stage, fault_of
from stillup.sources.ladder.ground import Ground
from stillup.sources.ladder.judge import judge
from stillup.sources.ladder.kinds import kind_in, own_fault, provider_fault
from stillup.sources.ladder.options import DEADLINE_ONCE_S, Options
from stillup.sources.ladder.pace import page_pace
from stillup.sources.ladder.plan import Here, here_for, plan_steps
from stillup.sources.ladder.purse import Purse
from stillup.sources.ladder.report import rung_of, signals
from stillup.sources.ladder.result import Climb, Reply
from stillup.sources.ladder.run import Job, run_all
from stillup.sources.ladder.sse import EventReader, Framing
from stillup.sources.ladder.target import parse_target

V4, V6 = Address(socket.AF_INET, "127.0.0.1"), Address(socket.AF_INET6, "::1")
NOW = datetime(2026, 4, 7, 14, 40, tzinfo=UTC)


async def test_when_every_address_fails_the_reason_that_says_most_is_kept(host):
    with pytest.raises(ConnectionRefusedError):
        await connect([V6, V4], host.closed())


async def test_a_dead_address_beside_a_living_one_costs_a_moment_and_nothing_more(host):
    port = await host.says(host.reply())
    dialled = await connect([Address(socket.AF_INET, "127.0.0.2"), V4], port)
    dialled.sock.close()
    assert await dialled.notes() == []


async def test_a_name_without_an_address_is_a_dns_failure():
    with pytest.raises(socket.gaierror):
        await connect([], 80)


def stream_of(lines: list[tuple[str, str]], end: str) -> bytes:
    return "".join(f"event: {name}{end}data: {data}{end}{end}" for name, data in lines).encode()


words = st.text("ab :é", max_size=8)


@settings(max_examples=60)
@given(st.lists(st.tuples(words, words), max_size=4), st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 7))
def test_events_are_the_same_however_the_stream_is_cut_into_pieces(lines, end, size):
    body = stream_of(lines, end) + b"\n"  # a lone CR at the very end waits for its LF
    whole, pieces = EventReader(), EventReader()
    expected = whole.feed(body)
    got = [e for i in range(0, len(body), size) for e in pieces.feed(body[i : i + size])]
    assert got == expected
    assert [(e.name, e.data) for e in got] == lines


@given(st.binary(max_size=300), st.sampled_from(sorted(DIALECTS)))
def test_no_bytes_break_the_reading_of_a_stream(body, name):
    tally = Tally(DIALECTS[name])
    tally.feed(b"data: " + body + b"\n\n" if DIALECTS[name].framing is Framing.EVENTS else body, 1.0)
    tally.end(2.0)
    assert tally.error in {"", *Fault}


FOREIGN_ERRORS = [
    socket.gaierror(socket.EAI_AGAIN, "x"),
    ssl.SSLError(1, "x"),
    ssl.SSLCertVerificationError(1, "x"),
    ssl.SSLEOFError(8, "x"),
    TimeoutError(),
    ConnectionRefusedError(),
    ConnectionResetError(),
    BrokenPipeError(),
    OSError(113, "no route"),
    OSError(),
    h11.RemoteProtocolError("x"),
    ProxyRefused(407),
]


@pytest.mark.parametrize("error", FOREIGN_ERRORS, ids=repr)
@pytest.mark.parametrize("stage", list(Stage))
def test_every_foreign_exception_has_a_word_at_every_stage(error, stage):
    assert isinstance(error, FOREIGN)
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "self-signed certificate"
    assert fault_of(error, stage).split(":")[0] in set(Fault)


def test_a_broken_record_after_the_handshake_is_a_broken_connection():
    assert fault_of(ssl.SSLError(1, "x"), Stage.HTTP) == "reset"


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_body_breaks_the_reading_of_an_error(body, status):
    assert kind_in(body) is None or kind_in(body) in Fault
    assert own_fault(status, body) is None or status < 500
    assert provider_fault(status, body)


replies = st.builds(
    Reply,
    status=st.integers(100, 599),
    ms=st.floats(0, 1e4),
    headers=st.dictionaries(st.sampled_from(["content-type", "cf-mitigated"]), st.text(max_size=10)),
    body=st.binary(max_size=50),
    is_whole=st.booleans(),
    fault=st.sampled_from(["", "timeout", "stream_cut"]),
    first_token_ms=st.none() | st.floats(0, 1e4),
    is_stream_whole=st.booleans(),
    stream_error=st.sampled_from(["", "overloaded"]),
)
climbs = st.builds(
    Climb, stage=st.sampled_from(Stage), fault=st.just("timeout"), reply=st.none(), total_ms=st.floats(0, 1e4)
) | st.builds(Climb, stage=st.just(Stage.HTTP), reply=replies)


@given(climbs, st.sampled_from(["edge", "sign_in", "api_auth", "inference"]))
def test_a_climb_is_never_blamed_on_this_machine_and_a_5xx_is_never_up(climb, name):
    claude = catalogue()["claude"]
    ctx = Context(now=NOW, service=claude, setting=Setting(key=Secret("k")))
    step = next(s for s in plan_steps(ctx, Options(), Here()).steps if s.id == name)
    finding = judge(step, climb)
    assert finding.facts
    assert all(f.layer is not Layer.LOCAL for f in finding.facts)
    assert (Layer.NETWORK in {f.layer for f in finding.facts}) == (climb.reply is None and climb.stage is Stage.PROXY)
    is_wall = climb.reply is not None and climb.reply.headers.get("cf-mitigated") == "challenge"
    if climb.reply is not None and climb.reply.status >= 500 and not is_wall:
        assert finding.facts[-1].error in ("server_error", "overloaded")


def test_every_reading_of_the_shipped_ladder_has_distinct_ids_short_enough_for_a_line():
    claude = catalogue()["claude"]
    plan = plan_steps(Context(now=NOW, service=claude, setting=Setting(key=Secret("k"))), Options(), Here())
    rungs = [rung_of(step, [Climb(stage=Stage.TCP, fault="refused")] * 3) for step in plan.steps]
    ids = [s.id for s in signals("claude", NOW.replace(microsecond=1), Ground.NONE, [], rungs) if s.id]
    assert len(set(ids)) == len(ids) == 3 * len(plan.steps)
    assert max(map(len, ids)) <= 80


def test_every_service_of_the_catalogue_can_be_planned():
    for service in catalogue().values():
        plan = plan_steps(Context(now=NOW, service=service, setting=Setting()), Options(), Here())
        assert all(step.ask.target.is_tls for step in plan.steps)


def test_the_probe_ends_well_before_the_look_it_is_part_of():
    assert DEADLINE_ONCE_S + 0.1 < ask.DEADLINE_S


def test_the_pace_of_a_person_fits_into_the_deadline():
    pace = page_pace(None, once=True)
    assert (pace.tries, pace.patience_s, pace.overlap_s) == (3, 1.8, 0.48)
    assert pace.cutoff_s < DEADLINE_ONCE_S
    last_start_s = (pace.tries - 1) * (pace.overlap_s or 0.0)
    assert pace.cutoff_s - last_start_s >= pace.least_s


class Naps:
    """A clock that stands still and writes down what it was asked to wait."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    def now(self) -> datetime:
        return NOW

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)


@pytest.mark.parametrize(
    ("results", "tries", "naps"),
    [("x", 3, 2), ("xo", 2, 1), ("o", 1, 0), ("n", 0, 0), ("xn", 1, 1)],
)
async def test_tries_go_on_a_pause_apart_until_one_settles_it_or_none_may_be_made(results, tries, naps):
    made = iter(results + results[-1] * 3)

    async def attempt(_patience_s: float) -> Climb | None:
        result = next(made)
        return None if result == "n" else Climb(fault="" if result == "o" else "refused")

    clock, job = Naps(), Job(attempt, lambda climb: not climb.fault, page_pace(None, once=True))
    await run_all([job], 2.5, clock)
    assert (len(job.climbs), clock.naps) == (tries, [0.25] * naps)


async def test_a_mistake_of_ours_in_one_try_is_not_swallowed():
    async def attempt(_patience_s: float) -> Climb | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_all([Job(attempt, lambda _: True, page_pace(None, once=True))], 2.5, Naps())


def test_a_purse_starts_anew_at_midnight_and_keeps_services_apart():
    purse, midnight = Purse(), NOW.replace(hour=0, minute=0) + timedelta(days=1)
    assert purse.spend("a", 0.03, 0.05, NOW)
    assert not purse.spend("a", 0.03, 0.05, NOW)
    assert purse.spend("b", 0.03, 0.05, NOW)
    assert purse.why_not("a", 0.03, 0.05, midnight) == "spread over the day to stay under its cap"
    assert purse.why_not("a", 0.03, 0.05, midnight + timedelta(hours=12)) == ""


@given(st.lists(st.tuples(st.integers(0, 3 * 1440), st.floats(0.001, 0.1)), max_size=30))
def test_a_day_never_costs_more_than_its_cap(tries):
    purse, spent = Purse(), {}
    for minute, cost in sorted(tries):
        at = NOW + timedelta(minutes=minute)
        if purse.spend("a", cost, 0.1, at):
            spent[at.date()] = spent.get(at.date(), 0.0) + cost
    assert all(total <= 0.1 + 1e-9 for total in spent.values())


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://acme.test", "acme.test", "/"),
        ("https://acme.test:8443/a b?c=d e#f", "acme.test:8443", "/a%20b?c=d%20e"),
        ("http://[::1]:80/", "[::1]", "/"),
        ("https://bücher.test/ü", "xn--bcher-kva.test", "/%C3%BC"),
    ],
)
def test_addresses_are_read_and_written_safely(url, authority, path):
    target = parse_target(url, "it")
    assert (target.authority, target.path) == (authority, path)


def test_of_the_environment_only_the_ladders_own_keys_are_kept_and_nothing_shows_them():
    claude = catalogue()["claude"]
    env = {"ANTHROPIC_API_KEY": "sk-hush ", "AWS_SECRET_ACCESS_KEY": "aws-hush", "HTTPS_PROXY": "http://me:pw-hush@p"}
    here = here_for(claude, env, {"https": "http://me:pw-hush@proxy.invalid:3128"})
    assert dict(here.keys) == {"ANTHROPIC_API_KEY": Secret("sk-hush")}
    assert "hush" not in repr(here)
    assert "hush" not in repr(plan_steps(Context(now=NOW, service=claude, setting=Setting()), Options(), here))
