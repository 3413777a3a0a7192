"""The catalogue holds together: everything one entry names exists, and no word means two things."""

from __future__ import annotations

import re
from collections import Counter
from graphlib import TopologicalSorter
from importlib.resources import files
from itertools import chain

import pytest

from stillup.catalog import load
from stillup.catalog.load import Service, SourceHint, capabilities, catalogue, find_service, outage_classes
from stillup.catalog.models import models
from stillup.catalog.providers import providers
from stillup.errors import CatalogError, UsageError
from stillup.model.service import Capability, Layer, OutageClass
from stillup.registry import SOURCES
from stillup.sources.ladder.dialects import DIALECTS

SERVICES = list(catalogue().values())
by_id = pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.id)


def urls_of(service: Service) -> list[str]:
    hints = service.sources.values()
    links = [h.url for h in hints] + [h.link for h in hints] + [a.link for a in service.abilities]
    return [url for url in (service.home, *links, *(e.url for e in service.endpoints)) if url]


def test_a_service_lies_in_the_file_of_its_id():
    names = {f.name for f in (files("stillup.catalog") / "services").iterdir()}
    assert names == {f"{service_id}.toml" for service_id in catalogue()}


@by_id
def test_ids_and_page_ids_are_given_once(service: Service):
    for ids in (
        [c.id for c in service.components],
        [e.id for e in service.endpoints],
        [p for c in service.components for p in c.page_ids],
        [a.capability for a in service.abilities],
        [d.service for d in service.dependencies],
    ):
        assert len(ids) == len(set(ids))


# Rows of a page that stand for two services: one machinery, sold under two names.
SHARED_ROWS = {"Z0FZJAMvEB4j3NbCJs6B": {"gemini", "vertex"}}


def test_a_page_component_belongs_to_one_service_unless_it_is_said_why():
    owners: dict[str, set[str]] = {}
    for service in SERVICES:
        for page_id in chain.from_iterable(c.page_ids for c in service.components):
            owners.setdefault(page_id, set()).add(service.id)
    assert {row: who for row, who in owners.items() if len(who) > 1 and not who <= SHARED_ROWS.get(row, set())} == {}


@by_id
def test_endpoints_name_components_that_exist(service: Service):
    assert {e.component for e in service.endpoints} <= {c.id for c in service.components}


@by_id
def test_an_endpoint_knows_what_an_answer_that_works_looks_like(service: Service):
    assert all(e.up and all(200 <= status < 500 for status in e.up) for e in service.endpoints)


@by_id
def test_a_rung_that_spends_money_says_what_it_asks_and_costs(service: Service):
    for endpoint in service.endpoints:
        if endpoint.key_env:
            assert endpoint.protocol, endpoint.id
            assert bool(endpoint.model) is DIALECTS[endpoint.protocol].needs_model, endpoint.id
            assert endpoint.cost_usd > 0, endpoint.id
            assert endpoint.method == "POST", endpoint.id


@by_id
def test_dependencies_are_services_of_the_catalogue_and_not_the_service_itself(service: Service):
    named = {d.service for d in service.dependencies}
    assert named <= catalogue().keys() - {service.id}
    assert all(d.why for d in service.dependencies)


@by_id
def test_component_aliases_are_lower_case_and_mean_one_component(service: Service):
    aliases = [a for c in service.components for a in c.aliases]
    assert [a for a in aliases if a != a.lower().strip()] == []
    assert len(aliases) == len(set(aliases))


@by_id
def test_models_are_lower_case_and_a_longer_name_stands_before_one_it_contains(service: Service):
    for place, model in enumerate(service.models):
        assert model == model.lower()
        assert not [later for later in service.models[place + 1 :] if model in later]


@by_id
def test_sources_are_in_the_registry_and_can_be_asked(service: Service):
    assert service.sources.keys() <= SOURCES.keys()
    assert [source for source in service.sources if not SOURCES[source].module] == []


@by_id
def test_every_address_is_https(service: Service):
    assert [url for url in urls_of(service) if not re.match(r"https://[a-z0-9.-]+(/|$)", url)] == []


@by_id
def test_a_base_address_has_no_slash_at_its_end(service: Service):
    assert [h.url for h in service.sources.values() if h.url.endswith("/")] == []


@by_id
def test_a_component_that_a_hint_names_is_one_of_ours(service: Service):
    for source, hint in service.sources.items():
        known = service.component_of_page if SOURCES[source].page else service.component
        assert not hint.component or known(hint.component), source
    if "openrouter" in service.sources:
        assert service.component(service.sources["openrouter"].component or "api")


