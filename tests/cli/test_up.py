"""The command ``stillup up``: refused where it cannot be right, and silent once nobody reads what it prints."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from stillup.catalog.load import catalogue
from stillup.cli.live.watch import Lines, opening
from stillup.cli.main import run
from stillup.cli.operate.up import UntilGone
from stillup.cli.say import ReaderGone
from stillup.config import parse_config
from stillup.model.service import State
from stillup.model.verdict import Verdict
from stillup.registry import usable_sources


class Printer:
    """A listener whose reader leaves after some lines."""

    def __init__(self, lines, error):
        self.told, self.lines, self.error = [], lines, error

    def _print(self, what):
        if len(self.told) >= self.lines:
            raise self.error
        self.told.append(what)

    def heard(self, report):
        self._print(("heard", report))

    def judged(self, now, changes):
        self._print(("judged", now, changes))

    def trouble(self, why):
        self._print(("trouble", why))


@pytest.mark.parametrize("error", [ReaderGone(), BrokenPipeError(), OSError("no space")])
def test_when_nobody_reads_any_more_it_falls_silent_and_goes_on(error):
    printer = Printer(3, error)
    listener = UntilGone(printer)
    for _ in range(2):
        listener.heard("report")
        listener.judged("now", ())
        listener.trouble("why")
    assert printer.told == [("heard", "report"), ("judged", "now", ()), ("trouble", "why")]


def test_an_error_of_ours_is_not_taken_for_a_reader_that_left():
    with pytest.raises(ZeroDivisionError):
        UntilGone(Printer(0, ZeroDivisionError())).judged("now", ())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config", "/nowhere.toml"], "nowhere.toml"),
        (["--log", "/nowhere/at/all.log"], "the access log /nowhere/at/all.log cannot be opened"),
        (["--log-format", "xml"], "xml"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_listens(arguments, says, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STILLUP_HOME", str(tmp_path / "data"))
    assert run(["up", *arguments]) == 64
    assert says in capsys.readouterr().err


def test_with_every_source_switched_off_it_does_not_say_that_it_watches():
    off = "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in usable_sources())
    claude = [catalogue()["claude"]]
    assert opening(claude, parse_config(off), with_gateway=True) == (
        "Nothing is watched: every source is switched off in the configuration; "
        "only what your own requests meet is seen. Ctrl-C ends."
    )
    for config in ("", f"{off}[sources.probe.claude]\nenabled = true"):
        assert opening(claude, parse_config(config)).startswith("Watching Claude. The first judgement comes")


def test_what_a_source_tells_of_yesterday_bears_its_date():
    now = datetime(2026, 11, 27, 0, 36, tzinfo=UTC)
    out = Console(file=io.StringIO(), width=100)
    changes = [Verdict(at=now - ago, service=s, state=State.OPERATIONAL)
               for s, ago in (("claude", timedelta(hours=23, minutes=21)), ("chatgpt", timedelta(0)))]  # fmt: skip
    Lines(out, "Watching.").judged(now, changes)
    lines = out.file.getvalue().splitlines()
    assert lines[1].startswith("26 Nov 01:15  ✓ Claude: operational")
    assert lines[2].startswith("00:36  ✓ ChatGPT: operational")
