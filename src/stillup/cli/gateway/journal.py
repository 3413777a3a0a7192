"""``stillup gateway journal``: what was asked through the gateway, and what came back."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from stillup.cli.common import Finite, clock_time, color_option, config_option, console, indented, json_option, load
from stillup.cli.gateway.words import fault_words, length, why_words
from stillup.cli.say import put
from stillup.errors import BadDataError, StoreError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from stillup.gateway.journal.read import Exchange
    from stillup.gateway.journal.records import Seam, TryRecord

_WORDS = 60
_LEAST_WORDS = 8
_SHORT_ID = 16
"""``req_`` and twelve digits: enough to tell requests apart, and to give to ``show``."""
_NARROW = 70
"""Columns; below it a list has no time, no model and no question."""
_FEW = 8
_LEAST_ERROR = 400
_MOST_ERROR = 2000
_MB = 1024 * 1024


@click.group(
    name="journal",
    invoke_without_command=True,
    short_help="What went through the gateway, newest first.",
    help="What went through the gateway, newest first. `show ID` gives one exchange, `prune` deletes old ones.",
)
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many to list.")
@json_option
@color_option
@config_option
@click.pass_context
def journal_commands(
    context: click.Context, last: int, as_json: bool, color: bool | None, config_path: Path | None
) -> int:
    """List the newest exchanges unless a subcommand follows."""
    context.obj = config_path or context.obj
    if context.invoked_subcommand:
        return 0
    from stillup.clock import SystemClock
    from stillup.gateway.journal.read import read_exchanges

    found = islice(read_exchanges(_folder(context.obj), newest_first=True), last)
    if as_json:
        for exchange in found:
            put(msgspec.json.encode(_facts(exchange)))
        return 0
    newest = list(found)
    if newest:
        out = console(color=color)
        out.print(_table(newest, SystemClock().now(), out.width))
    else:
        click.echo("Nothing kept yet: the gateway keeps what goes through it when `gateway.journal` is on.", err=True)
    return 0


@journal_commands.command(
    name="show",
    help="One exchange: who was asked and why, what was asked, what came back. The beginning of its ID is enough.",
    short_help="One exchange: who answered, what was asked, what came back.",
)
@click.argument("id", metavar="ID")
@click.option(
    "--raw",
    type=click.Choice(["request", "answer"]),
    help="Only the bytes of the request's body or of the answer, as they were sent.",
)
@json_option
@color_option
@config_option
@click.pass_context
def show(
    context: click.Context,
    id: str,  # noqa: A002
    raw: str | None,
    as_json: bool,
    color: bool | None,
    config_path: Path | None,
) -> int:
    """Print one exchange; the beginning of its id is enough."""
    exchange = _the_one(_folder(config_path or context.obj), id)
    if raw:
        data = exchange.answer() if raw == "answer" else exchange.body()
        if data is None:
            msg = f"The file {exchange.id} is kept in is damaged where its request was."
            raise BadDataError(msg)
        put(data, nl=False)
    elif as_json:
        put(msgspec.json.encode(_facts(exchange) | {"answer": _answer(exchange), "error": _error(exchange)}))
    else:
        _print(exchange, color=color)
    return 0


@journal_commands.command(
    name="prune",
    help="Delete what is older or more than may be kept; a running gateway does it too.",
    short_help="Delete what is older or more than may be kept.",
)
@click.option("--days", type=Finite(min=0), help="Keep so many days. Default: `gateway.journal_days`.")
@click.option("--max-mb", type=click.IntRange(min=0), help="Keep so much. Default: `gateway.journal_max_mb`.")
@config_option
@click.pass_context
def prune(context: click.Context, days: float | None, max_mb: int | None, config_path: Path | None) -> int:
    """Delete old segments; the one a running gateway writes stays."""
    from stillup.clock import SystemClock
    from stillup.gateway.journal.retention import prune as delete

    config_path = config_path or context.obj
    gateway = load(config_path).gateway
    try:
        gone = delete(
            _folder(config_path),
            SystemClock().now().timestamp(),
            keep_days=gateway.journal_days if days is None else days,
            max_bytes=(gateway.journal_max_mb if max_mb is None else max_mb) * _MB,
        )
    except OSError as error:
        msg = f"the journal cannot be read: {error.strerror or type(error).__name__}"
        raise StoreError(msg) from error
    files = "file" if gone.segments == 1 else "files"
    click.echo(f"{gone.segments} {files} deleted ({gone.bytes / _MB:.1f} MB), {gone.left_bytes / _MB:.1f} MB kept")
    return 0


def _the_one(folder: Path, beginning: str) -> Exchange:
    """The exchange with that id, else the only one whose id begins so.

    :raises UsageError: there is none, or there are several.
    """
    from stillup.gateway.journal.read import read_exchanges

    found: dict[str, Exchange] = {}
    for exchange in read_exchanges(folder, newest_first=True, having=beginning.encode()):
        if exchange.id == beginning:
            return exchange
        if exchange.id.startswith(beginning):
            found.setdefault(exchange.id, exchange)
    if not found:
        msg = (
            f"No exchange that is kept has an id that begins with {beginning!r}; `stillup gateway journal` lists them."
        )
        raise UsageError(msg)
    if len(found) > 1:
        more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
        msg = f"{beginning!r} is the beginning of several ids: {', '.join(list(found)[:_FEW])}{more}; say more of it."
        raise UsageError(msg)
    return found.popitem()[1]


def _folder(config_path: Path | None) -> Path:
    return load(config_path).data_folder / "journal"


def _facts(exchange: Exchange) -> dict[str, object]:
    """All but the answer, for programs."""
    begin, end = exchange.begin, exchange.end
    return {
        "id": exchange.id,
        "at": _time(exchange.at_s),
        "ended_at": None if exchange.ended_s is None else _time(exchange.ended_s),
        "protocol": begin.protocol,
        "operation": begin.operation,
        "model": begin.model,
        "stream": begin.stream,
        "outcome": exchange.outcome,
        "status": end.status if end else None,
        "reason": (end.reason if end else "") or None,
        "upstream": _upstream(exchange),
        "asked": _asked(exchange),
        "tries": [{name: getattr(one, name) for name in one.__struct_fields__} for one in exchange.tries],
        "seams": [{name: getattr(one, name) for name in one.__struct_fields__} for one in exchange.seams],
    }


def _table(exchanges: list[Exchange], now: datetime, width: int) -> Table:
    """The words that were asked get what room the other columns leave, if any; names alone may be folded."""
    from rich.table import Table

    from stillup.sources.decode import clean

    is_narrow = width < _NARROW
    shown = slice(1, 4) if is_narrow else slice(None)
    titles = ("Began", "Id", "Outcome", "By", "Model")[shown]
    rows = [
        (
            clock_time(_time(one.at_s), now),
            clean(one.id[:_SHORT_ID], _WORDS),
            clean(one.outcome, _WORDS),
            clean(_upstream(one), _WORDS) or "–",
            clean(one.begin.model, _WORDS) or "–",
        )[shown]
        for one in exchanges
    ]
    taken = sum(max(map(len, column)) + 2 for column in zip(titles, *rows, strict=True))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold", no_wrap=title not in {"By", "Model"})
    if is_narrow:
        for row in rows:
            table.add_row(*row)
        return table
    table.add_column("Asked", no_wrap=True)
    for row, one in zip(rows, exchanges, strict=True):
        table.add_row(*row, clean(_asked(one), min(_WORDS, max(_LEAST_WORDS, width - taken))) or "–")
    return table


def _print(exchange: Exchange, *, color: bool | None) -> None:
    from stillup.sources.decode import clean

    out, begin = console(color=color), exchange.begin
    lasted = f" after {length(exchange.ended_s - exchange.at_s)}" if exchange.ended_s is not None else ""
    status = f" ({exchange.end.status})" if exchange.end and exchange.end.status else ""
    out.print(f"{exchange.id}  {_time(exchange.at_s):%Y-%m-%d %H:%M:%S} UTC  {begin.method} {clean(begin.path, 200)}")
    out.print(f"model {clean(begin.model, _WORDS) or '–'}, {clean(exchange.outcome, _WORDS)}{status}{lasted}")
    for one in exchange.tries:
        out.print(indented(clean(_try_line(one), 400)))
    for seam in exchange.seams:
        out.print(indented(clean(_seam_line(seam), 400)))
    if not exchange.tries and exchange.end:
        out.print(indented("nobody was asked"))
    parts = {"asked": _asked(exchange), "answered": _answer(exchange), "error": _error(exchange)}
    if parts["error"] and not parts["answered"]:
        del parts["answered"]
    if not parts["error"]:
        del parts["error"]
    for title, text in parts.items():
        out.print(f"\n{title}:", style="bold")
        out.print(_lines(text) or "(no text)")


def _try_line(one: TryRecord) -> str:
    """Who, what came, after how long, and why it was asked where that needs a word.

    A try that neither answered nor failed was given up: the client left, or another was quicker.
    """
    came = "answered" if one.ok else f"failed: {fault_words(one.fault)}" if one.fault else "given up"
    status = f" ({one.status})" if one.status else ""
    name = f"{one.upstream}/{one.model}" if one.model else one.upstream
    why = why_words(one.why)
    drill = f"A drill made it fail: {one.drill}." if one.drill else ""
    changed = f"Sent with: {', '.join(one.changes)}." if one.changes else ""
    told = " ".join(filter(None, (why, drill, changed)))
    return f"{name}: {came}{status} after {length(one.total_s)}{f'. {told}' if told else ''}"


_FORMS = {
    "instruction": "asked to by an instruction",
    "prefill": "with the beginning as a prefill",
    "prefix": "with the beginning as a prefix",
    "continue_final_message": "with the beginning as the last message",
}
"""How somebody was asked to go on, by a seam's form."""