def test_copilot_is_one_row_of_githubs_page():
    copilot, github = catalogue()["copilot"], catalogue()["github"]
    assert copilot.sources["statuspage"].url == github.sources["statuspage"].url
    assert copilot.sources["statuspage"].component == "pjmpxvq2cmr2"
    assert github.component_of_page("pjmpxvq2cmr2") is None


def test_names_and_aliases_lead_to_one_service():
    names = list(chain.from_iterable({n.lower() for n in (s.id, s.name, *s.aliases)} for s in SERVICES))
    assert len(names) == len(set(names))
    assert find_service(" OpenAI ").id == "chatgpt"
    assert find_service("Amazon Web Services").id == "aws"


def test_an_unknown_service_is_told_with_its_nearest_names():
    with pytest.raises(UsageError, match=r"no service called 'claud'; did you mean .*claude"):
        find_service("claud")


def test_every_class_of_outage_has_its_facts():
    assert outage_classes().keys() == set(OutageClass)
    for facts in outage_classes().values():
        assert 0 < facts.usual_min_s < facts.usual_max_s
        assert facts.title
        assert facts.impact.endswith(".")
        assert facts.recovery.endswith(".")
        assert 1 <= len(facts.todo) <= 4
        assert all(len(step) <= 120 for step in facts.todo)


@pytest.mark.parametrize(
    ("kind", "hours"),
    [
        ("authentication", (2, 4)),
        ("api_overload", (0.5, 2)),
        ("model_infrastructure", (4, 12)),
        ("database", (1, 6)),
        ("presentation", (0.5, 2)),
        ("network_regional", (1, 4)),
        ("dependency", (1, 6)),
        ("unknown", (0.25, 4)),
    ],
)
def test_the_usual_range_of_a_class_is_the_rule_of_thumb_in_use(kind: str, hours: tuple[float, float]):
    facts = outage_classes()[OutageClass(kind)]
    assert (facts.usual_min_s / 3600, facts.usual_max_s / 3600) == hours


def test_every_capability_is_offered_by_exactly_the_services_that_have_it():
    assert capabilities().keys() == set(Capability)
    for capability, facts in capabilities().items():
        able = {s.id for s in SERVICES if capability in {a.capability for a in s.abilities}}
        assert set(facts.order) == able, capability
        assert len(facts.order) == len(set(facts.order))
        assert facts.title


def test_a_file_that_breaks_the_format_is_named():
    with pytest.raises(CatalogError, match=r"catalogue file x\.toml: .*unknown field `nmae`"):
        load._decode("x.toml", 'id = "x"\nnmae = "X"\nname = "X"\nvendor = "V"\nhome = "https://x.example"', Service)


@by_id
def test_rungs_stand_in_the_order_of_the_way_to_the_model(service: Service):
    order = list(Layer)
    places = [order.index(e.layer) for e in service.endpoints]
    assert places == sorted(places), [f"{e.id}: {e.layer.value}" for e in service.endpoints]


@by_id
def test_only_a_rung_with_a_key_asks_a_model(service: Service):
    assert [e.id for e in service.endpoints if (e.layer is Layer.INFERENCE) is not bool(e.key_env)] == []


@by_id
def test_a_keyed_rung_speaks_what_the_ladder_speaks_with_a_key_that_is_known(service: Service):
    # DeepL serves no models that the gateway could ask: its key is the ladder's alone.
    keys = {name for p in providers().values() for name in p.key_env} | {"DEEPL_API_KEY"}
    for endpoint in (e for e in service.endpoints if e.key_env):
        assert endpoint.protocol in DIALECTS, endpoint.id
        assert endpoint.key_env in keys, endpoint.id


def test_what_stands_on_what_has_no_circle():
    order = TopologicalSorter({s.id: [d.service for d in s.dependencies] for s in SERVICES}).static_order()
    assert set(order) >= catalogue().keys()


@by_id
def test_a_dependency_is_neither_sure_nor_without_a_source(service: Service):
    for dependency in service.dependencies:
        assert 0 < dependency.confidence < 1, dependency.service
        assert dependency.source, dependency.service


@by_id
def test_a_promise_is_of_a_component_that_exists_and_says_whose_it_is_and_where_it_stands(service: Service):
    for promise in service.promises:
        assert promise.component in {"", *(c.id for c in service.components)}
        assert promise.period in ("month", "quarter", "year")
        assert promise.plan
        assert promise.uptime is None or promise.uptime > 0.9
        assert promise.uptime is not None or not promise.credit
        assert promise.source.startswith("https://")
        assert re.fullmatch(r"20\d\d(-\d\d){0,2}", promise.as_of), promise.as_of
    assert max(Counter((p.component, p.plan) for p in service.promises).values(), default=1) == 1


