"""Which sources work from here: a machine that is cut off is said once, and is no source's fault."""

import io
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from rich.console import Console

from stillup.cli.operate import doctor
from stillup.cli.operate.doctor import _table, cut_off, row, works
from stillup.errors import Blame
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Declared, Outcome
from stillup.sources.base import Reading
from stillup.sources.report import Failure, FailureKind, Report
from stillup.sources.schedule import Why

NOW = datetime(2026, 5, 12, 15, 0, 30, tzinfo=UTC)


def report(source, *signals, error=None, service="claude"):
    reading = None if error else Reading(signals=tuple(signals), says=f"{source} says")
    return Report(source=source, service=service, started_at=NOW, elapsed_ms=90, next_at=NOW, why_next=Why.CADENCE,
                  reading=reading, error=error)  # fmt: skip


def probe(layer, error, service="claude"):
    tried = Outcome(at=NOW, service=service, source="probe", layer=layer, ok=error is None, error=error)
    return report("probe", tried, service=service)


def unreached(source, service="claude"):
    says = f"{source}.example: DNS: no answer"
    return report(source, error=Failure(kind=FailureKind.UNREACHABLE, says=says, blame=Blame.NETWORK), service=service)


def unset(source, service="claude"):
    failure = Failure(kind=FailureKind.NOT_CONFIGURED, says="X needs a token", blame=Blame.USER)
    return report(source, error=failure, service=service)


PAGE = report("statuspage", Declared(at=NOW, service="claude", source="statuspage", state=State.OPERATIONAL))
NOTED = report("claude_code", Alive(at=NOW, service="claude", source="claude_code"))
OFFLINE = probe(Layer.LOCAL, "offline")


def table(reports):
    out = Console(file=io.StringIO(), width=100, force_terminal=False)
    out.print(_table(reports, is_cut_off=bool(cut_off(reports))))
    return out.file.getvalue()


@pytest.mark.parametrize(
    ("reports", "words"),
    [
        ([OFFLINE, unreached("statuspage")], "This machine is cut off"),
        ([probe(Layer.NETWORK, "captive_portal"), unreached("reddit")], "Sign in to it in a browser"),
        ([OFFLINE, NOTED], "This machine is cut off"),
    ],
)
def test_a_machine_that_reaches_nobody_is_said_in_one_sentence(reports, words):
    assert words in cut_off(reports)


@pytest.mark.parametrize(
    "reports",
    [
        [OFFLINE, PAGE],
        [probe(Layer.EDGE, "server_error"), unreached("statuspage")],
        [probe(Layer.EDGE, None), unreached("reddit")],
        [unreached("statuspage")],
        [],
    ],
)
def test_where_somebody_is_reached_or_nobody_looked_it_is_not_said(reports):
    assert cut_off(reports) == ""


def test_a_probe_that_only_finds_this_machine_offline_is_no_source_that_works():
    assert [works(r) for r in (OFFLINE, probe(Layer.EDGE, "server_error"), PAGE, unreached("reddit"))] == [
        False,
        True,
        True,
        False,
    ]
    assert (row(OFFLINE)["ok"], row(OFFLINE)["works"]) == (True, False)


def test_what_is_not_reached_stands_in_one_line_a_service_and_what_is_yours_to_mend_in_its_own():
    said = table([unreached("statuspage"), OFFLINE, unreached("reddit"), unset("x"), unreached("rss", "github")])
    assert "DNS" not in said
    assert "2 sources         not reached from here: statuspage, reddit" in said
    assert "1 source          not reached from here: rss" in said
    assert "X needs a token; you can mend it" in said
    assert "✓" not in said


def test_what_is_not_set_up_is_said_once_for_all_services_and_behind_what_was_asked():
    said = table([unset("x"), PAGE, unset("x", "chatgpt"), unset("y", "chatgpt"), unset("y"), unset("y", "grok")])
    assert said.count("X needs a token") == 2
    lines = [line.split()[:3] for line in said.splitlines()[1:]]
    assert lines == [["✓", "claude", "statuspage"], ["–", "claude,", "chatgpt"], ["–", "3", "services"]]


def test_where_the_machine_is_online_each_source_has_its_own_reason():
    said = table([PAGE, unreached("reddit"), unreached("mastodon")])
    assert said.count("DNS: no answer; look at the network") == 2


@pytest.mark.parametrize(("found", "code"), [([OFFLINE, NOTED], 1), ([OFFLINE, PAGE], 0), ([PAGE], 0), ([NOTED], 0)])
def test_the_exit_code_is_1_where_this_machine_is_cut_off(found, code, monkeypatch, tmp_path, capsys):
    from stillup.cli.main import run

    async def examined(*_):
        return found

    monkeypatch.setattr(doctor, "_examine", examined)
    path = tmp_path / "stillup.toml"
    path.write_text(f'data = "{tmp_path / "data"}"\n')
    assert run(["doctor", "claude", "--config", str(path)]) == code
    assert ("cut off" in capsys.readouterr().out) is (code == 1)


def _may_unshare():
    tried = shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return bool(tried) and tried.returncode == 0


@pytest.mark.skipif(not _may_unshare(), reason="needs a network namespace of its own")
def test_without_any_network_it_says_so_once(tmp_path):
    path = tmp_path / "stillup.toml"
    path.write_text(f'data = "{tmp_path / "data"}"\n')
    args = ["unshare", "-rn", sys.executable, "-m", "stillup", "doctor", "claude", "--config", str(path)]
    done = subprocess.run(
        args, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert done.returncode == 1
    assert done.stdout.count("cut off") == 1
    assert "DNS: no answer" not in done.stdout
