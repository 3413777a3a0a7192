"""Tries that stop: what they said lapses by itself, and what comes after the silence speaks for itself alone."""

from datetime import datetime, timedelta

from stillup.model.service import State
from stillup.verdict.monitor import Monitor
from stillup.verdict.settings import Profile


def rerouted(timeline, after_ok, after=3):
    """Requests fail from minute 40 on, are made elsewhere from 50 on, and come back at 70; the page stays green."""
    timeline.declared(0, "operational", "api").alive("statuspage", 0, 90, every=5)
    timeline.tries(1, 40, ok=True, source="gateway").tries(40, 50, ok=False, source="gateway", error="overloaded")
    return timeline.tries(70, 70 + after, ok=after_ok, source="gateway")


def states(told):
    return [(minute, state) for minute, state, _, _ in told]


def test_requests_that_work_after_a_silence_raise_no_suspicion_again(timeline, story):
    told = states(story(timeline, rerouted(timeline, True).run()))
    assert [state for _, state in told] == ["operational", "partial_outage", "unknown"]
    assert told[-1][0] == 65


def test_enough_of_them_are_the_end_of_the_outage(timeline, story):
    told = states(story(timeline, rerouted(timeline, True, after=12).run()))
    assert [state for _, state in told] == ["operational", "partial_outage", "unknown", "operational"]
    assert 72 < told[-1][0] <= 80


def test_requests_that_fail_after_a_silence_are_suspected_again_at_once_in_the_same_incident(timeline, story):
    changes = rerouted(timeline, False).run()
    assert next(line[:3] for line in story(timeline, changes) if line[0] > 65) == (70, "partial_outage", "suspected")
    assert len({c.incident for c in changes if c.incident}) == 1


def test_requests_that_come_back_and_work_do_not_take_back_a_recovery_that_others_saw(timeline, story):
    rerouted(timeline, True, after=12)
    timeline.tries(1, 40, ok=True).tries(40, 52, ok=False).tries(52, 90, ok=True)
    told = states(story(timeline, timeline.run()))
    assert [state for _, state in told] == ["operational", "partial_outage", "operational"]


def test_silence_and_what_follows_it_replay_as_they_were_judged_live(timeline):
    rerouted(timeline, True, after=12).tries(100, 101, ok=True, source="gateway")
    replayed = timeline.run()
    parts = ("web", "console", "api", "code", "mobile")
    live, changes = Monitor(lambda s: Profile(service=s, components=parts)), []
    waiting = timeline.signals()
    now = waiting[0].at
    while waiting:
        changes += live.step(now, [line for line in waiting if line.at <= now])
        waiting = [line for line in waiting if line.at > now]
        now += timedelta(minutes=1)
    assert changes == replayed


def test_a_monitor_restored_in_the_midst_of_that_goes_on_as_if_it_had_never_stopped(timeline):
    def profile(service):
        return Profile(service=service)

    rerouted(timeline, True, after=12)
    kept, waiting, changes, changes_restored = Monitor(profile), timeline.signals(), [], []
    kept.step(datetime.fromisoformat(timeline.at(72)), waiting)
    restored = Monitor.restore(kept.checkpoint(), profile)
    for minute in range(73, 90):
        now = datetime.fromisoformat(timeline.at(minute))
        changes += kept.step(now)
        changes_restored += restored.step(now)
    assert changes[-1].state is State.OPERATIONAL
    assert changes_restored == changes
    assert restored.checkpoint() == kept.checkpoint()


def test_requests_are_calm_for_a_quarter_of_an_hour_and_then_no_data_by_themselves(timeline, story):
    timeline.tries(1, 20, ok=True, source="gateway").tries(60, 61, ok=True, source="gateway")
    monitor = Monitor(lambda s: Profile(service=s))
    changes = monitor.step(datetime.fromisoformat(timeline.at(90)), timeline.signals())
    assert states(story(timeline, changes)) == [
        (1, "operational"),
        (35, "unknown"),
        (60, "operational"),
        (76, "unknown"),
    ]
