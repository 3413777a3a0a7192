"""Law 5: retries at the same upstream and hedges share a budget; moving along the chain is free.

The bucket of the gRPC and Finagle retry budgets: what requests pay in bounds the extra load that trouble may cause to
a fifth of the normal load, however many clients there are.
"""

from __future__ import annotations

DEPOSIT = 0.2
"""What each request pays in, in extra tries."""
CAP = 100.0
START = 10.0
"""Enough for the first requests after a start, when nothing has been paid in."""


class RetryBudget:
    """A token bucket that is filled by requests and not by time: no traffic earns no retries."""

    __slots__ = ("tokens",)

    def __init__(self, tokens: float = START) -> None:
        self.tokens = min(CAP, tokens)

    def deposit(self) -> None:
        """One request began."""
        self.tokens = min(CAP, self.tokens + DEPOSIT)

    def spend(self) -> bool:
        """Take one extra try out; False, and nothing taken, when there is not a whole one left."""
        # A billionth less than one is one: twenty deposits of 0.2 after sixteen withdrawals must not fail by rounding.
        if self.tokens < 1.0 - 1e-9:
            return False
        self.tokens = max(0.0, self.tokens - 1.0)
        return True