def _seam_line(seam: Seam) -> str:
    """Where an answer broke off, why, and who went on with it."""
    words = _FORMS.get(seam.form, seam.form)
    asked = f", {words}" if words else ""
    return (
        f"broke off behind {seam.characters} characters ({fault_words(seam.fault)}); "
        f"{seam.upstream}/{seam.model} went on{asked}"
    )


def _asked(exchange: Exchange) -> str:
    from stillup.gateway.journal.words import asked

    return asked(exchange.body() or b"", dict(exchange.begin.headers).get("content-encoding", ""))


def _answer(exchange: Exchange) -> str:
    from stillup.gateway.journal.words import answered

    return answered(exchange.answer(), exchange.answering[0].content_encoding if exchange.answering else "")


def _error(exchange: Exchange) -> str:
    """What the client was told of failure: our words or an upstream's; its page as it stands where it sent one."""
    from stillup.gateway.journal.words import told

    answer, end = exchange.answer(), exchange.end
    said = told(answer, exchange.answering[0].content_encoding if exchange.answering else "")
    failed = end is not None and end.status is not None and end.status >= _LEAST_ERROR
    return said or (answer[:_MOST_ERROR].decode("utf-8", "replace") if failed else "")


def _upstream(exchange: Exchange) -> str:
    """Who answered, one after another, and who went on with it; else who was asked last."""
    names = [one.upstream for one in exchange.answering] + [one.upstream for one in exchange.seams]
    return ", ".join(dict.fromkeys(names or [one.upstream for one in exchange.tries[-1:]]))


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _lines(text: str) -> str:
    """The text with its lines and nothing that steers a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "    " if c == "\t" else "" for c in text)
