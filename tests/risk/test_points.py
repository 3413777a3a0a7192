"""Single points of failure: one service, one cloud, one key, one network, one machine."""

from __future__ import annotations

import pytest

from stillup.risk.need import Kind
from stillup.risk.points import What, points_of, shared_by


def whats(need):
    return [p.what for p in points_of(need)]


def test_one_service_is_a_single_point_and_so_is_what_it_likely_stands_on(need):
    found = points_of(need("claude"))
    assert found[0].what is What.SERVICE
    clouds = {p.id: p for p in found if p.what is What.CLOUD}
    assert set(clouds) == {"cloudflare", "aws"}
    assert clouds["cloudflare"].sure == 0.9
    assert "Cloudflare" in clouds["cloudflare"].why


def test_two_models_of_one_service_are_one_service(need):
    found = points_of(need("claude/api", "claude/web"))
    assert found[0].what is What.SERVICE
    assert "both ways are of it" in found[0].says


def test_a_cloud_under_all_is_as_sure_as_both_are_and_names_each(need):
    cloud = next(p for p in points_of(need("claude", "chatgpt")) if p.id == "cloudflare")
    assert round(cloud.sure, 2) == 0.81
    assert "Claude 0.9, ChatGPT 0.9" in cloud.says


def test_a_cloud_under_some_is_none_but_is_told_as_shared(need):
    chain = need("claude", "chatgpt", "deepseek")
    assert What.CLOUD not in whats(chain)
    shared = {s.id: s for s in shared_by(chain.services)}
    assert not shared["cloudflare"].all_of_them


def test_a_backup_that_stands_on_the_first_choice_itself_is_told(need):
    shared = {s.id: s for s in shared_by(("claude", "copilot"))}
    assert shared["claude"].all_of_them
    assert shared["claude"].sure == pytest.approx(0.3)


def test_a_model_on_this_machine_needs_no_cloud_and_no_network(need):
    assert whats(need("claude", "local")) == []
    assert whats(need("claude", "local", kind=Kind.ROUTE)) == [What.MACHINE]


def test_only_a_model_on_this_machine_is_a_single_point_that_stops_with_it(need):
    assert whats(need("local")) == [What.SERVICE, What.MACHINE]


def test_one_key_for_all_is_a_single_point_and_two_keys_are_none(need):
    one = points_of(need("openrouter", "claude/api", kind=Kind.ROUTE, key="ONE_KEY"))
    assert next(p for p in one if p.what is What.KEY).id == "ONE_KEY"
    assert What.KEY not in whats(need("claude/api", "chatgpt/api", kind=Kind.ROUTE))


def test_the_gateway_stops_with_its_machine_but_a_person_has_others(need):
    assert What.MACHINE in whats(need("claude", "chatgpt", kind=Kind.ROUTE))
    assert What.MACHINE not in whats(need("claude", "chatgpt"))
    network = next(p for p in points_of(need("claude", "chatgpt")) if p.what is What.NETWORK)
    assert "a phone has one of its own" in network.says


def test_where_there_is_no_way_there_is_no_point(need):
    assert points_of(need(lacking=("claude",))) == ()


def test_an_upstream_that_no_catalogue_knows_has_the_name_it_was_given(need):
    assert "own" in points_of(need("upstream:own", kind=Kind.ROUTE))[0].says
    assert "upstream:" not in points_of(need("upstream:own", kind=Kind.ROUTE))[0].says
