"""What the configuration says of targets, plans and bills."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.errors import ConfigError

PLAN = "every paying account, for each region"


def test_without_a_word_everything_is_held_to_three_nines_and_nothing_is_paid():
    sla = parse_config("").sla
    assert (sla.target, sla.agreements) == (99.9, ())
    assert sla.of("claude", "api") is None


def test_a_target_a_plan_and_a_bill_belong_to_one_component():
    text = f"""[sla]
target = 99.5
[[sla.agreements]]
service = "bedrock"
plan = "{PLAN}"
bill = 1200
currency = "EUR"
[[sla.agreements]]
service = "claude"
component = "api"
target = 99
"""
    sla = parse_config(text).sla
    paid = sla.of("bedrock", None)
    assert paid is not None
    assert (paid.plan, paid.bill, paid.currency, paid.target) == (PLAN, 1200.0, "EUR", None)
    assert sla.of("claude", "api").target == 99.0
    assert sla.of("claude", None) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sla]\ntarget = 120", "sla.target: is 120; allowed: a number"),
        ("[sla]\ntarget = 0.999", "sla.target: is 0.999"),
        ("[[sla.agreements]]\nservice = 'nobody'", "sla.agreements[0].service"),
        ("[[sla.agreements]]\nservice = 'claude'\ncomponent = 'apy'", "did you mean api?"),
        ("[[sla.agreements]]\nservice = 'claude'\nplan = 'Gold'", "'Gold' is no plan of claude with published terms"),
        ("[[sla.agreements]]\nservice = 'claude'\nbill = 5", "has no `plan` beside it"),
        ("[[sla.agreements]]\nservice = 'claude'\nbill = -5", "allowed: a number"),
        ("[[sla.agreements]]\nservice = 'claude'\n[[sla.agreements]]\nservice = 'claude'", "the same as"),
        ("[[sla.agreements]]\nservice = 'claude'\ncurrency = 'usd'", "allowed: `USD`"),
    ],
)
def test_what_cannot_hold_is_refused_and_said_why(text, says, refusal):
    assert says in "\n".join(refusal(text))


def test_a_refusal_names_the_file_and_the_line(refusal):
    lines = refusal("[sla]\ntarget = 99\n[[sla.agreements]]\nservice = 'claude'\nplan = 'Gold'")
    assert any("stillup.toml" in line and "5" in line for line in lines)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigError) as refused:
        parse_config("[[sla.agreements]]\nservice = 'claude'\ncomponent = 'x'\nplan = 'y'\nbill = 3")
    assert str(refused.value).count("allowed") >= 2
