"""Drills in the mirror: with a backup nothing is lost by any way of failing, without one exactly that is said."""

import asyncio
from pathlib import Path

import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.drill.layout import KEY, layout_of
from stillup.daemon.drill.mirror import mirror
from stillup.daemon.drill.run import possible, run_drill
from stillup.daemon.drill.under_way import abort, drills_folder, under_way
from stillup.drill.history import read
from stillup.drill.scenes import play_called
from stillup.drill.score import losses, score_of, worth_of
from stillup.drill.values import Kind, Wanted, What, Where
from stillup.errors import UsageError

PATIENCE_S = 4.0
"""More than a quick gateway ever needs, and no more than a test can wait."""
QUICK = "[gateway]\nstall_after_s = 0.3\nhedge_after_s = 0.3\n"
PAIR = """
[[gateway.upstreams]]
id = "main"
protocol = "anthropic"
key_env = "NOBODYS_KEY"
service = "claude"
[[gateway.upstreams]]
id = "backup"
protocol = "openai"
key_env = "ALSO_NOBODYS"
service = "mistral"
base_url = "https://backup.example.org/v1"
"""
ROUTE = '[[gateway.routes]]\nchain = ["main/claude-sonnet-5-5", "backup/some-model"]\n'
HERE = """
[[gateway.upstreams]]
id = "here"
protocol = "openai"
base_url = "http://127.0.0.1:11434/v1"
"""
WITH_HERE = '[[gateway.routes]]\nchain = ["main/claude-sonnet-5-5", "here/small"]\n'
ALERTS = """
[[alerts.channels]]
id = "team"
url = "https://alerts.example.org/hook"
[[alerts.rules]]
id = "r"
for_s = 300
channels = ["team"]
"""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def configured(tmp_path):
    """A configuration beside a folder of its own."""

    def make(text=""):
        return parse_config(f'data = "{tmp_path / "data"}"\n{QUICK}{text}', {}, tmp_path / "stillup.toml")

    return make


async def played(config, *words, by_hand=None, told=lambda _: None, aborted=None, together=6, **more):
    """Play these scenes in the mirror."""
    there = possible(config, {})
    plays = tuple(play_called(word, there) for word in words)
    wanted = Wanted(plays=plays, patience_s=PATIENCE_S, together=together, **more)
    return await run_drill(
        wanted, config, environ={}, told=told, by_hand=by_hand, aborted=aborted or asyncio.Event(), say=pytest.fail
    )


def scores(scene):
    return tuple(score_of(scene, lane) for lane in scene.lanes)


async def test_every_way_to_fail_loses_nothing_with_a_backup_and_says_what_it_loses_without(configured):
    config = configured()
    modes = [play.key for play in possible(config, {}) if play.kind is Kind.MODE]
    drill = await played(config, *modes)
    assert len(drill.scenes) == len(modes) >= 23
    assert read(drills_folder(config)).drills == (drill,)
    scenes = {scene.name: scene for scene in drill.scenes}
    # What a busy machine held up while six were played side by side must hold alone.
    held_up = [mode for mode, scene in zip(modes, drill.scenes, strict=True) if scores(scene)[0].continuity < 1.0]
    for mode in held_up:
        drill = await played(config, mode)
        scenes |= {scene.name: scene for scene in drill.scenes}
    assert len(scenes) == len(modes)
    for scene in scenes.values():
        backed, alone = scores(scene)
        assert backed.continuity == 1.0, (scene.name, losses(scene, scene.lanes[0])[:3])
        assert alone.continuity < 1.0, scene.name
        lost = losses(scene, scene.lanes[1])
        assert len(lost) == alone.errors > 0
        assert all(each.says and each.protocol and 0 < each.missing_chars < 400 for each in lost), scene.name
        assert scene.injected
    assert worth_of(drill).is_whole
    assert drill.simulated


async def test_answers_under_way_when_a_provider_goes_down_go_on_elsewhere_word_for_word(configured):
    drill = await played(configured(PAIR + ROUTE), "provider:claude")
    (scene,) = drill.scenes
    backed, alone = scene.lanes
    gone_on = [each for each in backed.asked if each.continued]
    assert len(gone_on) >= 4, "those of before the fault; on a busy machine some that came with it"
    assert all(each.ok and each.upstream == "backup" and each.got_chars == each.wanted_chars for each in gone_on)
    assert score_of(scene, backed).continuity == 1.0
    cut = [each for each in losses(scene, alone) if each.missing_chars and "broken off" in each.says]
    assert len(cut) >= 4


async def test_a_cloud_under_all_of_them_takes_the_backup_with_it(configured):
    drill = await played(configured(), "region:cloudflare")
    (scene,) = drill.scenes
    assert set(scene.hit) == {"first", "second"}
    assert scores(scene)[0].continuity == 0.0


async def test_a_model_of_this_machine_answers_when_every_provider_is_gone(configured):
    drill = await played(configured(PAIR + HERE + WITH_HERE), "all")
    (scene,) = drill.scenes
    assert scene.hit == ("main", "backup")
    backed, alone = scores(scene)
    assert (backed.continuity, alone.continuity) == (1.0, 0.0)
    assert "here" in {each.upstream for each in scene.lanes[0].asked}


