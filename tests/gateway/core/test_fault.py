"""Laws 2 and 3: the table of faults."""

import pytest

from stillup.gateway.core.fault import MEANINGS, Fault, Whose
from stillup.gateway.core.why import Why


def test_every_fault_has_a_meaning():
    assert set(MEANINGS) == set(Fault)


def test_every_reason_has_a_sentence():
    assert all(why.says.endswith(".") for why in Why)


@pytest.mark.parametrize("fault", [fault for fault in Fault if MEANINGS[fault].whose in (Whose.KEY, Whose.REQUEST)])
def test_what_is_the_keys_or_the_requests_never_touches_health(fault):
    assert MEANINGS[fault].weight == 0
    assert not MEANINGS[fault].whole


@pytest.mark.parametrize("fault", [fault for fault in Fault if MEANINGS[fault].whose in (Whose.PROVIDER, Whose.HERE)])
def test_what_may_be_the_providers_counts_moves_on_and_may_be_tried_again(fault):
    meaning = MEANINGS[fault]
    assert 0 < meaning.weight <= 1
    assert meaning.moves_on
    assert meaning.again


def test_a_wrong_request_a_filter_and_a_passed_deadline_are_the_clients_to_see():
    assert {fault for fault in Fault if not MEANINGS[fault].moves_on} == {
        Fault.BAD_REQUEST,
        Fault.FILTERED,
        Fault.DEADLINE,
    }


def test_a_used_up_quota_and_a_refused_key_are_not_tried_again():
    assert {fault for fault in Fault if MEANINGS[fault].whose is Whose.KEY and not MEANINGS[fault].again} == {
        Fault.QUOTA,
        Fault.UNAUTHORIZED,
    }
