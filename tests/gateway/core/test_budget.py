"""Law 5: what retries at the same upstream and hedges may cost."""

from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.budget import CAP, DEPOSIT, START, RetryBudget


def test_a_new_budget_holds_ten():
    budget = RetryBudget()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]


def test_five_requests_earn_one_extra_try():
    budget = RetryBudget(0)
    for _ in range(5):
        assert not budget.spend()
        budget.deposit()
    assert budget.spend()
    assert not budget.spend()


def test_a_quiet_week_saves_up_no_more_than_a_hundred():
    budget = RetryBudget()
    for _ in range(10_000):
        budget.deposit()
    assert sum(budget.spend() for _ in range(1000)) == 100


@given(st.lists(st.booleans(), max_size=400))
def test_extra_tries_never_pass_the_start_and_a_fifth_of_the_requests(steps):
    budget, requests, extra = RetryBudget(), 0, 0
    for is_request in steps:
        if is_request:
            budget.deposit()
            requests += 1
        else:
            extra += budget.spend()
        assert 0 <= budget.tokens <= CAP
        assert extra <= START + DEPOSIT * requests + 1e-6
