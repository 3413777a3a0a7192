"""The diagnosis: which class and layer, why, and what it must never conclude."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog.load import catalogue
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Family, Layer, OutageClass, Problem, State
from stillup.model.signal import Declared
from stillup.model.verdict import Verdict
from stillup.verdict.diagnosis.cues import CUES, cues_in
from stillup.verdict.diagnosis.diagnose import Scene, Upstream, diagnose, explain, layers, observe, upstreams
from stillup.verdict.diagnosis.likelihoods import CLASSES, PRIOR, RHO, TABLE, WHERE, Group
from stillup.verdict.monitor import Monitor, bases_first
from stillup.verdict.settings import Profile

DOCS = Path(__file__).parents[2] / "docs" / "diagnosis.md"
SEEN = st.dictionaries(st.sampled_from(sorted(TABLE)), st.booleans(), max_size=8)


def alarm(family=Family.CROWD, parts=(), **rest):
    components = tuple((part, State.PARTIAL_OUTAGE) for part in parts)
    return Evidence(family=family, standing=Standing.ALARM, components=components, **rest)


def first(found):
    return found[0].class_.value


def p_of(found, of):
    return next((d.p for d in found if d.class_.value == of), 0.0)


# -- the table -------------------------------------------------------------------------------------------------------


def test_every_entry_is_a_probability_that_leaves_room_for_doubt():
    for name, row in TABLE.items():
        assert len(row.seen) == len(CLASSES), name
        assert all(0.0 < p < 1.0 for p in row.seen), name
        assert row.words, name
    assert sum(PRIOR.values()) == pytest.approx(1.0)
    assert RHO.keys() == set(Group)
    assert all(sum(row) == pytest.approx(1.0) for row in WHERE.values())
    assert WHERE.keys() == set(OutageClass)


def test_no_two_observations_are_called_the_same():
    words = [w for row in TABLE.values() for w in (row.words, row.unseen_words) if w]
    assert len(words) == len(set(words))


def test_every_cue_and_problem_is_a_row_of_the_table():
    assert CUES.keys() <= TABLE.keys()
    for problem in Problem:
        assert observe([alarm(problems=(problem.value,))], Scene()).keys() <= TABLE.keys()


# -- one class after another -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "of", "layer"),
    [
        ({"sign_in": True, "api_works": True}, "authentication", "auth"),
        ({"overloaded": True, "slow": True}, "api_overload", "api_gateway"),
        ({"one_model": True, "stream_cut": True}, "model_infrastructure", "inference"),
        ({"history": True, "sign_in": False, "api_works": True}, "database", "database"),
        ({"app_crash": True, "api_works": True}, "presentation", "presentation"),
        ({"connection": True, "few_regions": True, "try_edge": True}, "network_regional", "network"),
        ({"says_upstream": True, "api_works": False}, "dependency", None),
        ({"server_error": True, "says_model": False}, "unknown", None),
    ],
)
def test_each_class_has_a_picture_that_gives_it_away(seen, of, layer):
    found = explain(seen)[0]
    assert (found.class_.value, found.layer and found.layer.value) == (of, layer)
    assert found.for_ or of == "unknown"


def test_the_api_answers_and_sign_in_fails_is_not_the_models():
    crowd = alarm(problems=("sign_in",), parts=("web",))
    found = diagnose([crowd], scene=Scene(api_works=True, layers={Layer.AUTH: False, Layer.API_GATEWAY: True}))
    assert first(found) == "authentication"
    assert p_of(found, "model_infrastructure") < 0.03
    assert found[0].p > 0.8
    assert found[0].for_[:2] == ("sign-in fails", "the sign-in page fails")


def test_nothing_seen_is_unknown_and_no_alarm_is_no_diagnosis():
    assert [(d.class_, d.layer, d.p) for d in diagnose([alarm()])] == [(OutageClass.UNKNOWN, None, 1.0)]
    assert diagnose([Evidence(family=Family.CROWD, standing=Standing.CALM)]) == ()


def test_what_contradicts_itself_is_not_clear():
    found = explain({"sign_in": True, "overloaded": True, "app_crash": True, "history": True})
    assert found[0].p < 0.5
    assert p_of(found, "unknown") > 0.15


def test_the_old_call_still_works():
    web = alarm(Family.OFFICIAL, parts=("web",), note="Login problems")
    assert first(diagnose([web], api_answers=True)) == "authentication"


# -- seen, looked for and not seen, not looked for -------------------------------------------------------------------


def test_what_was_looked_for_and_is_not_there_speaks_too():
    working = p_of(explain({"try_inference": False, "slow": True}), "model_infrastructure")
    untried = p_of(explain({"slow": True}), "model_infrastructure")
    failing = p_of(explain({"try_inference": True, "slow": True}), "model_infrastructure")
    assert working < untried < failing


def test_people_who_say_what_is_wrong_and_not_sign_in_speak_against_it():
    assert observe([alarm(problems=("slow",))], Scene())["sign_in"] is False
    assert "sign_in" not in observe([alarm()], Scene())
    assert "sign_in" not in observe([alarm(Family.OFFICIAL, problems=("slow",))], Scene())


def test_five_things_that_people_say_together_are_not_five_proofs():
    problems = ("no_response", "server_error", "slow", "stream_cut", "overloaded")
    assert diagnose([alarm(problems=problems)])[0].p < 0.8
    alone = explain({"overloaded": True})
    both = explain({"overloaded": True, "slow": True})
    gain = both[0].p / (1 - both[0].p) / (p_of(alone, "api_overload") / (1 - p_of(alone, "api_overload")))
    row = TABLE["slow"]
    assert gain < row.p(OutageClass.API_OVERLOAD) / row.p(OutageClass.UNKNOWN)


def test_parts_regions_and_models_become_observations():
    page = alarm(Family.OFFICIAL, parts=("web",), models=("opus",), regions=("US-CA", "US-IL"))
    seen = observe([page], Scene(api_works=True, components=("web", "api")))
    assert seen == {"api_works": True, "one_model": True, "everything": False, "few_regions": True}
    everywhere = observe([alarm(parts=("web", "api"), regions=("US", "FR", "JP"))], Scene(components=("web", "api")))
    assert everywhere == {"api_works": False, "everything": True}


def test_a_model_that_is_tried_alone_or_fails_with_what_all_models_share_is_not_only_some_models():
    tries = alarm(Family.PROBE, parts=("api",), models=("haiku",))
    page = alarm(Family.OFFICIAL, parts=("api",), models=("haiku",))
    fails, fine = {Layer.INFERENCE: False}, {Layer.INFERENCE: False, Layer.API_GATEWAY: True}
    shared = {Layer.INFERENCE: False, Layer.AUTH: False}
    assert "one_model" not in observe([tries], Scene(layers=fails))
    assert observe([tries], Scene(layers=fine, models_work=("opus",)))["one_model"]
    assert observe([page], Scene())["one_model"]
    assert "one_model" not in observe([page], Scene(layers=shared, models_work=("opus",)))
    assert "one_model" not in observe([page, alarm(Family.TRAFFIC, parts=("code",))], Scene())
    assert observe([page, alarm(Family.CROWD, parts=("code",))], Scene())["one_model"]


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Users cannot log in", {"sign_in", "says_auth"}),
        ("Elevated errors on Opus 4.6", {"server_error", "says_model"}),
        ("Past conversations missing", {"history"}),
        ("Our upstream provider has an outage", {"says_upstream", "no_response"}),
        ("Packet loss in one region", {"connection", "says_network"}),
        ("Requests are queued: we are at capacity", {"overloaded", "says_load"}),
        ("The desktop app crashes on launch", {"app_crash", "says_interface"}),
    ],
)
def test_the_words_of_a_page_are_read(text, seen):
    assert {name for name, is_seen in cues_in(text).items() if is_seen} == seen


def test_what_is_said_to_be_spared_is_no_symptom():
    seen = cues_in("Sign-in fails on the web. The API is not affected. Models remain available.")
    assert seen["api_works"]
    assert seen["sign_in"]
    assert not seen["says_model"]


def test_a_providers_own_name_names_no_provider():
    assert "says_upstream" in cues_in("Errors on Cloudflare Pages")
    assert "says_upstream" not in cues_in("Errors on Cloudflare Pages", ("Cloudflare",))


def test_no_text_is_no_observation():
    assert cues_in("") == {}


@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    assert cues_in(text).keys() <= TABLE.keys()


def test_a_hostile_text_is_read_in_bounded_time():
    assert cues_in("chats " * 200_000).keys() <= TABLE.keys()


# -- dependencies ----------------------------------------------------------------------------------------------------


def test_a_dependency_that_is_down_is_the_likeliest_cause():
    found = explain({"no_response": True}, (Upstream("cloudflare", 0.9, 0.97), Upstream("aws", 0.7, 0.02)))
    assert first(found) == "dependency"
    assert found[0].for_ == ("cloudflare is down too (97 % sure)",)
    assert explain({}, (Upstream("cloudflare", 0.9, 0.97),))[0].class_ is OutageClass.DEPENDENCY


def test_dependencies_that_work_speak_against_it():
    cue = {"says_upstream": True}
    unknown, healthy = explain(cue), explain(cue, (Upstream("cloudflare", 0.9, 0.001), Upstream("aws", 0.7, 0.001)))
    assert p_of(healthy, "dependency") < p_of(unknown, "dependency")
    blamed = next(d for d in healthy if d.class_ is OutageClass.DEPENDENCY)
    assert blamed.against == ("cloudflare, aws work",)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1))
def test_the_surer_a_dependency_is_down_or_is_one_the_likelier_it_is_the_cause(down, more, confidence):
    low, high = sorted((down, more))
    seen = {"no_response": True}
    chance = [p_of(explain(seen, (Upstream("x", confidence, p),)), "dependency") for p in (low, high)]
    assert chance[0] <= chance[1] + 1e-9


def test_what_is_known_of_dependencies_comes_from_the_verdicts_on_them():
    at = datetime(2026, 4, 7, tzinfo=UTC)
    known = {
        "aws": Verdict(at=at, service="aws", state=State.MAJOR_OUTAGE, probability=0.9),
        "cloudflare": Verdict(at=at, service="cloudflare", state=State.DEGRADED, probability=0.9),
        "github": Verdict(at=at, service="github", state=State.OPERATIONAL, probability=0.3),
        "gcp": Verdict(at=at, service="gcp", state=State.UNKNOWN, probability=0.1),
    }
    depends = [(service, 0.5) for service in (*known, "azure")]
    assert upstreams(depends, known.get) == (
        Upstream("aws", 0.5, 0.9),
        Upstream("cloudflare", 0.5, 0.45),
        Upstream("github", 0.5, 0.01),
    )


@pytest.mark.parametrize("service", ["assistant", "zebra"])
def test_a_dependency_that_is_found_down_in_the_same_minute_counts_already(service):
    monitor = Monitor(lambda s: Profile(service=s, dependencies=() if s == "cloud" else (("cloud", 0.9),)))
    at = datetime(2026, 4, 7, tzinfo=UTC)
    changes = monitor.step(
        at + timedelta(minutes=1),
        [Declared(at=at, service=s, source="statuspage", state=State.MAJOR_OUTAGE) for s in (service, "cloud")],
    )
    assert [c.service for c in changes] == sorted((service, "cloud"))
    found = next(c.diagnosis for c in changes if c.service == service)
    assert found[0].class_ is OutageClass.DEPENDENCY
    assert found[0].for_[0].startswith("cloud is down too")


@given(st.dictionaries(st.sampled_from("abcdefg"), st.sets(st.sampled_from("abcdefgh")), max_size=7))
def test_what_a_service_stands_on_is_judged_before_it_and_circles_do_no_harm(depends):
    edges = {name: [(d, 0.5) for d in sorted(below)] for name, below in depends.items()}
    order = bases_first(edges)
    assert sorted(order) == sorted(depends)

    def reached(name, seen):
        for below in depends.get(name, set()) - seen:
            seen.add(below)
            reached(below, seen)
        return seen

    for name, below in depends.items():
        for base in below & set(order):
            if name not in reached(base, set()):
                assert order.index(base) < order.index(name)


def test_an_api_that_nobody_looked_at_does_not_fail():
    web = alarm(Family.OFFICIAL, parts=("web",))
    assert diagnose([web], api_answers=False) == diagnose([web])


def test_every_dependency_of_the_first_six_services_says_where_it_can_be_checked():
    for service in ("aws", "chatgpt", "claude", "cloudflare", "copilot", "github"):
        assert all(d.source for d in catalogue()[service].dependencies)


# -- algebra ---------------------------------------------------------------------------------------------------------


@given(SEEN)
def test_probabilities_are_ordered_bounded_and_independent_of_the_order_of_what_is_seen(seen):
    found = explain(seen)
    assert found
    assert [d.p for d in found] == sorted((d.p for d in found), reverse=True)
    missing = len(CLASSES) - len(found)
    rounding = 0.0005 * len(CLASSES)
    assert found[0].p == 1.0 or 1.0 - 0.03 * missing - rounding <= sum(d.p for d in found) <= 1.0 + rounding
    assert found == explain(dict(reversed(seen.items())))


@given(SEEN)
def test_reasons_for_and_against_never_name_the_same_thing_and_are_few(seen):
    for d in explain(seen):
        assert not set(d.for_) & set(d.against)
        assert max(len(d.for_), len(d.against)) <= 4


@given(SEEN, st.dictionaries(st.sampled_from(Layer), st.booleans()))
def test_layers_are_probabilities_over_all_classes(seen, tried):
    found = layers(explain(seen), tried)
    assert 0.7 < sum(p for _, p in found) <= 1.005
    assert Layer.LOCAL not in {layer for layer, _ in found}


def test_a_layer_that_answers_is_hardly_the_broken_one():
    found = explain({"sign_in": True, "api_works": True})
    untried = dict(layers(found)).get(Layer.AUTH, 0.0)
    works = dict(layers(found, {Layer.AUTH: True})).get(Layer.AUTH, 0.0)
    fails = dict(layers(found, {Layer.AUTH: False})).get(Layer.AUTH, 0.0)
    assert works < untried < fails


# -- the page of the docs --------------------------------------------------------------------------------------------


def rendered() -> list[str]:
    """The likelihood table as the docs show it, a line for each observation, in percent."""
    lines = []
    for row in TABLE.values():
        unseen = f" / {row.unseen_words}" if row.unseen_words else ""
        lines.append(f"| {row.words}{unseen} | {' | '.join(f'{p * 100:.0f}' for p in row.seen)} |")
    lines.append(f"| *prior* | {' | '.join(f'{PRIOR[c] * 100:.0f}' for c in CLASSES)} |")
    return lines


def test_the_docs_show_the_table_and_its_facts_as_they_are():
    text = DOCS.read_text("utf-8")
    assert [line for line in rendered() if line not in text] == []
    facts = [row.fact for row in TABLE.values() if row.fact]
    plain = re.sub(r"\s+", " ", text)
    assert [fact for fact in facts if fact not in plain] == []
