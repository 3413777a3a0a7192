"""A process that records steps and says each one's number when it is recorded. Run by path, with these names set:

``DATABASE`` the file, ``SAY`` a connection to talk to, ``FIRST`` and ``LAST`` the numbers of the steps.
"""

from datetime import UTC, datetime, timedelta

from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.model.verdict import Verdict
from stillup.store import Key, open_store

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
FAMILIES = (Family.CROWD, Family.SOCIAL, Family.PROBE)


def step(number):
    """Step ``number``: two changes with three pieces of evidence each, and an incident that lasts five steps."""
    at = NOON + timedelta(minutes=number)
    incident = f"claude-{number // 5}"
    changes = [
        Verdict(at=at, service="claude", component=component, state=State.PARTIAL_OUTAGE, incident=incident)
        for component in (None, "web")
    ]
    pieces = [Evidence(family=f, standing=Standing.ALARM, observed=float(number), note="." * 300) for f in FAMILIES]
    opened = Incident(
        id=incident,
        service="claude",
        opened_at=NOON + timedelta(minutes=number // 5 * 5),
        since=NOON,
        state=State.PARTIAL_OUTAGE,
        confidence=Confidence.SUSPECTED,
        title=f"step {number}",
    )
    return changes, [opened], {Key.of(change): pieces for change in changes}


def main():
    SAY.send("open")  # noqa: F821
    with open_store(DATABASE) as store:  # noqa: F821
        for number in range(FIRST, LAST):  # noqa: F821
            store.commit_step(*step(number))
            SAY.send(number)  # noqa: F821


if __name__ == "writer":
    main()
