"""What to use instead, from the shipped catalogue: never what stands on the same broken ground."""

from __future__ import annotations

import pytest

from stillup.catalog.load import catalogue
from stillup.catalog.offers import alternatives
from stillup.model.service import Capability, State

CLAUDE, COPILOT = catalogue()["claude"], catalogue()["copilot"]


def offered(service, task, **states):
    return [c.offer.service for c in alternatives(service, task, {s.replace("_", "-"): v for s, v in states.items()})]


@pytest.mark.parametrize("task", list(Capability))
def test_every_task_has_a_free_and_a_paid_way_out_of_claude(task: Capability):
    offers = [c.offer for c in alternatives(CLAUDE, task, {})]
    assert {o.free for o in offers} == {True, False}
    assert all(o.access and o.link and o.advantage for o in offers)


def test_a_cloud_in_outage_takes_its_own_model_service_off_the_list():
    assert "bedrock" in offered(CLAUDE, Capability.WRITING)
    assert "bedrock" not in offered(CLAUDE, Capability.WRITING, aws=State.MAJOR_OUTAGE)
    assert "vertex" in offered(CLAUDE, Capability.WRITING, aws=State.MAJOR_OUTAGE)


def test_what_leans_on_the_fault_only_a_little_is_offered_all_the_same():
    assert "chatgpt" in offered(COPILOT, Capability.CODING, github=State.MAJOR_OUTAGE)
