"""Search over a million messages: how long a question takes, common words and rare ones alike.

    python bench/vault/searching.py [MESSAGES] [FOLDER]

Messages of 60 words of a Zipf-like vocabulary of 200,000, 10 to a conversation, spread over three years. The vault is
kept in FOLDER when it is given, and used again.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from stillup.gateway.dialects.neutral import Role, Text
from stillup.vault.search import Wanted, search
from stillup.vault.store import Vault, open_vault
from stillup.vault.values import Conversation, Turn

WORDS, LENGTH, TURNS = 200_000, 60, 10
YEARS_S = 3 * 365 * 86_400
_BATCH = 500


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary)
        vault = open_vault(folder / "vault.db")
        have = sum(tally.messages for tally in vault.tallies())
        if have < count:
            fill(vault, count)
        size = (folder / "vault.db").stat().st_size
        print(f"{count:,} messages, {size / 1e6:,.0f} MB on the disk")
        ask(vault)
        vault.close()


def fill(vault: Vault, count: int) -> None:
    rng, began, characters = random.Random(1), perf_counter(), 0
    batch: list[Conversation] = []
    for number in range(count // TURNS):
        batch.append(conversation(rng, number))
        characters += sum(len(part.text) for turn in batch[-1].turns for part in turn.parts if isinstance(part, Text))
        if len(batch) == _BATCH:
            vault.put(batch, 0.0)
            batch.clear()
    vault.put(batch, 0.0)
    took = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"made and kept {characters / 1e6:,.0f} MB in {took:.0f} s, peak {peak:.0f} MB of memory")


def conversation(rng: random.Random, number: int) -> Conversation:
    at = 1.6e9 + rng.random() * YEARS_S
    turns = tuple(
        Turn(
            id=f"{number}-{n}",
            role=(Role.USER, Role.ASSISTANT)[n % 2],
            parts=(Text(text=" ".join(words(rng, LENGTH))),),
            at_s=at + 30 * n,
        )
        for n in range(TURNS)
    )
    return Conversation(origin="bench", id=str(number), turns=turns, title=" ".join(words(rng, 4)))


def words(rng: random.Random, count: int) -> Iterator[str]:
    """The n-th word as often as 1/n."""
    for _ in range(count):
        yield f"w{int(WORDS ** rng.random()):x}"


QUESTIONS: dict[str, list[str]] = {
    "one rare word": [f"w{n:x}" for n in range(50_000, 50_050)],
    "one usual word": [f"w{n:x}" for n in range(500, 550)],
    "the commonest word": ["w1", "w2", "w3"] * 5,
    "two words": [f"w{n:x} w{3 * n:x}" for n in range(100, 150)],
    "a common and a rare one": [f"w1 w{n:x}" for n in range(20_000, 20_050)],
    "a phrase of common words": ['"w1 w2"', '"w2 w1"', '"w3 w1"'] * 5,
    "a beginning": [f"w{n:x}*" for n in range(100, 130)],
    "without": [f"w{n:x} -w1" for n in range(300, 340)],
}


def ask(vault: Vault) -> None:
    every: list[float] = []
    for name, questions in QUESTIONS.items():
        took, found = [], 0
        for question in questions:
            began = perf_counter()
            found += search(vault, Wanted(words=question)).conversations
            took.append((perf_counter() - began) * 1000)
        every += took
        worst = max(took)
        print(
            f"{name:26} median {median(took):7.1f} ms, worst {worst:7.1f} ms, {found // len(questions):5} conversations"
        )
    print(f"{'all':26} median {median(every):7.1f} ms, 95 % within {quantiles(every, n=20)[-1]:.1f} ms")


if __name__ == "__main__":
    main()
