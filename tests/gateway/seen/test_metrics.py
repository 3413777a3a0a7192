"""The metrics: everything a request does is counted once, and names that clients make up never become labels."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation, Protocol
from stillup.gateway.seen import Ending, Labels
from stillup.gateway.seen.metrics import FIRST_TOKEN_S, Histogram

from .conftest import CLAUDE, KEY, MISTRAL, PROMPT, USAGE, Told, ask, try_


def read(seen):
    """Every sample of a rendering, by name and labels."""
    families = text_string_to_metric_families(seen.render().decode())
    return {
        (s.name.removeprefix("stillup_gateway_"), *sorted(s.labels.items())): s.value
        for f in families
        for s in f.samples
    }


def value(seen, name, **labels):
    return read(seen).get((name, *sorted(labels.items())))


CLAUDES = {"upstream": "anthropic", "model": "claude-opus-4-5"}


async def test_an_answered_request_is_counted_with_its_time_tokens_and_cost(told):
    one = told(price=lambda model, usage: 0.25)
    await one.request(try_(usage=USAGE), first_token_s=0.4)
    whole = {"protocol": "anthropic", "operation": "generate", "outcome": "answered"} | CLAUDES
    assert value(one.seen, "requests_total", **whole) == 1
    assert value(one.seen, "tries_total", fault="none", **CLAUDES) == 1
    assert value(one.seen, "first_token_seconds_sum", **CLAUDES) == pytest.approx(0.4)
    assert value(one.seen, "first_token_seconds_bucket", le="0.35", **CLAUDES) == 0
    assert value(one.seen, "first_token_seconds_bucket", le="0.5", **CLAUDES) == 1
    assert value(one.seen, "total_seconds_sum", **CLAUDES) == pytest.approx(3.0)
    kinds = {"input": 10, "output": 20, "cache_read": 1_000, "cache_write": 5}
    assert {k: value(one.seen, "tokens_total", kind=k, **CLAUDES) for k in kinds} == kinds
    assert value(one.seen, "cost_usd_total", **CLAUDES) == 0.25
    assert value(one.seen, "in_flight", protocol="anthropic") == 0
    assert one.seen.spent_usd() == {"anthropic/claude-opus-4-5": 0.25}


async def test_a_rerouted_request_names_who_failed_why_and_who_answered(told):
    one = told()
    await one.request(try_(Fault.OVERLOADED, usage=USAGE), try_(target=MISTRAL, model="mistral-large", usage=USAGE))
    assert value(one.seen, "tries_total", fault="overloaded", **CLAUDES) == 1
    assert value(one.seen, "reroutes_total", upstream="anthropic", reason="overloaded") == 1
    mistrals = {"upstream": "mistral", "model": "mistral-large"}
    assert value(one.seen, "tokens_total", kind="input", **mistrals) == 10
    assert value(one.seen, "tokens_total", kind="input", **CLAUDES) is None  # failed tries are not usage


async def test_a_broken_answers_tokens_are_counted_for_they_are_paid_for(told):
    one = told()
    broken = try_(Fault.CUT, usage=USAGE)
    await one.request(broken, ending=Ending.BROKEN, by=broken)
    assert value(one.seen, "tokens_total", kind="output", **CLAUDES) == 20


async def test_a_refused_request_reached_nobody(told):
    one = told()
    await one.request(ending=Ending.REFUSED, status=404, asked=ask(model=""))
    labels = {"protocol": "anthropic", "operation": "generate", "upstream": "none", "model": "", "outcome": "refused"}
    assert value(one.seen, "requests_total", **labels) == 1


async def test_a_hedge_is_counted_for_who_was_asked_beside_and_the_slower_one_was_given_up(told):
    one = told()
    passage = one.seen.begin(ask(), "r1")
    one.seen.hedged(passage, MISTRAL)
    one.seen.tried(passage, try_(target=MISTRAL, model="mistral-large"))
    one.seen.tried(passage, try_(ok=False))
    one.seen.ended(passage, Ending.ANSWERED, status=200)
    assert value(one.seen, "hedges_total", upstream="mistral") == 1
    assert value(one.seen, "tries_total", fault="given_up", **CLAUDES) == 1


async def test_only_what_generates_has_times_of_answers(told):
    one = told()
    await one.request(try_(operation=Operation.MODELS), asked=ask(operation=Operation.MODELS))
    assert value(one.seen, "total_seconds_count", **CLAUDES) == 0


def test_what_others_count_is_asked_when_the_metrics_are(told):
    one = told()
    states = [("anthropic", "claude-opus-4-5", "open")]
    one.seen.show(breakers=lambda: states, journal=lambda: (1_234, 1))
    assert value(one.seen, "breaker", state="open", **CLAUDES) == 1
    assert value(one.seen, "journal_bytes_total") == 1_234
    assert value(one.seen, "journal_errors_total") == 1
    states[:] = [("anthropic", "claude-opus-4-5", "closed")]
    assert value(one.seen, "breaker", state="open", **CLAUDES) is None
    assert value(one.seen, "breaker", state="closed", **CLAUDES) == 1


async def test_no_key_and_no_content_is_ever_in_them(told):
    one = told()
    await one.request(try_())
    text = one.seen.render().decode()
    assert KEY not in text
    assert PROMPT not in text


# -- names ------------------------------------------------------------------------------------------------------------


async def test_ten_thousand_made_up_models_are_one_label(told):
    one = told()
    for n in range(10_000):
        passage = one.seen.begin(ask(model=f"made-up-{n}"), "r")
        one.seen.tried(passage, try_(model=f"made-up-{n}"))
        one.seen.ended(passage, Ending.ANSWERED)
    assert {dict(key[1:])["model"] for key in read(one.seen) if key[0] == "requests_total"} == {"other"}


@given(st.lists(st.text(max_size=40), max_size=60))
def test_labels_are_known_names_configured_names_or_other(models):
    labels = Labels({"known": "the-known"}.get, ["configured", "konfiguriert/ä"])
    assert {labels.of(m) for m in [*models, "known", "configured"]} <= {
        "", "other", "the-known", "configured", "konfiguriert/ä",
    }  # fmt: skip


def test_a_name_of_a_megabyte_is_not_looked_up():
    def look_up(_name):
        raise AssertionError

    assert Labels(look_up).of("x" * 1_000_000) == "other"


# -- sums -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 100), max_size=50))
def test_a_histograms_buckets_are_cumulative_and_hold_every_number_once(numbers):
    histogram = Histogram(FIRST_TOKEN_S)
    for number in numbers:
        histogram.observe(number)
    buckets = histogram.buckets()
    assert all(a[1] <= b[1] for a, b in pairwise(buckets))
    assert buckets[-1] == ("+Inf", float(len(numbers)))
    for bound, count in buckets[:-1]:
        assert count == sum(n <= float(bound) for n in numbers)


ENDINGS = st.sampled_from(list(Ending))
PROTOCOLS = st.sampled_from([Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.GEMINI])


@given(st.lists(st.tuples(PROTOCOLS, ENDINGS, st.lists(st.sampled_from([None, *Fault]), max_size=3)), max_size=20))
def test_what_is_rendered_adds_up_to_what_was_told(requests):
    one = Told()
    for protocol, ending, faults in requests:
        passage = one.seen.begin(ask(protocol=protocol), "r")
        for fault in faults:
            one.seen.tried(passage, try_(fault, target=CLAUDE))
        one.seen.ended(passage, ending)
    samples = read(one.seen)
    assert sum(v for key, v in samples.items() if key[0] == "requests_total") == len(requests)
    assert sum(v for key, v in samples.items() if key[0] == "tries_total") == sum(len(f) for *_, f in requests)
    assert all(v == 0 for key, v in samples.items() if key[0] == "in_flight")
