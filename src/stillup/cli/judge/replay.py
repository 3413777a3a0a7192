"""``stillup replay FILE.jsonl``: signals in, changes of verdict out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
import msgspec

from stillup.cli.common import STYLES, color_option, config_option, console, json_option, load
from stillup.cli.reading import bounded, opened
from stillup.cli.say import put, say
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.model.verdict import Verdict
    from stillup.verdict.replay import Replay

_SHOWN = 20


@click.command(
    name="replay",
    help="Judge the signals of FILE (one JSON object a line; `-` reads standard input) and print every change of "
    "verdict. Bad lines are named and the rest is used; the exit code is then 65.",
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@json_option
@color_option
@config_option
def command(file: Path, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    """Replay one file."""
    with opened(file) as lines:
        return _replay(lines, as_json=as_json, color=color, config_path=config_path)


def _replay(lines: BinaryIO, *, as_json: bool, color: bool | None, config_path: Path | None) -> int:
    from stillup.cli.live.watch import change_line
    from stillup.daemon.jobs import forecaster, profile_of, settings_of
    from stillup.verdict.monitor import Monitor
    from stillup.verdict.replay import MAX_LINE, Replay

    replay = Replay(Monitor(profile_of, settings_of(load(config_path)), forecaster()))
    out = console(color=color)
    said: dict[tuple[str, str | None], Verdict] = {}
    for change in replay.run(bounded(lines, MAX_LINE)):
        if as_json:
            put(msgspec.json.encode(change.wire()))
        else:
            subject = (change.service, change.component)
            out.print(f"{change.at:%Y-%m-%d} {change_line(change, said.get(subject))}", style=STYLES[change.state])
            said[subject] = change
    _tell(replay)
    return BadDataError.exit_code if replay.bad_count else 0


def _tell(replay: Replay) -> None:
    """What could not be used, on stderr: bad lines by number, late ones and strangers by count."""
    for bad in replay.bad[:_SHOWN]:
        say(f"line {bad.number}: {bad.why}")
    if replay.bad_count > _SHOWN:
        say(f"… and {replay.bad_count - _SHOWN} more bad lines")
    if replay.late_count:
        say(f"{replay.late_count} lines came more than five minutes late and were dropped")
    strangers = replay.monitor.unknown_sources
    for source, count in strangers.most_common(_SHOWN):
        say(f"unknown source {source!r} ({count} lines): ignored; a line may name its family")
    if len(strangers) > _SHOWN:
        say(f"… and {len(strangers) - _SHOWN} more unknown sources")
    dropped = replay.monitor.overflow
    if dropped:
        say(f"{dropped} lines were dropped: more services, sources or components than are followed at once")
