"""Names come from clients: whatever they make up, memory stays as it is."""

import gc

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.health import KEPT


def test_ten_thousand_made_up_models_leave_a_thousand(play):
    p = play("a")
    for number in range(10_000):
        p.ask({"a": Fault.BAD_REQUEST}, model=f"made-up-{number}", took=0.0)
    host = p.start().host
    assert len(host.cells) == KEPT
    assert len(p.desk.status(p.now)) == KEPT


def test_a_model_in_use_outlives_the_made_up_ones(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED}, took=0.0)
    for number in range(5000):
        p.ask({"a": Fault.BAD_REQUEST}, names="a", model=f"made-up-{number}", took=0.0)
        if number % 500 == 0:
            assert p.first()[0] == "b"


def test_ten_thousand_keys_leave_a_thousand(play):
    p = play("a")
    for number in range(10_000):
        p.key = f"key-{number}"
        p.ask({"a": Fault.RATE_LIMITED}, took=0.0)
    assert len(p.start().host.lanes) == KEPT


def test_a_name_of_a_megabyte_is_not_kept(play):
    p = play("a")
    name = "m" * 1_000_000
    p.ask({"a": Fault.RATE_LIMITED}, model=name, took=0.0)
    host = p.start(model=name).host
    assert [len(model) for model, _ in host.cells] == [200]
    assert [len(model) for model, _, _ in host.lanes] == [200]


def test_twenty_thousand_requests_leave_nothing_behind(play):
    p = play()
    for _ in range(200):
        p.ask()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(20_000):
        p.ask({"a": Fault.SERVER_ERROR} if number % 7 == 0 else None)
    gc.collect()
    assert len(gc.get_objects()) < before + 50
