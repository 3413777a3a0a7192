"""What to do now, as short steps in order, with what stillup has already done of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Scope, State
from stillup.model.verdict import Verdict


class Done(StrEnum):
    """How far a step is."""

    DONE = "done"
    """stillup has done it, or seen that it is so."""
    TO_DO = "to_do"
    """The reader's to do."""
    CANNOT = "cannot"
    """stillup would have done it, and could not: ``note`` says why."""


class Step(Struct, frozen=True, kw_only=True):
    """One step."""

    says: str
    """One plain sentence, without markup."""
    done: Done = Done.TO_DO
    note: str = ""
    """What it rests on, or what stands in the way."""
    team: bool = False
    """It comes from the team's own playbook."""


def steps(verdict: Verdict, usual: Sequence[str], parts_up: Sequence[str]) -> tuple[str, ...]:
    """The steps for a verdict; ``usual`` belong to the likely class, ``parts_up`` is what still works."""
    if verdict.scope is Scope.YOU:
        return ("Check this machine's connection, VPN, proxy and DNS: see whether other sites open from here.",)
    if verdict.scope is Scope.YOUR_QUOTA:
        return (
            "Wait for your limit to reset, or check key, plan and credit; others are not affected.",
            "For work that cannot wait, use another key, model or service.",
        )
    if not verdict.state.is_fault:
        if verdict.state is State.UNKNOWN:
            return ("Run `stillup doctor`: it says which sources can be read from here, and why others cannot.",)
        return ()
    still_up = (f"Go on with what still works: {', '.join(parts_up)}.",) if parts_up else ()
    return ("Copy unsent text somewhere safe before you reload anything.", *still_up, *usual)
