"""The catalogue holds together: everything one entry names exists, and no word means two things."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import chain

import pytest

from stillup.catalog import load
from stillup.catalog.load import Service, capabilities, catalogue, find_service, outage_classes
from stillup.errors import CatalogError, UsageError
from stillup.model.service import Capability, OutageClass
from stillup.registry import SOURCES

SERVICES = list(catalogue().values())
by_id = pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.id)


def urls_of(service: Service) -> list[str]:
    hints = service.sources.values()
    links = [h.url for h in hints] + [h.link for h in hints] + [a.link for a in service.abilities]
    return [url for url in (service.home, *links, *(e.url for e in service.endpoints)) if url]


def test_the_first_six_services_are_there():
    assert {"claude", "chatgpt", "github", "copilot", "aws", "cloudflare"} <= catalogue().keys()


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


def test_a_page_component_belongs_to_one_service():
    ids = [p for s in SERVICES for c in s.components for p in c.page_ids]
    assert len(ids) == len(set(ids))


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
            assert endpoint.model, endpoint.id
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
def test_a_component_asked_for_on_a_shared_page_is_one_of_ours(service: Service):
    for hint in service.sources.values():
        assert not hint.component or service.component_of_page(hint.component)


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
