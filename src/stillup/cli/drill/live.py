"""A drill followed as it goes on: a clock and a line for each scene on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from stillup.drill.score import score_of
from stillup.drill.values import Asked, Moment, Scene, What
from stillup.drill.words import became, line, seconds, share, what

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

_MOST_OPEN = 8


class Lines:
    """A plain line for whatever is worth one; of the requests that fail, the first of each lane and scene."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._failed: set[tuple[int, str]] = set()
        self._heard: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def tell(self, moment: Moment) -> None:
        """Print it."""
        if moment.what is What.ASKED:
            which = (moment.number, moment.lane)
            if moment.asked is None or moment.asked.ok or which in self._failed:
                return
            self._failed.add(which)
        if self._is_old(moment):
            return
        for words, style in spoken(moment):
            self._print(f"{seconds(moment.at_s):>7}  {words}", style)

    def _is_old(self, moment: Moment) -> bool:
        """What happens in the same words in each of thirty scenes is told once; the report has it in each."""
        if moment.what is not What.HAPPENED:
            return False
        is_old = moment.says in self._heard
        self._heard.add(moment.says)
        return is_old

    def ask(self, says: str) -> None:
        """A step that somebody is to do."""
        self._print(says, "bold")

    def _print(self, words: str, style: str) -> None:
        from rich.text import Text

        self._out.print(Text(words, style=style), soft_wrap=not self._out.is_terminal)


def spoken(moment: Moment) -> Iterator[tuple[str, str]]:
    """A moment in words, each with its style."""
    which = f"[{moment.number + 1}/{moment.of}] "
    match moment.what:
        case What.BEGINS:
            yield which + line(moment.says or moment.play.title or moment.play.key), "bold"
        case What.FAILS:
            yield f"{which}DRILL: {line(moment.says)}", "red"
        case What.HAPPENED:
            yield which + line(moment.says), ""
        case What.MENDED:
            yield which + (line(moment.says) or "the failure is over"), "green"
        case What.ASKED if moment.asked is not None:
            yield f"{which}{line(moment.lane, 60)}: {what(moment.asked)}: {became(moment.asked)}", "dim"
        case What.OVER if moment.scene is not None:
            yield which + outcome(moment.scene), "bold"
        case _:
            pass


def outcome(scene: Scene) -> str:
    """What a scene came to, lane by lane."""
    told = []
    for lane in scene.lanes:
        score = score_of(scene, lane)
        told.append(f"{line(lane.name, 60)} {share(score.continuity) if score.requests else 'nothing asked'}")
    return f"over{' (broken off)' if scene.aborted else ''}: {', '.join(told) or 'nothing was seen'}"


class _Open:
    """A scene under way: what has been seen of it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.says = "all is well"
        self.style = ""
        self.lanes: dict[str, list[int]] = {}

    def count(self, lane: str, asked: Asked) -> None:
        tally = self.lanes.setdefault(lane, [0, 0])
        tally[0] += 1
        tally[1] += asked.ok


class Board(Lines):
    """What is over scrolls by above; what is under way stands below, with a clock. ``now`` is seconds that go on."""

    def __init__(self, out: Console, now: Callable[[], float]) -> None:
        super().__init__(out)
        self._now = now
        self._began_s = now()
        self._open: dict[int, _Open] = {}
        self._done = self._of = 0
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(
            get_renderable=self._panel, console=self._out, refresh_per_second=4, transient=True, redirect_stderr=False
        )
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.__exit__(None, None, None)

    def tell(self, moment: Moment) -> None:
        """What it means for the scenes under way; what is over is printed above them."""
        self._of = moment.of
        scene = self._open.get(moment.number)
        if moment.what is What.BEGINS:
            self._open[moment.number] = _Open(line(moment.says or moment.play.title or moment.play.key))
        elif scene is None:
            return
        elif moment.what is What.ASKED and moment.asked is not None:
            scene.count(moment.lane, moment.asked)
        elif moment.what is What.FAILS:
            scene.says, scene.style = f"DRILL: {line(moment.says)}", "red"
        elif moment.what is What.MENDED:
            scene.says, scene.style = "the failure is over", "green"
        elif moment.what is What.HAPPENED and not self._is_old(moment):
            self._print(f"{seconds(moment.at_s):>7}  {line(moment.says)}", "")
        elif moment.what is What.OVER and moment.scene is not None:
            del self._open[moment.number]
            self._done += 1
            self._print(f"{seconds(moment.at_s):>7}  {scene.title}", "bold")
            self._print(f"{'':>7}  {outcome(moment.scene)}", "")

    def _panel(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        head = Text(
            f"{seconds(self._now() - self._began_s)} · {self._done} of {self._of or '?'} scenes · Ctrl-C ends it"
        )
        head.stylize("bold")
        shown = list(self._open.values())
        rows = [row for scene in shown[:_MOST_OPEN] for row in self._rows(scene)]
        if len(shown) > _MOST_OPEN:
            rows.append(Text(f"  and {len(shown) - _MOST_OPEN} more"))
        return Group(Text(), head, *rows)

    def _rows(self, scene: _Open) -> Iterator[Text]:
        from rich.text import Text

        yield Text.assemble("  ", (scene.title, "bold"), " · ", (scene.says, scene.style))
        told = [f"{line(lane, 60)} {ok} of {n} right" for lane, (n, ok) in scene.lanes.items()]
        if told:
            yield Text(f"    {' · '.join(told)}", style="dim")
