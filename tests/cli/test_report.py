"""``stillup report``: to the page of this machine, to a hub, or to nobody, said clearly."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from random import Random

import pytest
import uvicorn

from stillup.catalog.load import catalogue
from stillup.cli.main import run
from stillup.cli.report import local_zone
from stillup.clock import SystemClock
from stillup.config.schema import Web
from stillup.daemon.board import first_board
from stillup.hub.desk import Hub
from stillup.hub.values import Reason
from stillup.web.front import Front
from stillup.web.site import Site

SAID = ["report", "claude", "--problem", "sign_in", "--component", "web"]


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    for name in [n for n in os.environ if n.lower().endswith("_proxy") or n.startswith("STILLUP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.setenv("HOME", str(tmp_path))


class Page:
    """A real page that takes reports of Claude."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.hub = Hub(Random(1).randbytes, datetime.now(UTC), ["claude"])
        board = first_board([catalogue()["claude"]], clock.now())
        self.front = Front(Site(settings=Web(), clock=clock, board=lambda: board, desk=self.hub))
        config = uvicorn.Config(self.front, host="127.0.0.1", port=0, access_log=False, log_level="warning")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.01)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"


@pytest.fixture
def page():
    made = Page()
    yield made
    made.server.should_exit = True
    made.thread.join(5)


@pytest.fixture
def config(tmp_path):
    """Writes a configuration; its path."""

    def write(listen="127.0.0.1:9", hub=""):
        path = tmp_path / "stillup.toml"
        told = f'data = "{tmp_path}"\n[web]\nlisten = "{listen}"\n'
        path.write_text(told + (f'[sources.hub]\nbase_url = "{hub}"\n' if hub else ""))
        return ["--config", str(path)]

    return write


def test_a_report_goes_to_the_page_that_runs_here(page, config, capsys):
    assert run([*SAID, *config(page.address)]) == 0

    out = capsys.readouterr().out
    assert out.startswith(f"Claude: sign_in in web from DE → http://{page.address}\n")
    assert "Thank you" in out
    assert page.hub.reasons == {Reason.ADMITTED: 1}


def test_without_a_page_it_goes_to_the_hub_of_the_configuration(page, config, capsys):
    assert run([*SAID, "--json", "--region", "us-ca", *config(hub=f"http://{page.address}")]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["to"] == f"http://{page.address}"
    assert told["report"] == {"service": "claude", "problem": "sign_in", "component": "web", "region": "US-CA"}
    assert (told["taken"], told["reason"]) == (True, "admitted")


def test_it_can_be_told_where_to_go(page, config, capsys):
    assert run([*SAID, "--region", "none", "--to", f"http://{page.address}/", *config()]) == 0
    assert capsys.readouterr().out.startswith(f"Claude: sign_in in web → http://{page.address}\n")


def test_where_nobody_answers_it_says_what_to_do(config, capsys):
    assert run([*SAID, *config()]) == 69
    assert "`stillup up` starts one" in capsys.readouterr().err
    assert run([*SAID, "--to", "http://127.0.0.1:9", *config()]) == 69


def test_too_many_are_refused_with_a_time(page, config, capsys):
    to = ["--to", f"http://{page.address}", *config()]
    codes = [run(["report", "claude", "-p", p, *to]) for p in ("slow", "other", "quality")]

    assert codes == [0, 0, 1]
    assert "try again in" in capsys.readouterr().err


def test_a_service_that_is_not_watched_there_is_said(page, config, capsys):
    assert run(["report", "chatgpt", "-p", "slow", *config(page.address)]) == 1
    assert "chatgpt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["report", "claud", "-p", "slow"], "did you mean claude"),
        (["report", "claude"], "--problem"),
        (["report", "claude", "-p", "gremlins"], "sign_in"),
        (["report", "claude", "-p", "slow", "-c", "wep"], "did you mean web?"),
        (["report", "claude", "-p", "slow", "-r", "US-ZZ"], "no region is called 'US-ZZ'"),
        (["report", "claude", "-p", "slow", "--to", "ftp://x"], "does not begin with http"),
    ],
)
def test_bad_usage_is_said_before_anything_is_sent(words, says, capsys):
    assert run(words) == 64
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "linked", "written", "zone"),
    [
        ({"TZ": "Asia/Tokyo"}, "", "", "Asia/Tokyo"),
        ({"TZ": ":/usr/share/zoneinfo/Asia/Tokyo"}, "", "", "Asia/Tokyo"),
        ({}, "/usr/share/zoneinfo/Europe/Paris", "", "Europe/Paris"),
        ({}, "", "America/Phoenix\n", "America/Phoenix"),
        ({}, "", "", ""),
    ],
)
def test_the_time_zone_is_found_where_systems_keep_it(tmp_path, environ, linked, written, zone):
    if linked:
        (tmp_path / "localtime").symlink_to(linked)
    if written:
        (tmp_path / "timezone").write_text(written)

    assert local_zone(environ, tmp_path) == zone
