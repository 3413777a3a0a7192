"""The page that stays green: others say that it is down, alerts go out, and the gateway has gone round it."""

import asyncio

import pytest

from stillup.config import parse_config
from stillup.daemon.drill.green import BACKED, green_scenario
from stillup.daemon.drill.run import run_drill
from stillup.drill.score import score_of
from stillup.drill.values import Kind, Play, Wanted


async def drilled(tmp_path, aborted=None, told=lambda _: None):
    config = parse_config(f'data = "{tmp_path / "data"}"\n')
    wanted = Wanted(plays=(Play(kind=Kind.GREEN_PAGE, title="green"),))
    return await run_drill(
        wanted, config, environ={}, told=told, aborted=aborted or asyncio.Event(), say=pytest.fail
    )  # fmt: skip


def test_nothing_is_ever_posted_on_the_page():
    assert green_scenario().official == ()


async def test_other_sides_find_it_alerts_go_out_and_the_gateway_has_gone_round_it(tmp_path):
    (scene,) = (await drilled(tmp_path)).scenes
    backed, alone = (score_of(scene, lane) for lane in scene.lanes)
    assert scene.lanes[0].name == BACKED
    assert backed.continuity == 1.0
    assert backed.switch_s is not None
    assert alone.continuity == 0.0
    assert alone.without_answer_s > 600
    assert any("confirmed" in h.says and "page says that all is well" in h.says for h in scene.happened)
    (alert,) = scene.alerts
    assert scene.begins_s < alert.at_s < scene.ends_s
    done = [step.says for step in scene.steps if step.done]
    assert "It is not only you." in done
    assert "Requests through the gateway are rerouted." in done


async def test_aborted_it_ends_at_once(tmp_path):
    aborted = asyncio.Event()
    asyncio.get_running_loop().call_later(2.0, aborted.set)
    async with asyncio.timeout(15):
        drill = await drilled(tmp_path, aborted)
    assert drill.aborted
    assert drill.scenes[0].aborted
