"""``stillup up`` runs the commands that wait, and they outlive it."""

from __future__ import annotations

import asyncio
import json
import signal

from stillup.cli.main import run
from stillup.config import load_config
from stillup.daemon.later.command import Stage
from stillup.daemon.later.shelf import Commands, commands_folder
from tests.daemon.test_up import started

__all__ = ["started"]


async def later(capsys, config, *args):
    """What a command printed."""
    capsys.readouterr()
    assert await asyncio.to_thread(run, ["later", *args[:1], "--config", str(config), *args[1:]]) == 0
    return capsys.readouterr().out


async def until(true):
    """Wait for what another process brings about."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - files that nobody signals
            await asyncio.sleep(0.02)


async def test_one_that_is_told_to_runs_at_once_and_goes_on_when_up_ends(started, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "stillup.toml"
    async with started() as up:
        await up.until("gateway listens on")
        commands = Commands(commands_folder(load_config(config, {})))
        await until((commands.folder / "line").exists)
        added = json.loads(
            await later(capsys, config, "add", "--json", "echo hi; until [ -e go ]; do sleep 0.02; done")
        )
        assert "Nothing runs it" not in await later(capsys, config, "add", "true")
        unknown = "claude: nobody knows how it is"  # its sources are off
        await until(lambda: commands.find(added["id"]).says == unknown)
        assert "another process runs what waits" in await later(capsys, config, "run", added["id"])
        await until(lambda: commands.output(added["id"]))
        up.process.send_signal(signal.SIGTERM)
        assert await up.ended() == 0
    assert commands.is_running(added["id"])
    (tmp_path / "go").touch()
    async with started() as up:
        line = await up.until("echo is done")
        assert added["id"] in line
    assert [c.stage for c in commands.read()] == [Stage.DONE, Stage.WAITING]
