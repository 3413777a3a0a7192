"""How clients are pointed at the gateway: ``clients.toml`` read, and filled in with an address."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from stillup.errors import CatalogError


class Settings(Struct, frozen=True, kw_only=True):
    """What is set for a client, with the gateway's address and a user's token not yet filled in."""

    variables: dict[str, str] = {}
    token: dict[str, str] = {}

    def filled(self, url: str, token: str = "") -> dict[str, str]:
        """The variables for a gateway at ``url``; those that carry a token only with one."""
        chosen = {**self.variables, **(self.token if token else {})}
        return {name: fill(text, url, token) for name, text in chosen.items()}


class Client(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One client; the head of ``clients.toml`` says what each field is."""

    id: str
    name: str
    source: str
    file: str = ""
    snippet: str = ""
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


class _Clients(Struct, frozen=True, forbid_unknown_fields=True):
    every: Settings
    clients: tuple[Client, ...]


def fill(text: str, url: str, token: str = "") -> str:
    """A text with the gateway's address in it. Only these two marks are replaced: a snippet may hold others."""
    return text.replace("{{url}}", url).replace("{{token}}", token)


@cache
def _read() -> _Clients:
    text = (files("stillup.catalog") / "clients.toml").read_text("utf-8")
    try:
        return msgspec.toml.decode(text, type=_Clients, strict=True)
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        msg = f"catalogue file clients.toml: {exc}"
        raise CatalogError(msg) from exc


def clients() -> dict[str, Client]:
    """Every client by id.

    :raises CatalogError: the shipped file breaks the format.
    """
    return {client.id: client for client in _read().clients}


def every_client() -> Settings:
    """What the official SDKs and most tools read."""
    return _read().every


def client_of(program: str) -> Client | None:
    """The client that a program is, by the name it is started by."""
    return next((c for c in clients().values() if program in c.programs), None)
