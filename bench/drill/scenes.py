"""Every scene of a drill, over a configuration or the default pair: what each lane came through, and how long it took.

``python bench/drill/scenes.py [--together N] [--config FILE] [SCENE…]``. Everything is on loopback; it takes one to two
minutes for all scenes, which is mostly the silence of providers that hang.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from stillup.config import Config, load_config
from stillup.daemon.drill.run import possible, run_drill
from stillup.drill.scenes import play_called
from stillup.drill.score import score_of, worth_of
from stillup.drill.values import Drill, Scene, Wanted


def main(argv: Sequence[str]) -> int:
    """Run it; 1 where something was lost with the backups."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--together", type=int, default=6)
    parser.add_argument("--config", type=Path)
    parser.add_argument("scenes", nargs="*")
    asked = parser.parse_args(argv)
    config = load_config(asked.config, {}) if asked.config else Config()
    there = possible(config, {})
    plays = tuple(play_called(word, there) for word in asked.scenes) or there
    with TemporaryDirectory() as folder:
        wanted = Wanted(plays=plays, together=asked.together)
        drill = asyncio.run(_run(wanted, replace(config, data=folder)))
    for scene in drill.scenes:
        print(_line(scene))
    worth = worth_of(drill)
    print(f"\n{worth.says}\n{len(drill.scenes)} scenes in {drill.took_s:.1f} s")
    return 0 if worth.is_whole else 1


async def _run(wanted: Wanted, config: Config) -> Drill:
    return await run_drill(wanted, config, environ={}, told=lambda _: None, aborted=asyncio.Event(), say=print)


def _line(scene: Scene) -> str:
    name = f"{scene.kind.value} {scene.name}".strip()
    parts = [f"{name:<24}"]
    for lane in scene.lanes:
        score = score_of(scene, lane)
        switch = "    -" if score.switch_s is None else f"{score.switch_s:5.1f}"
        parts.append(
            f"{score.continuity:7.1%} of {score.requests:3} · {score.lost_chars:6,} characters lost · "
            f"{score.without_answer_s:7.1f} s without · switch {switch} s"
        )
    return "\n".join((parts[0] + parts[1], *(" " * 24 + part for part in parts[2:])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
