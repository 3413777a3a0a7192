"""What an incident has done to the components of its page, for platforms that say one state for all of them."""

from __future__ import annotations

from collections.abc import Iterator

from stillup.model.service import State, worst
from stillup.sim.page import PageIncident
from stillup.sim.wire.statuspage import Site


def by_state(site: Site, incident: PageIncident) -> Iterator[tuple[State, set[str]]]:
    """The components an incident ever moved, by the state they are in now; the worst they were in once it is over."""
    found: dict[State, set[str]] = {}
    for component in {c for u in incident.updates for c in u.changes}:
        was = [u.changes[component][1] for u in incident.updates if component in u.changes]
        state = worst(was) if incident.stage.is_over else site.page.components[component]
        found.setdefault(state, set()).add(component)
    for state in sorted(found, key=lambda s: -s.severity):
        if state.severity or incident.stage.is_over:
            yield state, found[state]
