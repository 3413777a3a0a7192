"""A whole import, read, written and indexed: ``python bench/vault/whole.py [MEGABYTES] [KIND] [--kills N]``.

Runs ``stillup vault import`` on a made-up export (see ``importing.py``; 1000 MB of Claude's by default) in processes of
its own, and tells megabytes a second (of the JSON inside, not of the zip) by processor time and on the clock, and the
most memory that all its processes had together. With ``--kills`` it is first killed so many times (SIGKILL, all of its
processes, at random moments) and begun again; then the time is that of the rest. At the end what is in the vault is
compared with the export, message by message.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from importing import KINDS, MB, make

from stillup.vault.importing import recognise
from stillup.vault.keeping import verify
from stillup.vault.store import open_vault
from stillup.vault.values import Conversation
from stillup.vault.words import words_of

_LOOK_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("megabytes", type=int, nargs="?", default=1000)
    parser.add_argument("kind", choices=KINDS, nargs="?", default="claude")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the export and the vault here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        source, unpacked = make(given.kind, given.megabytes * MB, folder)
        config = folder / "stillup.toml"
        config.write_text(f"data = {json.dumps(str(folder / 'data'))}\n")
        command = [sys.executable, "-m", "stillup", "vault", "import", str(source), "--config", str(config)]
        if given.kills:
            kill_often(command, given.kills, unpacked, folder / "data")
        measure(command, 0 if given.kills else unpacked)
        compare(source, folder / "data" / "vault.db")


def measure(command: list[str], unpacked: int) -> None:
    """To its end, undisturbed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(command) as process:
        most = watch(process, lambda: False)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    speeds = [f"{unpacked / MB / s:.1f} MB/s ({s:.1f} s)" if unpacked else f"{s:.1f} s" for s in (cpu, took)]
    what = f"{unpacked / MB:,.0f} MB" if unpacked else "what was left"
    print(
        f"{what}: {speeds[0]} of processor time, {speeds[1]} on the clock (load {os.getloadavg()[0]:.1f}), "
        f"memory {most / 1024:.0f} MiB",
        flush=True,
    )


def kill_often(command: list[str], kills: int, unpacked: int, data: Path) -> None:
    """Each a while after the vault grew by some more, so that all of them fall into one import."""
    dice, killed, size = random.Random(11), 0, 0.0
    for _ in range(kills):
        size += dice.expovariate(kills / unpacked)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
            watch(process, lambda size=size: _size(data) > size)  # type: ignore[misc]
            time.sleep(dice.uniform(0, 0.5))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
    print(f"killed {killed} times, with {_size(data) / MB:,.0f} MB in the vault and its log at the last", flush=True)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("vault.db*"))


def watch(process: subprocess.Popen[bytes], is_over: Callable[[], bool]) -> int:
    """Until it ends; the most kilobytes that it and its children ever had together, each at its own worst."""
    most: dict[str, int] = {}
    while process.poll() is None and not is_over():
        for pid in (str(process.pid), *_children(process.pid)):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            found = next((line for line in status.splitlines() if line.startswith(("VmHWM", "VmRSS"))), "VmRSS: 0")
            most[pid] = max(most.get(pid, 0), int(found.split()[1]))
        time.sleep(_LOOK_S)
    return sum(most.values())


def _children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def compare(source: Path, path: Path) -> None:
    """Every conversation and message of the export against the vault's, both ways."""
    importer = recognise(source)
    assert importer is not None
    wanted: dict[str, list[tuple[str, int]]] = {}
    for read in importer.read(source):
        if isinstance(read.what, Conversation):
            wanted.setdefault(read.what.id, []).extend(
                (turn.id, hash(words_of(turn.parts, turn.attachments))) for turn in read.what.turns
            )
    with open_vault(path) as vault:
        found = wrong = messages = 0
        for about in vault.every():
            turns = [(turn.id, hash(words_of(turn.parts, turn.attachments))) for turn in vault.load(about).turns]
            found, messages = found + 1, messages + len(turns)
            wrong += wanted.get(about.id) != turns
        troubles = verify(vault).troubles
        with vault.reading() as db:
            (indexed,) = db.execute("SELECT count(*) FROM words_docsize").fetchone()
    print(
        f"{found:,} of {len(wanted):,} conversations, {messages:,} messages, {indexed:,} of them in the index; "
        f"{wrong} are not as in the export; verify: {troubles or 'clean'}; {path.stat().st_size / MB:,.0f} MB kept"
    )
    if wrong or found != len(wanted) or indexed != messages or troubles:
        sys.exit(1)


if __name__ == "__main__":
    main()
