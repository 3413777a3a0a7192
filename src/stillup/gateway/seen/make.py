"""What ``Seen`` has in a gateway that runs: names from the catalogue, log and traces as asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stillup.catalog.models import find_model
from stillup.errors import UsageError
from stillup.gateway.seen.access import AccessLog, Style, sink_of
from stillup.gateway.seen.cost import Labels
from stillup.gateway.seen.facade import Seen
from stillup.gateway.seen.spans import spans_from


def labels_for(configured: Iterable[str]) -> Labels:
    """Names of models that the catalogue or the configuration knows."""
    return Labels(_catalogued, configured)


def equip(seen: Seen, environ: Mapping[str, str], *, log: str | None = None, style: Style = Style.LOGFMT) -> str:
    """Give it the access log and the traces that are asked for; a sentence where there are traces that cannot be had.

    ``log`` is a file's path, ``-`` for standard error, or None for no access log.

    :raises UsageError: the log cannot be opened.
    """
    try:
        access = None if log is None else AccessLog(sink_of(log), style)
    except OSError as exc:
        msg = f"the access log {log} cannot be opened: {exc.strerror or type(exc).__name__}"
        raise UsageError(msg) from exc
    spans, why_not = spans_from(environ)
    seen.tell(access=access, spans=spans)
    return why_not


def _catalogued(name: str) -> str | None:
    found = find_model(name)
    return None if found is None else found.id
