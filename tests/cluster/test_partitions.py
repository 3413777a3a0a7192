"""Partitions: what stands on each other is judged together, the rest apart, and always in the same place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog.load import catalogue, find_service
from stillup.daemon.cluster.partitions import connected, partition_of, partitions_of
from stillup.daemon.jobs import profile_of
from stillup.model.service import State
from stillup.sim.load import load
from stillup.sim.record import signals
from stillup.verdict.monitor import Monitor

IDS = sorted(catalogue())


def test_partitions_are_the_connected_parts_of_what_is_watched():
    watched = [find_service(s) for s in ("claude", "cloudflare", "deepseek", "deepl", "aws")]
    parts = partitions_of(watched)
    of = {service: p.name for p in parts for service in p.services}
    assert of["claude"] == of["cloudflare"] == of["aws"] == of["deepl"]
    assert partitions_of(watched[::-1]) == parts
    assert len({s for p in parts for s in p.services}) == 5


@given(st.lists(st.sampled_from(IDS), unique=True, min_size=1), st.integers(1, 4))
def test_each_service_is_in_one_partition_and_with_all_that_it_stands_on(ids, most):
    watched = [catalogue()[s] for s in ids]
    parts = partitions_of(watched, most)
    assert sorted(s for p in parts for s in p.services) == sorted(ids)
    assert len(parts) <= most
    for service in watched:
        mine = partition_of(parts, service.id)
        assert all(d.service in mine.services for d in service.dependencies if d.service in ids)


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefgh"), max_size=3)))
def test_connected_parts_are_the_same_however_the_graph_is_told(graph):
    parts = connected(graph)
    assert sorted(name for part in parts for name in part) == sorted(graph)
    assert connected(dict(sorted(graph.items(), reverse=True))) == parts


def test_a_service_more_moves_no_part_that_it_does_not_join():
    few = partitions_of([find_service(s) for s in ("claude", "cloudflare", "deepseek")])
    more = partitions_of([find_service(s) for s in ("claude", "cloudflare", "deepseek", "deepl")])
    assert partition_of(few, "deepseek").name == partition_of(more, "deepseek").name
    assert partition_of(few, "claude").name == partition_of(more, "claude").name


def test_a_partition_that_knows_other_services_has_another_digest():
    one, other = partitions_of([find_service("claude")]), partitions_of([find_service("chatgpt")])
    assert one[0].profiles != other[0].profiles


def test_services_judged_in_partitions_are_judged_as_in_one_process():
    """An outage of a base that others stand on, and of one that stands alone, each beside the other."""
    lines = list(signals(load("2026-04-07"), services=("cloudflare", "deepseek", "openrouter")))[-30_000:]
    watched = sorted({s.service for s in lines})
    whole, last = Monitor(profile_of), lines[-1].at
    together = whole.step(last, lines)
    apart = []
    for part in partitions_of([catalogue()[s] for s in watched]):
        apart += Monitor(profile_of).step(last, [s for s in lines if s.service in part.services])
    assert sorted(map(repr, apart)) == sorted(map(repr, together))
    assert any(c.state is not State.UNKNOWN for c in together)
