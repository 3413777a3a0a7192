"""How ``Seen`` is made for a gateway that runs: prices and names from the catalogue, log and traces as asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stillup.catalog.models import cost_usd, find_model
from stillup.clock import Clock
from stillup.errors import UsageError
from stillup.gateway.seen.access import AccessLog, Style, sink_of
from stillup.gateway.seen.cost import Labels
from stillup.gateway.seen.facade import Seen
from stillup.gateway.seen.spans import spans_from


def labels_for(configured: Iterable[str]) -> Labels:
    """Names of models that the catalogue or the configuration knows."""
    return Labels(_catalogued, configured)


def make_seen(
    clock: Clock, labels: Labels, environ: Mapping[str, str], *, log: str | None = None, style: Style = Style.LOGFMT
) -> tuple[Seen, str]:
    """What sees a gateway's requests; and a sentence where the environment wants traces that cannot be had.

    ``log`` is a file's path, ``-`` for standard error, or None for no access log.

    :raises UsageError: the log cannot be opened.
    """
    spans, why_not = spans_from(environ)
    try:
        access = None if log is None else AccessLog(sink_of(log), style)
    except OSError as exc:
        msg = f"the access log {log} cannot be opened: {exc.strerror or type(exc).__name__}"
        raise UsageError(msg) from exc
    return Seen(clock, price=cost_usd, labels=labels, access=access, spans=spans), why_not


def _catalogued(name: str) -> str | None:
    found = find_model(name)
    return None if found is None else found.id
