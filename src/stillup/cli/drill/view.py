"""Drills printed: the list, the scenes, a report, and what a run came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillup.cli.common import indented
from stillup.drill import report
from stillup.drill.score import score_of, worth_of
from stillup.drill.values import Drill, Play, Where
from stillup.drill.words import count, line, seconds, title
from stillup.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

_SCENES, _LOST = 3, 6


def facts(drill: Drill, *, whole: bool = False) -> dict[str, Any]:
    """A drill for programs: its figures, and with ``whole`` everything that was seen."""
    worth = worth_of(drill)
    scenes = [
        {
            "scene": Play(kind=scene.kind, name=scene.name).key,
            "title": scene.title,
            "aborted": scene.aborted,
            "lanes": {lane.name: {"backed": lane.backed, "score": score_of(scene, lane)} for lane in scene.lanes},
        }
        for scene in drill.scenes
    ]
    told = {
        "id": drill.id, "at": drill.at, "where": drill.where, "simulated": drill.simulated, "aborted": drill.aborted,
        "took_s": drill.took_s, "continuity": worth.backed, "without_backups": worth.alone, "requests": worth.asked,
        "whole": worth.is_whole, "says": worth.says, "scenes": scenes,
    }  # fmt: skip
    return told | ({"drill": drill} if whole else {})


def print_list(drills: Sequence[Drill], out: Console) -> None:
    """The drills that were run, a paragraph each."""
    from rich.text import Text

    if not drills:
        out.print(
            "No drill was run yet. `stillup drill run` plays one on this machine; `stillup drill plan` says which."
        )
    for drill in drills:
        worth = worth_of(drill)
        real = " (real requests)" if drill.where is Where.GATEWAY else ""
        style = "yellow" if worth.backed is None or drill.aborted else "green" if worth.is_whole else "red"
        out.print(Text.assemble((f"{drill.at:%Y-%m-%d %H:%M} UTC  ", "bold"), (drill.id, "dim"), real))
        out.print(indented(Text(report.headline(worth, aborted=drill.aborted), style=style)))
        out.print(indented(Text(f"{_scenes(drill)} · {seconds(drill.took_s)}")))


def _scenes(drill: Drill) -> str:
    titles = [title(scene) for scene in drill.scenes]
    more = f" and {len(titles) - _SCENES} more" if len(titles) > _SCENES else ""
    return ", ".join(titles[:_SCENES]) + more


def print_scenes(plays: Sequence[Play], out: Console) -> None:
    """What can be played."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for play in plays:
        table.add_row(line(play.key, 60), line(play.title))
    out.print(table)


def print_report(drill: Drill, out: Console) -> None:
    """The report: set out on a terminal, as Markdown elsewhere."""
    print_markdown(report.markdown(drill), out)


def print_markdown(text: str, out: Console) -> None:
    """Set out on a terminal, as it is elsewhere."""
    if not out.is_terminal:
        out.file.write(text)
        return
    from rich.markdown import Markdown

    out.print(Markdown(text))


def print_outcome(drill: Drill, out: Console) -> None:
    """What a run came to, in few lines; the report has the rest."""
    from rich.text import Text

    worth = worth_of(drill)
    style = "bold yellow" if worth.backed is None or drill.aborted else "bold green" if worth.is_whole else "bold red"
    out.print()
    out.print(Text(report.headline(worth, aborted=drill.aborted), style=style))
    out.print(Text(f"{worth.says[:1].upper()}{worth.says[1:]}."))
    for words in _lost(drill):
        out.print(Text(words))
    out.print(Text(f"`stillup drill report {drill.id}` has everything; --html FILE and --markdown FILE write it down."))


def _lost(drill: Drill) -> Iterator[str]:
    """What was lost with the backups, exactly; without them in a figure."""
    for scene in map(report.played, drill.scenes):
        for came in scene.lanes:
            if came.backed and came.score.errors:
                yield f"Lost in “{scene.title}”:"
                told = [*came.lost, *(f"kept for later: {words}" for words in came.kept)]
                yield from (f"  - {words}" for words in told[:_LOST])
                if came.more or len(told) > _LOST:
                    yield f"  - and more: {count(came.score.errors, 'request')} in all, which the report has"
    alone = [score_of(scene, lane) for scene in drill.scenes for lane in scene.lanes if not lane.backed]
    failed, chars = sum(s.errors for s in alone), sum(s.lost_chars for s in alone)
    if failed:
        never = f", and {count(chars, 'character')} of answers never came" if chars else ""
        yield f"Without the backups {count(failed, 'request')} failed{never}."


def write(drill: Drill, history: Sequence[Drill], html: Path | None, markdown: Path | None) -> Iterator[Path]:
    """Write the report where it is wanted.

    :raises UsageError: it cannot be written there.
    """
    for path, is_html in ((html, True), (markdown, False)):
        if path is not None:
            text = report.page(drill, history) if is_html else report.markdown(drill)
            try:
                path.write_text(text, "utf-8", "replace")
            except OSError as exc:
                msg = f"{path}: cannot be written: {exc.strerror or exc}"
                raise UsageError(msg) from exc
            yield path