async def test_without_anybody_left_requests_are_kept_where_that_is_configured(configured):
    text = PAIR + ROUTE
    kept = await played(configured(f"defer = true\n{text}"), "all")
    backed = kept.scenes[0].lanes[0]
    answers = [each for each in losses(kept.scenes[0], backed) if "broken off" not in each.says]
    assert answers
    assert any(each.put_off for each in answers)
    lost = await played(configured(text), "all")
    assert not any(each.put_off for each in losses(lost.scenes[0], lost.scenes[0].lanes[0]))


async def test_the_users_rules_alert_a_receiver_here_in_the_place_of_each_channel(configured):
    drill = await played(configured(PAIR + ROUTE + ALERTS), "provider:claude")
    (scene,) = drill.scenes
    (alert,) = scene.alerts
    assert (alert.channel, alert.says) == ("team", "Claude is down")
    assert alert.at_s >= scene.begins_s
    assert scores(scene)[0].alerts == (1, 1)
    assert "The team is told." in [step.says for step in scene.steps if step.done]


async def test_trouble_that_no_rule_tells_anybody_of_is_an_alert_that_did_not_come(configured):
    rules = ALERTS.replace("for_s = 300", 'services = ["github"]')
    drill = await played(configured(PAIR + ROUTE + rules), "provider:claude")
    (alert,) = drill.scenes[0].alerts
    assert alert.at_s is None
    assert "no rule" in alert.says


async def test_the_teams_own_steps_are_asked_and_nobody_answers_for_a_person(configured, tmp_path):
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "claude.md").write_text("- Ring the customer\n- [x] Open the bridge\n")
    config = configured(PAIR + ROUTE)
    unasked = await played(config, "provider:claude")
    assert {s.says: s.done for s in unasked.scenes[0].steps}["Ring the customer"] is None
    asked = []

    async def by_hand(step):
        asked.append(step.says)
        return step.says == "Ring the customer"

    drill = await played(config, "provider:claude", by_hand=by_hand)
    steps = {step.says: step for step in drill.scenes[0].steps}
    assert steps["Ring the customer"].done is True
    assert steps["Requests through the gateway are rerouted."].done is True
    assert "Requests through the gateway are rerouted." not in asked
    assert "Open the bridge" not in asked


async def test_no_key_and_no_address_of_anybody_is_in_the_mirror(configured):
    config = configured(PAIR + ROUTE)
    layout = layout_of(config, {"NOBODYS_KEY": "a-real-secret"})
    models = layout.models(frozenset({"main"}))
    async with mirror(layout, config, SystemClock(), models, pytest.fail) as world:
        for lane in world.lanes:
            for spec in lane.gateway.plan.upstreams:
                assert spec.base_url.startswith("http://127.0.0.1:")
                assert spec.key.reveal() == KEY
            assert not Path(lane.folder).is_relative_to(config.data_folder)


async def test_abort_from_another_process_ends_it_and_keeps_what_was_seen(configured):
    config = configured()
    folder = drills_folder(config)
    seen = []

    def told(moment):
        seen.append(moment.what)
        if moment.what is What.FAILS:
            assert under_way(folder).says.startswith("first: ")
            assert abort(folder) is not None

    drill = await played(config, "mode:hang", "mode:529", told=told, together=1)
    (scene,) = drill.scenes
    assert drill.aborted
    assert scene.aborted
    assert What.MENDED in seen
    assert scene.ends_s - scene.begins_s < PATIENCE_S
    assert under_way(folder) is None
    assert abort(folder) is None
    assert read(folder).drills == (drill,)


async def test_aborted_before_the_failure_began_nothing_counts_as_come_through(configured):
    aborted = asyncio.Event()

    def told(moment):
        if moment.what is What.ASKED:
            aborted.set()

    drill = await played(configured(), "mode:529", told=told, aborted=aborted)
    assert drill.aborted
    assert worth_of(drill).backed is None
    assert "still waiting" in drill.scenes[0].happened[-1].says


async def test_aborted_before_it_began_it_plays_nothing_and_keeps_nothing(configured):
    config, aborted = configured(), asyncio.Event()
    aborted.set()
    drill = await played(config, "mode:529", aborted=aborted)
    assert drill.scenes == ()
    assert read(drills_folder(config)).drills == ()


async def test_there_is_one_drill_at_a_time(configured):
    config = configured()

    async def second():
        with pytest.raises(UsageError, match="under way already"):
            await played(config, "mode:500")

    tasks = []

    def told(moment):
        if moment.what is What.BEGINS:
            tasks.append(asyncio.create_task(second()))

    await played(config, "mode:529", told=told)
    await asyncio.gather(*tasks)
    assert tasks


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(plays=()), "1 to 100 scenes"),
        (Wanted(plays=(play_called("529", possible(parse_config(""), {})),), for_s=1e9), "stands for"),
        (Wanted(plays=(play_called("mode:529@nobody", possible(parse_config(""), {})),)), "cannot hit 'nobody'"),
        (
            Wanted(plays=(play_called("green_page", possible(parse_config(""), {})),), where=Where.GATEWAY, for_s=5),
            "runs",
        ),
    ],
)
async def test_what_cannot_be_played_is_refused_before_anything_begins(configured, wanted, says):
    config = configured()
    with pytest.raises(UsageError, match=says):
        await run_drill(wanted, config, environ={}, told=pytest.fail, aborted=asyncio.Event())
    assert read(drills_folder(config)).drills == ()