@by_id
def test_a_table_of_credits_begins_at_the_promise_grows_and_says_how_it_is_claimed(service: Service):
    for promise in (p for p in service.promises if p.steps):
        assert promise.credit
        assert promise.steps[0].below == promise.uptime
        steps = [(s.below, s.credit) for s in promise.steps]
        assert steps == sorted(steps, key=lambda s: -s[0]) == sorted(steps, key=lambda s: s[1])
        assert promise.claim_days is None or promise.claim_months is None
        assert bool(promise.claim) == (promise.claim_days is not None or promise.claim_months is not None)


@by_id
def test_a_plan_that_is_served_first_is_of_a_component_that_exists_and_says_where_that_stands(service: Service):
    for one in service.precedence:
        assert one.component in {"", *(c.id for c in service.components)}
        assert one.plan
        assert one.says
        assert one.source.startswith("https://")
        assert re.fullmatch(r"20\d\d(-\d\d){0,2}", one.as_of)


@by_id
def test_an_ability_says_how_it_is_reached_and_what_for_in_a_few_words(service: Service):
    for ability in service.abilities:
        assert ability.access
        assert 0 < len(ability.advantage) <= 100
        assert not ability.advantage.endswith(".")


# What of a hint each source reads; status pages read what PAGE has.
PAGE = {"url", "link", "component", "page", "api", "note"}
READS = {
    "statusgator": {"slug", "link", "note"},
    "downdetector": {"slug", "link", "usual_per_day", "note"},
    "reddit": {"communities", "link", "note"},
    "hackernews": {"phrases", "link", "note"},
    "google_trends": {"phrases", "link", "note"},
    "x": {"phrases", "tags", "link", "note"},
    "bluesky": {"phrases", "link", "note"},
    "mastodon": {"tags", "link", "note"},
    "openrouter": {"models", "slug", "component", "link", "note"},
    "globalping": {"link", "note"},
    "cloudflare_radar": {"slug", "link", "note"},
    "probe": {"note"},
    "claude_code": {"component", "note"},
    "codex": {"component", "note"},
    "gemini_cli": {"component", "note"},
}


def set_fields(hint: SourceHint) -> set[str]:
    return {name for name in SourceHint.__struct_fields__ if getattr(hint, name) != getattr(SourceHint(), name)}


@by_id
def test_a_hint_sets_only_what_its_source_reads(service: Service):
    for source, hint in service.sources.items():
        read = PAGE if SOURCES[source].page else READS.get(source, set())
        assert set_fields(hint) <= read, source


@by_id
def test_a_status_page_has_its_address_and_a_link_for_people(service: Service):
    for source, hint in service.sources.items():
        if SOURCES[source].page:
            assert hint.url, source
            assert hint.link, source


def squeezed(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


@by_id
def test_what_is_searched_for_is_lower_case_and_names_the_service_or_its_vendor(service: Service):
    names = {squeezed(n) for n in (service.id, service.name, service.vendor, *service.aliases)}
    for source, hint in service.sources.items():
        for words in (*hint.phrases, *hint.tags):
            assert words == words.lower().strip(), (source, words)
            assert any(name in squeezed(words) for name in names), (source, words)
        assert all(tag.isalnum() for tag in hint.tags), source


def test_no_search_means_two_services():
    for field in ("phrases", "tags"):
        said = {(s.id, squeezed(w)) for s in SERVICES for h in s.sources.values() for w in getattr(h, field)}
        twice = {w: n for w, n in Counter(w for _, w in said).items() if n > 1}
        assert twice == {}, field
    from stillup.sources.google_trends import _essence

    searched = {(s.id, _essence(p)) for s in SERVICES for p in s.sources.get("google_trends", SourceHint()).phrases}
    assert {e: n for e, n in Counter(e for _, e in searched).items() if n > 1} == {}


def test_no_slug_or_community_is_two_services():
    for source in ("statusgator", "downdetector"):
        slugs = [s.sources[source].slug for s in SERVICES if source in s.sources]
        assert len(slugs) == len(set(slugs)), source
        assert all(slugs), source
    communities = [c.lower() for s in SERVICES for c in s.sources.get("reddit", SourceHint()).communities]
    assert len(communities) == len(set(communities))


@by_id
def test_models_asked_of_openrouter_are_ones_it_is_known_to_serve(service: Service):
    known = {m.at["openrouter"] for m in models().values() if "openrouter" in m.at}
    assert set(service.sources.get("openrouter", SourceHint()).models) <= known
