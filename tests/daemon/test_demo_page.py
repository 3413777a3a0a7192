"""The demo's page: it shows the story as it is played, and stands until whoever looks at it has seen enough."""

import asyncio
import socket

import aiohttp
import pytest

from stillup.cli.common import console
from stillup.cli.demo import page as demo_page
from stillup.cli.demo.page import Screen, Wishes, wishes
from stillup.daemon.demo import page as served
from stillup.daemon.demo.page import DemoPage, free_address
from stillup.daemon.demo.play import play
from stillup.sim.load import parse

STORY = """
id = "made-up"
title = "Sign-in fails <b>for</b> an hour"
service = "claude"
starts = 2026-01-05T10:50:00Z
ends = 2026-01-05T11:40:00Z
[usual]
reports_per_day = 60
posts_per_day = 12
chatter_per_day = 240
requests_per_hour = 20
components = { web = 1 }
regions = { US = 1 }
problems = { slow = 1 }
[[faults]]
id = "sign-in"
layer = "auth"
components = { web = 1, console = 1 }
from = 2026-01-05T11:00:00Z
to = 2026-01-05T11:40:00Z
[[official]]
at = 2026-01-05T11:10:00Z
posted_at = 2026-01-05T11:10:00Z
stage = "investigating"
title = "Nobody can sign in"
body = "We look into it."
components = { web = "major_outage" }
"""


async def get(url, **rest):
    async with aiohttp.ClientSession() as client, client.get(url, **rest) as got:
        return got.status, await got.text()


async def shown_at(speed):
    """Where a story stood, what was on its page when it was over, and the alerts that went out."""
    told, seen, alerts = [], {}, []

    async def ended(outcome):
        seen["page"] = await get(f"{told[0]}/claude")
        seen["past"] = await get(f"{told[0]}/incidents")
        seen["api"] = await get(f"{told[0]}/api/v1/services/claude")

    page = DemoPage(told.append, pytest.fail, alerts.append)
    await play(parse(STORY, "made-up.toml"), speed, lambda moment: None, page, ended)
    return told, seen, alerts


async def test_the_story_is_on_the_page_while_it_is_played_and_until_all_is_seen():
    for speed in (400.0, 100.0, 25.0):  # a busy machine has read too little at the first to alert anybody
        told, seen, alerts = await shown_at(speed)
        if any("outage" in title for title in alerts):
            break
    status, body = seen["page"]
    assert status == 200
    assert "Sign-in fails &lt;b&gt;for&lt;/b&gt; an hour" in body, "what is played is said, and shown as text"
    assert any("outage" in title for title in alerts)
    assert seen["past"][0] == seen["api"][0] == 200
    with pytest.raises(aiohttp.ClientError):
        await get(told[0])


def test_where_the_usual_address_is_taken_any_free_one_does():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        usual = served.USUAL
        try:
            served.USUAL = f"127.0.0.1:{taken.getsockname()[1]}"
            assert free_address() == served.FREE
        finally:
            served.USUAL = usual


@pytest.mark.parametrize(
    ("said", "is_terminal", "display", "wanted"),
    [
        ({"headless": False}, False, ":0", Wishes(page=True, opens=False, stay=False)),
        ({"headless": False}, True, "", Wishes(page=True, opens=False, stay=True)),
        ({"headless": False}, True, ":0", Wishes(page=True, opens=True, stay=True)),
        ({"headless": True}, True, ":0", Wishes(page=False, opens=False, stay=False)),
        ({"headless": True, "page": True}, True, "", Wishes(page=True, opens=False, stay=False)),
        ({"headless": False, "page": False, "opens": True, "stay": True}, True, ":0",
         Wishes(page=False, opens=False, stay=False)),
        ({"headless": False, "opens": False, "stay": True}, False, ":0", Wishes(page=True, opens=False, stay=True)),
    ],
)  # fmt: skip
def test_a_browser_is_opened_and_the_page_kept_only_where_somebody_sits(
    said, is_terminal, display, wanted, monkeypatch
):
    class Stream:
        def isatty(self):
            return is_terminal

    monkeypatch.setattr(demo_page.sys, "stdout", Stream())
    monkeypatch.setattr(demo_page.sys, "stdin", Stream())
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert wishes(**{"page": None, "opens": None, "stay": None, **said}) == wanted


async def test_where_nobody_is_to_stay_the_end_is_the_end(capsys):
    screen = Screen(console(), Wishes(page=True, opens=False, stay=False))
    screen._told("http://127.0.0.1:1")
    async with asyncio.timeout(5):
        await screen.stay()
    assert "On a page too: http://127.0.0.1:1" in capsys.readouterr().out


async def test_it_stays_until_a_line_comes_and_ctrl_c_is_no_failure(capsys, monkeypatch):
    import os

    screen = Screen(console(), Wishes(page=True, opens=False, stay=True))
    screen._told("http://127.0.0.1:1")
    here, there = os.pipe()
    with os.fdopen(here) as stdin, os.fdopen(there, "w") as typed:
        monkeypatch.setattr(demo_page.sys, "stdin", stdin)
        waiting = asyncio.create_task(screen.stay())
        done, _ = await asyncio.wait((waiting,), timeout=0.05)
        assert not done
        typed.write("\n")
        typed.flush()
        await waiting
        stdin.readline()
        cancelled = asyncio.create_task(screen.stay())
        await asyncio.sleep(0)
        cancelled.cancel()
        await cancelled
    assert "until Enter or Ctrl-C" in capsys.readouterr().out
