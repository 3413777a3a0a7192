"""What alerts have done, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stillup.response.alerts.delivery import Sent
from stillup.response.alerts.reasons import Reason
from stillup.store.outbox import Status


def exposition(
    decided: Mapping[Reason, int],
    tries: Mapping[str, Mapping[Sent, int]],
    outbox: Mapping[tuple[str, Status], int],
) -> bytes:
    """Decisions by reason, tries by channel and how they went, and what the outbox holds."""
    return ("\n".join(_lines(decided, tries, outbox)) + "\n").encode()


def _lines(
    decided: Mapping[Reason, int],
    tries: Mapping[str, Mapping[Sent, int]],
    outbox: Mapping[tuple[str, Status], int],
) -> Iterator[str]:
    yield "# HELP stillup_alert_decisions_total Decisions on alerts, by reason."
    yield "# TYPE stillup_alert_decisions_total counter"
    for reason, count in sorted(decided.items()):
        yield f'stillup_alert_decisions_total{{reason="{reason}"}} {count}'
    yield "# HELP stillup_alert_tries_total Tries to deliver a message, by channel and how they went."
    yield "# TYPE stillup_alert_tries_total counter"
    for channel, those in sorted(tries.items()):
        for sent, count in sorted(those.items()):
            yield f'stillup_alert_tries_total{{channel="{channel}",result="{sent}"}} {count}'
    yield "# HELP stillup_alert_messages Messages in the outbox, by channel and how far they are."
    yield "# TYPE stillup_alert_messages gauge"
    for (channel, status), count in sorted(outbox.items()):
        yield f'stillup_alert_messages{{channel="{channel}",status="{status}"}} {count}'
