"""An encrypted vault is nothing but noise to whoever has not its passphrase."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from stillup.errors import StoreError
from stillup.secret import Secret
from stillup.vault.crypt import is_encrypted, rewrite
from stillup.vault.keeping import verify
from stillup.vault.search import Wanted, search
from stillup.vault.store import open_vault
from tests.vault.talks import NOW_S, talk, texts_of

WORDS = Secret('it\'s "quite" läng; -- DROP')
OTHER = Secret("another passphrase")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "data" / "vault.db"
    with open_vault(path) as vault:
        vault.put([talk("hidden walrus", "an answer")], NOW_S)
    rewrite(path, None, WORDS)
    return path


def test_it_is_noise_and_opens_with_its_passphrase(path):
    assert is_encrypted(path)
    assert b"walrus" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["vault.db"]
    with open_vault(path, WORDS) as vault:
        assert search(vault, Wanted(words="walrus")).found
        vault.put([talk("more", id="2")], NOW_S)
        assert verify(vault).troubles == []


@pytest.mark.parametrize("wrong", [None, Secret("wrong"), Secret("")])
def test_without_the_passphrase_it_says_so_and_nothing_is_changed(path, wrong):
    before = path.read_bytes()
    with pytest.raises(StoreError, match="passphrase"):
        open_vault(path, wrong)
    with pytest.raises(StoreError, match="passphrase"):
        rewrite(path, wrong or Secret("x"), OTHER)
    assert path.read_bytes() == before


def test_the_passphrase_can_be_changed_and_taken_away(path):
    rewrite(path, WORDS, OTHER)
    with pytest.raises(StoreError, match="not the passphrase"):
        open_vault(path, WORDS)
    rewrite(path, OTHER, None)
    with open_vault(path) as vault:
        assert texts_of(vault.load(vault.newest(1)[0])) == ["hidden walrus", "an answer"]
        assert verify(vault).troubles == []


HOLDS = """
import sys
from pathlib import Path
from stillup.vault.store import open_vault
with open_vault(Path(sys.argv[1])) as vault:
    vault.newest(1)
    print("open", flush=True)
    sys.stdin.readline()
"""


def test_it_is_not_encrypted_while_another_process_has_it_open(tmp_path, monkeypatch):
    monkeypatch.setattr("stillup.vault.crypt.WAIT_S", 0.1)
    path = tmp_path / "vault.db"
    with open_vault(path) as vault:
        vault.put([talk("one")], NOW_S)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(path)], **pipes) as other:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(StoreError, match="locked"):
            rewrite(path, None, WORDS)
        other.communicate(b"\n")
    assert not is_encrypted(path)
    with open_vault(path) as vault:
        assert texts_of(vault.load(vault.newest(1)[0])) == ["one"]
