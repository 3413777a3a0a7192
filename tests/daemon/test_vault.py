"""The vault is kept up by a child process, when there is something new and somebody wants it."""

from __future__ import annotations

import asyncio
import sys

import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.vault import Following, often_opened, open_kept
from stillup.errors import StoreError, UsageError
from stillup.secret import Secret
from stillup.vault.crypt import rewrite
from stillup.vault.store import open_vault


def following(tmp_path, text="", program=(sys.executable, "-c", "")):
    said = []
    config = parse_config(f'data = "{tmp_path}"\n{text}')
    return Following(config, SystemClock(), said.append, program), said


def test_it_follows_once_there_is_a_vault_or_when_it_was_told_to(tmp_path):
    assert not following(tmp_path)[0].is_due()
    assert following(tmp_path, "[vault]\nfollow = true")[0].is_due()
    open_vault(tmp_path / "vault.db").close()
    assert following(tmp_path)[0].is_due()
    assert not following(tmp_path, "[vault]\nfollow = false")[0].is_due()


def test_it_runs_when_the_journal_grew_and_now_and_then_anyway(tmp_path):
    open_vault(tmp_path / "vault.db").close()
    (tmp_path / "journal").mkdir()
    segment = tmp_path / "journal" / "20260407T143205.118Z.journal"
    segment.write_bytes(b"1")
    follow, _ = following(tmp_path)
    assert [follow.is_due() for _ in range(3)] == [True, False, False]
    segment.write_bytes(b"12")
    assert [follow.is_due() for _ in range(3)] == [True, False, False]
    assert [follow.is_due() for _ in range(8)].count(True) == 1


async def test_what_is_wrong_is_said_once(tmp_path):
    fails = (sys.executable, "-c", "import sys; sys.exit('stillup: the vault is encrypted')")
    follow, said = following(tmp_path, program=fails)
    await follow.run()
    await follow.run()
    assert said == ["the vault is not kept up: the vault is encrypted"]


async def test_a_program_that_cannot_be_started_is_said(tmp_path):
    follow, said = following(tmp_path, program=(str(tmp_path / "nothing"),))
    await follow.run()
    assert said == ["the vault cannot be kept up: No such file or directory"]


def _until_there(path):
    while not path.exists():
        pass


async def test_its_end_ends_the_child(tmp_path):
    waits = (sys.executable, "-c", f"open({str(tmp_path / 'began')!r}, 'w').close(); import signal; signal.pause()")
    follow, said = following(tmp_path, program=waits)
    task = asyncio.create_task(follow.run())
    await asyncio.to_thread(_until_there, tmp_path / "began")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert said == []


def test_the_page_opens_a_vault_with_its_passphrase_and_asks_nobody(tmp_path):
    config = parse_config(f'data = "{tmp_path}"')
    with pytest.raises(UsageError, match="no vault yet"):
        open_kept(config, {})
    open_vault(tmp_path / "vault.db").close()
    open_kept(config, {}).close()
    rewrite(tmp_path / "vault.db", None, Secret("long enough"))
    with pytest.raises(StoreError, match="no passphrase"):
        open_kept(config, {})
    open_kept(config, {"STILLUP_VAULT_PASSPHRASE": "long enough"}).close()


def test_what_a_passphrase_becomes_is_remembered_and_another_one_is_seen(tmp_path):
    config = parse_config(f'data = "{tmp_path}"')
    path = tmp_path / "vault.db"
    environ = {"STILLUP_VAULT_PASSPHRASE": "it's long"}
    opened = often_opened(config, environ)
    with pytest.raises(UsageError, match="no vault yet"):
        opened()
    open_vault(path).close()
    opened().close()
    rewrite(path, None, Secret("it's long"))
    for _ in range(2):
        with opened() as vault:
            assert vault.newest(1) == []
    rewrite(path, Secret("it's long"), Secret("longer still"))
    with pytest.raises(StoreError, match="not the passphrase"):
        opened()
    environ["STILLUP_VAULT_PASSPHRASE"] = "longer still"
    opened().close()
