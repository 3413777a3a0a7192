"""What is allowed and still worth a word to the person who starts stillup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stillup.config import cluster
from stillup.config.alert_rules import kind_of
from stillup.config.kinds import stays_here
from stillup.config.schema import Document
from stillup.config.store import Store
from stillup.config.words import dotted
from stillup.registry import SOURCES

_OTHERS = 0o077
"""The permission bits of group and others."""


def cautions(document: Document, environ: Mapping[str, str]) -> Iterator[str]:
    """One sentence each; none of them stops anything."""
    yield from _no_database(document, environ)
    yield from _open_key_files(document)
    yield from _in_the_clear(document)
    yield from _addresses(document)
    yield from cluster.cautions(document.cluster)
    if document.web.public and document.web.base_url is None:
        yield "web.public: without `web.base_url` the links in feeds begin with whatever name a reader asked by"
    for source_id in document.sources:
        if not SOURCES[source_id].module:
            yield f"sources.{source_id}: this source can only be replayed so far; its settings have no effect"


def _no_database(document: Document, environ: Mapping[str, str]) -> Iterator[str]:
    """Who names a variable means a database; in a cluster each process that needs one says so itself."""
    named = document.store.url_env
    if named != Store().url_env and not (environ.get(named) or document.store.url_file or document.cluster.bus):
        yield f"store.url_env: the variable {named} is not set: what is judged is kept in the file stillup.db of `data`"


def _open_key_files(document: Document) -> Iterator[str]:
    options = [o for s in document.sources.values() for o in (s.everywhere, *s.services.values())]
    files = [o.key_file for o in options] + [u.key_file for u in document.gateway.upstreams]
    files += [*(u.token_file for u in document.gateway.users), *cluster.key_files(document.cluster)]
    files += [document.web.metrics_token_file, document.web.gateway_token_file]
    files += [name for c in document.alerts.channels for name in (c.url_file, c.secret_file)]
    for name in dict.fromkeys(f for f in files if f):
        try:
            mode = Path(name).stat().st_mode
        except OSError:
            continue  # it was there a moment ago; whoever needs the key will say that it is gone
        if mode & _OTHERS:
            yield f"{name}: others can read this key (mode {mode & 0o777:04o}); `chmod 600` makes it yours alone"


def _in_the_clear(document: Document) -> Iterator[str]:
    if _is_clear(document.web.gateway_url):
        yield "web.gateway_url: http:// sends what is chatted, and the gateway's token, unencrypted; https:// does not"
    for source_id, source in document.sources.items():
        usual = SOURCES[source_id].key_env
        for where, options in (((), source.everywhere), *(((s,), o) for s, o in source.services.items())):
            if _is_clear(options.base_url) and (usual or options.key_env or options.key_file):
                yield f"{dotted(('sources', source_id, *where))}: http:// sends the key unencrypted"
    for upstream in document.gateway.upstreams:
        if _is_clear(upstream.base_url) and (upstream.key_env or upstream.key_file or upstream.pass_credentials):
            yield f"gateway upstream {upstream.id}: http:// sends the key unencrypted"


def _addresses(document: Document) -> Iterator[str]:
    for channel in document.alerts.channels:
        if channel.url is None:
            continue
        address = channel.url.reveal()
        if kind_of(address) == "apprise" or "@" in address.partition("://")[2].partition("/")[0]:
            says = "what opens it stands in the configuration, which is shown and shared"
            yield f"alerts channel {channel.id}: {says}; `url_env` or `url_file` keeps it out"


def _is_clear(base_url: str | None) -> bool:
    return base_url is not None and base_url.lower().startswith("http://") and not stays_here(base_url)
