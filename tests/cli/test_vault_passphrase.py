"""The passphrase of a vault at a real terminal, and in a keyring."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from select import select

import pytest

from stillup.vault.crypt import is_encrypted

WORDS = "correct horse battery"
BACKEND = '''
import json, os
from pathlib import Path
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

class Kept(KeyringBackend):
    """In a file, for one test."""

    priority = 1
    path = Path(os.environ["KEPT_IN"])

    def get_password(self, service, user):
        if not self.path.exists():
            return None
        if not self.path.read_text():
            raise KeyringLocked("no")
        return json.loads(self.path.read_text()).get(f"{service}/{user}")

    def set_password(self, service, user, password):
        self.path.write_text(json.dumps({f"{service}/{user}": password}))
'''


@pytest.fixture
def home(tmp_path):
    (tmp_path / "stillup.toml").write_text(f'data = "{tmp_path}/data"\n')
    (tmp_path / "note.md").write_text("**User:** Where is the walrus?\n\n**Assistant:** In the north.\n")
    (tmp_path / "kept_backend.py").write_text(BACKEND)
    done = vault(tmp_path, "import", str(tmp_path / "note.md"))
    assert done.returncode == 0, done.stderr
    return tmp_path


def environ(home):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STILLUP_")}
    keyring = {"PYTHON_KEYRING_BACKEND": "kept_backend.Kept", "KEPT_IN": str(home / "kept"), "PYTHONPATH": str(home)}
    return kept | keyring | {"HOME": str(home), "NO_COLOR": "1"}


def command(home, *args):
    return [sys.executable, "-m", "stillup", "vault", *args, "--config", str(home / "stillup.toml")]


def vault(home, *args):
    """Without a terminal."""
    return subprocess.run(
        command(home, *args), env=environ(home), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def typed(home, *args, lines):
    """At a terminal of its own, where each line is typed when its prompt is there; the exit code and all it shows."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(home, *args), env=environ(home), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - prompts ask the terminal itself
    )  # fmt: skip
    shown = b""
    waiting = dict(lines)
    try:
        while process.poll() is None or select([master], [], [], 0)[0]:
            if select([master], [], [], 0.05)[0]:
                shown += os.read(master, 4096)
            for prompt in [prompt for prompt in waiting if shown.decode().count(prompt)]:
                os.write(master, waiting.pop(prompt).encode() + b"\n")
        return process.returncode, shown.decode()
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


def test_a_passphrase_is_typed_twice_unseen_and_asked_for_from_then_on(home):
    code, shown = typed(home, "encrypt", lines={"New passphrase": WORDS, "Repeat for confirmation": WORDS})
    assert (code, is_encrypted(home / "data" / "vault.db")) == (0, True)
    assert WORDS not in shown

    code, shown = typed(home, "search", "walrus", lines={"Passphrase of the vault": WORDS})
    assert code == 0
    assert "Where is the walrus?" in shown
    assert WORDS not in shown

    code, shown = typed(home, "search", "walrus", lines={"Passphrase of the vault": "another one"})
    assert code == 70
    assert "not the passphrase" in shown
    assert "another one" not in shown


def test_what_is_typed_differently_the_second_time_is_asked_for_again(home):
    typed(home, "encrypt", lines={"New passphrase": WORDS, "Repeat for confirmation": "x", "do not match": "\x03"})
    assert not is_encrypted(home / "data" / "vault.db")


def test_a_keyring_keeps_the_passphrase_and_gives_it_where_nobody_can_be_asked(home):
    code, _ = typed(home, "encrypt", "--keyring", lines={"New passphrase": WORDS, "Repeat for confirmation": WORDS})
    assert code == 0
    assert "no passphrase was given" in vault(home, "search", "walrus").stderr  # it was not said to look there

    with (home / "stillup.toml").open("a") as config:
        config.write("[vault]\nkeyring = true\n")
    assert "walrus" in vault(home, "search", "walrus").stdout

    (home / "kept").write_text("")
    locked = vault(home, "search", "walrus")
    assert (locked.returncode, WORDS in locked.stderr) == (64, False)
    assert "keyring cannot be used: KeyringLocked" in locked.stderr
