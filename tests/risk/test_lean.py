"""What a service stands on, through others too."""

from __future__ import annotations

from stillup.catalog.load import Dependency, Service, catalogue
from stillup.risk.lean import LEAST, leans


def service(name, **on):
    deps = tuple(Dependency(service=s, confidence=c, why=f"{name} on {s}") for s, c in on.items())
    return Service(id=name, name=name, vendor="v", home="https://example.org", dependencies=deps)


def world(*services):
    return {s.id: s for s in services}


def test_what_is_reached_through_another_is_as_sure_as_both_steps_together():
    found = leans("a", world(service("a", b=0.8), service("b", c=0.5), service("c")))
    assert {s: round(x.confidence, 2) for s, x in found.items()} == {"b": 0.8, "c": 0.4}
    assert found["c"].through == ("b",)
    assert found["b"].through == ()


def test_of_two_ways_to_a_cloud_the_surer_counts():
    found = leans("a", world(service("a", b=0.9, c=0.3), service("b", c=0.8), service("c")))
    assert round(found["c"].confidence, 2) == 0.72
    found = leans("a", world(service("a", b=0.9, c=0.95), service("b", c=0.8), service("c")))
    assert found["c"].confidence == 0.95


def test_a_ring_ends_and_nobody_stands_on_itself():
    assert set(leans("a", world(service("a", b=1.0), service("b", a=1.0, c=1.0), service("c", b=1.0)))) == {"b", "c"}


def test_what_is_hardly_sure_is_left_out_and_the_surest_comes_first():
    found = leans("a", world(service("a", b=LEAST / 2, c=0.2, d=0.7)))
    assert list(found) == ["d", "c"]


def test_a_service_that_nobody_knows_stands_on_nothing_known():
    assert leans("no-such") == {}


def test_every_lean_of_the_catalogue_has_its_fact():
    for name in catalogue():
        for lean in leans(name).values():
            assert lean.why, (name, lean.service)
            assert LEAST <= lean.confidence <= 1
