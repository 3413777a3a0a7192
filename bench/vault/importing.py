"""How quick exports are read, and in how much memory: ``python bench/vault/importing.py [MEGABYTES] [KIND …]``.

Makes a made-up export of each kind in a temporary folder (200 MB by default; the target is stated for 1000), reads it
in a process of its own and tells megabytes a second (of the JSON inside, not of the zip) and the most memory that
process ever had. It is measured by processor time, which is what an idle machine takes, for nothing here waits; the
time on the clock stands beside it. The vault writes nothing here: see ``whole.py`` for all of the way.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from stillup.vault.importing import recognise, sources
from stillup.vault.values import Conversation

MB = 1_000_000
TARGET_MB_S, TARGET_MIB = 20, 200
VOCABULARY, TEXTS = 60_000, 20_000
ODD = ['"quoted"', "{x: [1]}", "\n\n```python\n", "\\path\\to"]
WIDE = ["naïve", "日本", "🙂", "–"]


def texts(dice: random.Random) -> list[str]:
    """Messages of a kilobyte on average, some of 40: the n-th word as often as 1/n, and the longer the rarer.

    Among them marks, quotes, brackets, and in a fifth of the messages letters that take more than a byte.
    """
    vowels, others = "aeiou", "bcdfghklmnprstvw"
    words = [
        "".join(dice.choice(others) + dice.choice(vowels) for _ in range(1 + min(n, 50_000).bit_length() // 5))
        for n in range(VOCABULARY)
    ]
    shares = list(accumulate(0.02 if n % 3_000 == 7 else 1 / (n + 2) for n in range(VOCABULARY)))
    plain, wide = (
        [odd[n // 3_000 % len(odd)] if n % 3_000 == 7 else word for n, word in enumerate(words)]
        for odd in (ODD, ODD + WIDE)
    )
    lengths = [min(int(dice.paretovariate(1.2) * 200), 40_000) // 6 for _ in range(TEXTS)]
    return [
        " ".join(dice.choices(plain if n % 5 else wide, cum_weights=shares, k=max(length, 1)))
        for n, length in enumerate(lengths)
    ]


def moment(passed_s: int) -> str:
    return (datetime(2023, 1, 2, tzinfo=UTC) + timedelta(seconds=passed_s)).isoformat(timespec="microseconds")


def claude(number: int, texts: Iterator[str]) -> dict[str, object]:
    messages: list[dict[str, object]] = [
        {
            "uuid": f"{number:08d}-0000-4000-8000-{n:012d}",
            "text": "",
            "content": [{"type": "text", "text": next(texts), "citations": [], "start_timestamp": None}],
            "sender": "human" if n % 2 == 0 else "assistant",
            "created_at": moment(number * 600 + n * 40),
            "updated_at": moment(number * 600 + n * 40),
            "attachments": [],
            "files": [],
        }
        for n in range(10)
    ]
    head = {"uuid": f"c-{number}", "name": f"Talk {number}", "created_at": moment(number * 600)}
    return head | {"updated_at": moment(number * 600 + 400), "chat_messages": messages}


def chatgpt(number: int, texts: Iterator[str]) -> dict[str, object]:
    mapping: dict[str, object] = {"r": {"id": "r", "message": None, "parent": None, "children": ["0"]}}
    for n in range(10):
        message = {
            "id": str(n),
            "author": {"role": "user" if n % 2 == 0 else "assistant", "name": None, "metadata": {}},
            "create_time": 1_700_000_000.123 + number * 600 + n * 40,
            "content": {"content_type": "text", "parts": [next(texts)]},
            "status": "finished_successfully",
            "metadata": {"model_slug": "gpt-5", "finish_details": {"type": "stop", "stop_tokens": [200002]}},
            "recipient": "all",
        }
        children = [str(n + 1)] if n < 9 else []
        mapping[str(n)] = {"id": str(n), "message": message, "parent": str(n - 1) if n else "r", "children": children}
    return {"title": f"Talk {number}", "create_time": 1.0, "mapping": mapping, "current_node": "9", "id": f"g-{number}"}


def code_line(number: int, texts: Iterator[str]) -> dict[str, object]:
    is_user = number % 2 == 0
    content = [{"type": "text", "text": next(texts)}]
    message: dict[str, object] = {"role": "user" if is_user else "assistant", "content": content}
    line = {"type": message["role"], "uuid": f"l{number}", "parentUuid": f"l{number - 1}" if number else None}
    return line | {"sessionId": "s", "cwd": "/home/me", "timestamp": moment(number * 40), "message": message}


def codex_line(number: int, texts: Iterator[str]) -> dict[str, object]:
    if number == 0:
        return {"timestamp": moment(0), "type": "session_meta", "payload": {"id": "s", "cwd": "/home/me"}}
    kind, role = ("input_text", "user") if number % 2 else ("output_text", "assistant")
    payload = {"type": "message", "id": f"m{number}", "role": role, "content": [{"type": kind, "text": next(texts)}]}
    return {"timestamp": moment(number * 40), "type": "response_item", "payload": payload}


def gemini(number: int, texts: Iterator[str]) -> dict[str, object]:
    answer = "".join(f"<p>{line}</p>" for line in next(texts).replace("<", "&lt;").split("\n"))
    head = {"header": "Gemini Apps", "title": f"Prompted {number} " + next(texts)[:200], "products": ["Gemini Apps"]}
    return head | {"time": moment(number * 600), "safeHtmlItem": [{"html": answer}]}


KINDS: dict[str, tuple[str, Callable[[int, Iterator[str]], dict[str, object]]]] = {
    "claude": ("conversations.json", claude),
    "chatgpt": ("conversations.json", chatgpt),
    "gemini": ("Takeout/My Activity/Gemini Apps/My Activity.json", gemini),
    "claude_code": ("", code_line),
    "codex": ("", codex_line),
}


def make(kind: str, size: int, folder: Path) -> tuple[Path, int]:
    """An export of about ``size`` bytes, and how many it has unpacked."""
    member, one = KINDS[kind]
    dice = random.Random(7)
    pool = texts(dice)
    drawn = iter(lambda: dice.choice(pool), None)
    written, number = 0, 0
    path = folder / (f"{kind}.zip" if member else f"{kind}.jsonl")
    packed = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) if member else None
    with packed.open(member, "w", force_zip64=True) if packed else path.open("wb") as file:
        while written < size:
            raw = json.dumps(one(number, drawn)).encode()
            raw = (b"[" if not number else b",\n") + raw if member else raw + b"\n"
            written += file.write(raw)
            number += 1
        file.write(b"]" if member else b"")
    if packed:
        packed.writestr("user.json" if kind == "chatgpt" else "users.json", "{}")
        packed.close()
    return path, written


def read(source: Path) -> None:
    """Read it all, and tell how it went; in a process of its own."""
    began, turns, conversations, skipped = time.perf_counter(), 0, 0, 0
    for each in sources(source):
        importer = recognise(each)
        if importer is None:
            sys.exit(f"{each} is not recognised")
        for piece in importer.read(each):
            if isinstance(piece.what, Conversation):
                conversations += 1
                turns += len(piece.what.turns)
            else:
                skipped += 1
    took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    most, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime  # the parent that made the export was smaller
    print(
        json.dumps(
            {"s": took, "cpu": cpu, "mib": most, "turns": turns, "conversations": conversations, "skipped": skipped}
        )
    )


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--read"]:
        return read(Path(arguments[1]))
    size = int(arguments[0]) * MB if arguments else 200 * MB
    print(f"{'kind':12} {'unpacked':>9} {'seconds':>8} {'CPU s':>6} {'MB/s':>6} {'memory':>8} {'messages':>9}")
    for kind in arguments[1:] or KINDS:
        with TemporaryDirectory() as folder:
            path, unpacked = make(kind, size, Path(folder))
            done = subprocess.run(
                [sys.executable, __file__, "--read", str(path)], check=True, capture_output=True, text=True
            )
        told = json.loads(done.stdout)
        speed = unpacked / MB / told["cpu"]
        verdict = "ok" if speed >= TARGET_MB_S and told["mib"] <= TARGET_MIB and not told["skipped"] else "MISSED"
        memory = f"{told['mib']:4.0f} MiB {told['turns']:9,}"
        print(f"{kind:12} {unpacked / MB:6.0f} MB {told['s']:8.1f} {told['cpu']:6.1f} {speed:6.0f} {memory}  {verdict}")
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
