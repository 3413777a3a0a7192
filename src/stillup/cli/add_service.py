"""``stillup add-service``: a draft of a service from its status page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stillup.cli.common import config_option, load
from stillup.errors import BadDataError, Malformed, SourceError, UsageError
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.catalog.draft import Draft
    from stillup.config import Config
    from stillup.sources.pages.recognise import Found

_MOST_PARTS = 60
_NAME_CHARS = 60


@click.command(
    name="add-service",
    help="Watch a service that the catalogue does not have. Recognises the software behind its status page, reads its "
    "components, and writes a draft that works at once: `stillup NAME`. Any field of it can be changed afterwards.",
)
@click.argument("name")
@click.option("--status-page", "url", required=True, metavar="URL", help="The address of its status page.")
@click.option("--home", default="", metavar="URL", help="The service's own address: it is then probed too.")
@click.option("--print", "only_print", is_flag=True, help="Print the draft and write nothing.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@config_option
def command(name: str, url: str, home: str, only_print: bool, force: bool, config_path: Path | None) -> int:
    """Recognise, read, write."""
    from stillup.catalog.draft import draft_text
    from stillup.catalog.load import catalogue, own_folder

    config = load(config_path)
    called = _called(name)
    for option, address in (("--status-page", url), ("--home", home)):
        _check(option, address)
    found = asyncio.run(_look(url, config))
    draft = _draft(called, home, found)
    text = draft_text(draft)
    if only_print:
        click.echo(text, nl=False)
        return 0
    path = own_folder() / f"{draft.id}.toml"
    ships = draft.id in catalogue() and not path.exists()
    if path.exists() and not force:
        msg = f"{path} is there already; --force writes over it, --print shows the draft"
        raise UsageError(msg)
    _write(path, text)
    stands_for = " It stands for the shipped one of that name." if ships else ""
    click.echo(f"{len(draft.parts)} components from {found.base} (made by {found.source.id}).{stands_for}")
    click.echo(f"Written: {path}\nTry it:  stillup {draft.id}")
    return 0


def _called(name: str) -> str:
    from stillup.catalog.draft import slug
    from stillup.cli.answer.which import ALL
    from stillup.cli.main import COMMANDS

    called = clean(name, _NAME_CHARS)
    if slug(called) in (ALL, *COMMANDS):
        msg = f"`stillup {slug(called)}` means something else already; give the service another name"
        raise UsageError(msg)
    if not slug(called):
        msg = f"{name[:40]!r} cannot be a service's name; allowed: at least one letter a to z or digit"
        raise UsageError(msg)
    return called


def _check(option: str, address: str) -> None:
    from urllib.parse import urlsplit

    from stillup.net import is_loopback
    from stillup.sources.decode import http_url

    if not address:
        return
    parts = urlsplit(address) if http_url(address) else None
    safe = parts is not None and parts.hostname and "@" not in parts.netloc
    if parts is None or not safe or (parts.scheme == "http" and not is_loopback(parts.hostname or "")):
        msg = f"{option} {address[:60]!r} is no address that can be used; allowed: https://host/path"
        raise UsageError(msg)


async def _look(url: str, config: Config) -> Found:
    from stillup.clock import SystemClock
    from stillup.net import Net
    from stillup.sources.pages.recognise import recognise

    clock = SystemClock()
    async with Net(clock, cache_dir=config.data_folder / "cache") as net:
        try:
            return await recognise(url, net, clock.now(), takes_quiet_feeds=True)
        except Malformed as exc:
            msg = f"{exc}; where it has a feed (RSS or Atom), the feed's own address will do"
            raise BadDataError(msg) from exc
        except SourceError as exc:
            msg = f"the page could not be read, nothing is written: {exc}"
            raise BadDataError(msg) from exc


def _draft(name: str, home: str, found: Found) -> Draft:
    from stillup.catalog.draft import Draft, Part

    rows = [row for row in found.page.rows if not row.group][:_MOST_PARTS]
    parts = [Part(clean(row.id, 80), clean(row.name, 80) or clean(row.id, 80)) for row in rows if clean(row.id, 80)]
    return Draft(name=name, home=home.rstrip("/"), platform=found.source.id, page_url=found.base, parts=parts)


def _write(path: Path, text: str) -> None:
    from stillup.catalog.load import service_of

    service_of(text, path)  # before it is there: one file that cannot be read stops every command
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(text, "utf-8")
        fresh.replace(path)
    except OSError as exc:
        msg = f"{path}: cannot be written: {exc.strerror}"
        raise BadDataError(msg) from exc
