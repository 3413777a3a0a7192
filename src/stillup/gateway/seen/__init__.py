"""Seen: what an operator can see of the gateway. Metrics, an access log without content, traces, what it cost."""

from __future__ import annotations

from stillup.gateway.seen.cost import Labels
from stillup.gateway.seen.facade import Seen
from stillup.gateway.seen.passage import Ending, Passage

__all__ = ["Ending", "Labels", "Passage", "Seen"]
