"""What to do now, as short steps in order."""

from __future__ import annotations

from collections.abc import Sequence

from stillup.model.service import Scope, State
from stillup.model.verdict import Verdict


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
