"""Latencies of the tries that work: slower than usual is degraded, and nothing worse."""

import random
from math import exp

import pytest

from stillup.model.service import Layer, Problem, State
from stillup.verdict.outcomes.latency import LatencyTest
from stillup.verdict.outcomes.stream import OutcomeStream, StreamKey
from stillup.verdict.settings import Settings

THRESHOLD = Settings().threshold(60)


class Latencies:
    def __init__(self, seed=1, spread=0.4, tail=None):
        self.test, self.rng, self.now, self.turns = LatencyTest(), random.Random(seed), 0, []
        self.spread, self.tail = spread, tail

    def run(self, ticks, times=1.0, n=1):
        for _ in range(ticks):
            self.now += 60
            for _ in range(n):
                noise = self.rng.gauss(0, self.spread)
                noise /= 1.0 if self.tail is None else self.rng.gammavariate(self.tail / 2, 2 / self.tail) ** 0.5
                self.test.take(1500 * times * exp(noise))
            if self.test.tick(self.now, THRESHOLD, 60.0):
                self.turns.append((self.now // 60, self.test.slow_since_s is not None))
        return self


@pytest.mark.parametrize(("times", "within"), [(1.5, 120), (2.0, 30), (4.0, 8), (10.0, 5)])
def test_slower_is_seen_and_so_is_its_end(times, within):
    run = Latencies().run(500).run(within, times)
    assert [slow for _, slow in run.turns] == [True]
    run.run(100, times).run(30)
    assert [slow for _, slow in run.turns] == [True, False]


def test_one_slow_try_is_nothing():
    assert Latencies().run(500).run(1, 50.0).run(100).turns == []


@pytest.mark.parametrize("tail", [None, 3.0])
def test_weeks_of_usual_latencies_however_heavy_their_tail_raise_nothing(tail):
    assert Latencies(tail=tail).run(20_000).turns == []


def test_faster_is_no_fault():
    assert Latencies().run(500).run(300, 0.2).turns == []


def test_a_lasting_new_latency_becomes_usual_after_three_days():
    run = Latencies().run(500).run(3 * 1440 + 60, 3.0)
    assert [slow for _, slow in run.turns] == [True, False]
    assert run.test.usual_ms == pytest.approx(4500, rel=0.3)


def test_the_onset_is_found():
    run = Latencies().run(500).run(30, 4.0)
    assert run.test.slow_since_s == pytest.approx(500 * 60, abs=180)


def test_slow_degrades_a_stream_and_names_the_problem():
    stream = OutcomeStream(StreamKey("probe", "api", Layer.INFERENCE, "", ""), Settings())
    rng = random.Random(2)
    for minute in range(1, 600):
        stream.take(1, 0, 800 * exp(rng.gauss(0, 0.3)) * (5 if minute > 560 else 1))
        stream.tick(minute * 60)
    assert (stream.state, stream.problem) == (State.DEGRADED, Problem.SLOW)
    assert stream.alarm_since_s == pytest.approx(560 * 60, abs=180)
    recent, usual = stream.latency_ms
    assert recent > 3 * usual


def test_the_latency_of_a_failure_does_not_count():
    stream = OutcomeStream(StreamKey("probe", "api", Layer.INFERENCE, "", ""), Settings())
    for minute in range(1, 400):
        stream.take(1, 0, 800.0)
        stream.take(0, 1, 60_000.0) if minute % 50 == 0 else None
        stream.tick(minute * 60)
    assert stream.problem is None


@pytest.mark.parametrize("value", [0.0, 1e-12, 1e9])
def test_absurd_latencies_have_a_bounded_effect(value):
    run = Latencies().run(200)
    run.test.take(value)
    run.test.tick(run.now + 60, THRESHOLD, 60.0)
    assert run.run(200).turns == []


def test_after_a_long_silence_only_a_slow_number_is_slow_again():
    def slowed():
        run = Latencies().run(500).run(30, 4.0)
        assert run.test.slow_since_s is not None
        run.test.doubt()
        run.now += 20 * 60
        return run

    quick = slowed().run(20)
    assert quick.test.slow_since_s is None
    slow = slowed().run(2, 4.0)
    assert slow.test.slow_since_s >= slow.now - 120
    assert slow.run(30).test.slow_since_s is None


def test_a_stream_whose_slow_tries_stopped_is_not_slow_when_the_next_one_is_quick():
    stream = OutcomeStream(StreamKey("gateway", "api", Layer.INFERENCE, "", ""), Settings())
    rng = random.Random(2)
    for minute in range(1, 600):
        stream.take(1, 0, 800 * exp(rng.gauss(0, 0.3)) * (5 if minute > 560 else 1))
        stream.tick(minute * 60)
    assert stream.problem is Problem.SLOW
    assert stream.says_nothing(620 * 60)
    stream.take(1, 0, 800.0)
    assert stream.tick(620 * 60)
    assert stream.alarm_since_s is None
    assert stream.works
