"""One target under atheris."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path


def fuzz(name: str, seconds: int) -> None:
    """Run it for so long; does not come back: libFuzzer ends the process, with 0 or, after a crash, with another code.

    Without a target of that name it ends with a word.
    """
    import atheris

    with atheris.instrument_imports(include=["stillup"]):
        from fuzz.targets import target_of, tried

        made = target_of(name)
        if made is None:
            sys.exit(f"there is no target {name!r}; `python bench/fuzz` lists them")
        target = made()

    def once(data: bytes) -> None:
        try:
            tried(target, data)
        except BaseException:
            print(f"the bytes: {data.hex()}", flush=True)
            raise

    for seed in target.seeds:
        tried(target, seed)
    corpus = Path(tempfile.mkdtemp(prefix="stillup-corpus-"))
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-max_len=20000",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus}/", str(corpus)], once)
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(corpus, ignore_errors=True)
