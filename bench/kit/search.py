"""Search over ten thousand files of the kit: what one costs, and what the index costs.

    python bench/kit/search.py [FILES]

Prints the first reading of every file, opening the index when nothing has changed, and the time of each query
(median and worst of twenty), in a folder made for it. Times are of this process, so that a busy machine does not count.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

from stillup.kit.folder import STARTER
from stillup.kit.index import look
from stillup.kit.search import search

MOST_MS = 50.0
TEXT = (
    "review meeting translate debug incident plan summary email release customer report code python design risk agenda "
    "minutes question answer draft letter outline research source claim evidence table chart data query schema test"
)
WORDS = TEXT.split()
QUERIES = (
    "code reveiw",
    "meeting",
    "transalte email",
    "e",
    "incident report customer",
    "xyzzy",
    "schema query data test",
)


def fill(folder: Path, number: int) -> None:
    """Files of some two kilobytes, in a hundred folders."""
    random = Random(7)
    for n in range(number):
        place = folder / f"team{n % 100}"
        place.mkdir(exist_ok=True)
        title = " ".join(random.choices(WORDS, k=4))
        tags = ", ".join(random.choices(WORDS, k=3))
        text = " ".join(random.choices(WORDS, k=300))
        (place / f"{title.replace(' ', '-')}-{n}.md").write_text(
            f"---\ntitle: {title} {n}\nabout: {' '.join(random.choices(WORDS, k=8))}\ntags: [{tags}]\n"
            f"variables:\n  input: {{about: what to work on}}\n---\n{text}\n{{{{input}}}}\n"
        )


def timed(what: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each run."""
    out = []
    for _ in range(times):
        begun = process_time()
        what()
        out.append((process_time() - begun) * 1000)
    return out


def main() -> int:
    """Measure; 1 where a query, with opening the index, takes longer than it may."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with TemporaryDirectory() as folder:
        kit, cache = Path(folder) / "kit", Path(folder) / "cache" / "kit.index"
        kit.mkdir()
        fill(kit, number)
        print(f"{number} files; first reading {timed(lambda: look(STARTER, kit, cache), 1)[0]:.0f} ms")
        opened = timed(lambda: look(STARTER, kit, cache), 20)
        print(f"index {cache.stat().st_size / 1e6:.1f} MB, opened in {median(opened):.1f} ms (worst {max(opened):.1f})")
        index = look(STARTER, kit, cache)
        worst = 0.0
        for query in QUERIES:
            took = timed(lambda query=query: search(index, query), 20)  # type: ignore[misc]
            worst = max(worst, median(took))
            print(f"{query!r:32} {median(took):6.1f} ms (worst {max(took):.1f}), {len(search(index, query))} shown")
        print(f"slowest query {worst:.1f} ms (bound {MOST_MS:.0f}), with opening {worst + median(opened):.1f} ms")
        return int(worst > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
