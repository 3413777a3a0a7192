"""Model servers on this machine, asked what models they have. Loopback and what the environment names, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from stillup.catalog.providers import Provider, providers
from stillup.gateway.upstreams import Local, local_origin

_PATIENCE_S = 0.5
_MAX_BYTES = 4 * 1024 * 1024
_MAX_MODELS = 1_000
_LONGEST_NAME = 300


class _Entry(Struct):
    id: str = ""


class _Listing(Struct):
    data: tuple[_Entry, ...] = ()


def find_local(environ: Mapping[str, str]) -> tuple[Local, ...]:
    """The local servers that answer now, with their models. Takes milliseconds where nothing listens."""
    return tuple(_answering(environ))


def _answering(environ: Mapping[str, str]) -> Iterator[Local]:
    for provider in providers().values():
        origin = _where(provider, environ)
        models = _models_at(origin) if origin else None
        if models is not None:
            yield Local(provider=provider.id, origin=origin, models=models)


def _where(provider: Provider, environ: Mapping[str, str]) -> str:
    """Where a variable says, or its own port where nothing else usually listens; other ports are left alone."""
    if not provider.is_local:
        return ""
    named = local_origin(provider, environ)
    return named or (f"http://127.0.0.1:{provider.port}" if provider.port else "")


def _models_at(origin: str) -> tuple[str, ...] | None:
    """The models a server lists; None where none answers as such a server does."""
    parts = urlsplit(origin)
    if parts.scheme != "http" or not parts.hostname:
        return None
    with closing(HTTPConnection(parts.hostname, parts.port or 80, timeout=_PATIENCE_S)) as connection:
        try:
            connection.request("GET", "/v1/models")
            answer = connection.getresponse()
            body = answer.read(_MAX_BYTES)
        except (OSError, HTTPException):
            return None
    if answer.status != 200:
        return None
    try:
        listed = msgspec.json.decode(body, type=_Listing).data
    except msgspec.DecodeError:
        return None
    return tuple(entry.id for entry in listed[:_MAX_MODELS] if 0 < len(entry.id) <= _LONGEST_NAME)
