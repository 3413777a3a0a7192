"""Downtime alone and together, from one's own record, from shipped figures, or assumed."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench" / "risk"))

from worlds import TAILS, world

from stillup.risk.downtimes import Figures
from stillup.risk.kin import Kin
from stillup.risk.values import HOURS_A_YEAR, LOCAL, Basis, Subject, Watched

DAY = 86_400.0
HOUR = 3_600.0
MINE = Subject("upstream:mine")
YOURS = Subject("upstream:yours")
CLAUDE, CHATGPT = Subject("claude", "api"), Subject("chatgpt", "api")


def record(days, *down):
    """Watched from the first second on; ``down`` are (day, hours)."""
    return Watched(watched=((0.0, days * DAY),), down=tuple((d * DAY, d * DAY + h * HOUR) for d, h in down))


def wide(hours):
    return hours.high / max(hours.low, 1e-6)


def test_what_nobody_knows_is_assumed_and_says_so():
    found = Figures().alone(Subject("provider:nobody"))
    assert found.basis is Basis.ASSUMED
    assert found.days == 0
    assert found.provenance.startswith("assumed")
    assert found.hours.low < 5 < found.hours.mid < found.hours.high < HOURS_A_YEAR


def test_what_the_public_record_has_is_shipped_with_its_provenance():
    found = Figures().alone(CLAUDE)
    assert found.basis is Basis.SHIPPED
    assert found.provenance == "public incident history of claude/api, 730 days to 2026-01-01, 152 outages"
    assert found.degraded is not None


def test_a_component_that_has_no_history_goes_by_its_service_as_a_whole():
    assert "claude as a whole" in Figures().alone(Subject("claude", "mobile")).provenance


def test_what_of_a_cloud_a_figure_is_of_is_said():
    assert (
        "aws (EC2, load balancing and S3 of N. Virginia), 835 days to 2023-04-16"
        in Figures().alone(Subject("aws")).provenance
    )


def test_a_model_of_ones_own_is_assumed():
    found = Figures().alone(Subject(LOCAL))
    assert found.basis is Basis.ASSUMED
    assert 1 < found.hours.mid < 50


def test_a_long_record_of_ones_own_outweighs_what_is_shipped():
    own = record(1000, *((d, 0.1) for d in range(5, 1000, 100)))
    found = Figures({CLAUDE: own}).alone(CLAUDE)
    assert found.basis is Basis.OWN
    assert found.days == 1000
    assert (
        found.provenance
        == "1000 days of what was seen from here, 10 outages; begun with the public history of claude/api"
    )
    assert found.hours.high < Figures().alone(CLAUDE).hours.mid


def test_a_short_record_is_weighed_in_and_named_beside_what_is_shipped():
    found = Figures({CLAUDE: record(10)}).alone(CLAUDE)
    assert found.basis is Basis.SHIPPED
    assert found.provenance.endswith("and 10 days of one's own")


def test_to_have_seen_no_outage_is_no_proof_that_there_are_none():
    month, year = (Figures({MINE: record(days)}).alone(MINE).hours for days in (30, 365))
    assert 0 < year.mid < month.mid
    assert year.high < month.high
    assert year.high > 0.5


def test_the_longer_one_watches_the_narrower_it_gets():
    few = Figures({MINE: record(100, (10, 1), (60, 1))}).alone(MINE).hours
    many = Figures({MINE: record(1000, *((d, 1) for d in range(10, 1000, 50)))}).alone(MINE).hours
    assert wide(many) < wide(few)


def test_a_chain_of_one_is_that_one():
    figures = Figures()
    together, alone = figures.together([CLAUDE]), figures.alone(CLAUDE)
    assert together.hours == alone.hours
    assert together.provenance == alone.provenance


def test_who_is_asked_twice_counts_once_and_a_whole_beside_its_part_not_at_all():
    found = Figures().together([CLAUDE, Subject("claude"), CLAUDE])
    assert found.subjects == (CLAUDE,)


def test_a_chain_of_nobody_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Figures().together([])
    with pytest.raises(ValueError, match="at least one"):
        Figures().possible_together([])


def test_parts_of_one_service_fail_together_and_independence_would_not_say_so():
    found = Figures().together([CLAUDE, Subject("claude", "web")])
    assert found.hours.low > 5 * found.independent


def test_a_chain_of_two_vendors_is_down_far_less_than_the_best_of_it():
    figures = Figures()
    both = figures.together([CLAUDE, CHATGPT])
    assert both.hours.high < figures.alone(CLAUDE).hours.mid / 4
    assert both.basis is Basis.SHIPPED
    assert "1 with a public history of both" in both.provenance


def test_the_weakest_basis_of_any_is_the_chains():
    assert Figures().together([CLAUDE, Subject(LOCAL)]).basis is Basis.ASSUMED


def test_one_more_never_makes_a_chain_worse_and_what_it_saves_fits():
    figures = Figures()
    chain = [CLAUDE, CHATGPT]
    for more in (Subject(LOCAL), Subject("github"), Subject("claude", "web"), Subject("provider:nobody")):
        longer = figures.together([*chain, more]).hours
        assert longer.mid <= figures.together(chain).hours.mid
        saved = figures.saved(chain, more)
        assert 0 <= saved.low <= saved.mid <= saved.high <= figures.together(chain).hours.high


def test_one_that_is_there_already_saves_nothing():
    assert Figures().saved([CLAUDE, CHATGPT], CLAUDE).high == 0


def test_a_chain_of_eight_is_answered():
    chain = [Subject("provider:" + name) for name in "abcdefgh"]
    assert Figures().together(chain).hours.high < 1


def test_the_order_of_a_chain_and_who_asked_before_change_nothing():
    chain = [CLAUDE, CHATGPT, Subject("gemini", "api")]
    first = Figures()
    first.together([Subject("github"), CLAUDE])
    first.saved(chain, Subject(LOCAL))
    assert first.together(chain).hours == Figures().together(chain[::-1]).hours


def test_seen_down_at_once_again_and_again_is_told():
    days = range(10, 400, 20)
    at_once = {s: record(400, *((d, 1) for d in days)) for s in (MINE, YOURS)}
    apart = {MINE: record(400, *((d, 1) for d in days)), YOURS: record(400, *((d + 5, 1) for d in days))}
    told, not_told = (Figures(own).together([MINE, YOURS]) for own in (at_once, apart))
    assert told.basis is Basis.OWN
    assert told.hours.low > 3 > not_told.hours.high
    assert told.hours.low < 20 * 365.25 / 400 < told.hours.high


def test_a_record_that_makes_no_sense_is_no_record():
    odd = Watched(watched=((5.0, 1.0), (float("nan"), 2.0)), down=((0.0, 9e9),))
    assert Figures({MINE: odd}).alone(MINE).hours == Figures().alone(MINE).hours


def test_down_all_the_time_is_not_taken_for_up():
    assert Figures({MINE: record(2, (0.5, 36))}).alone(MINE).hours.mid > Figures().alone(MINE).hours.mid


def test_intervals_of_nine_in_ten_hold_the_truth_of_simulated_providers_nine_times_in_ten():
    """Some of the worlds of ``python bench/risk/run.py coverage``: three tails, four lengths of record, bursts."""
    held, asked = Counter(), Counter()
    for number in range(48):
        random = Random(number)
        days = (30, 90, 365, 1095)[number % 4]
        related, shared = ((Kin.NONE, 0.0), (Kin.SHARED, 0.05), (Kin.SAME, 0.5))[number % 3]
        made = world(random, TAILS[number // 12 % 3], shared)
        subjects = [Subject(f"sim-{i}") for i in range(3)]
        own = dict(zip(subjects, made.watch(days, random), strict=True))
        figures = Figures(own, related=lambda *_, related=related: related)
        for which in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
            said = figures.together([subjects[i] for i in which]).hours
            asked[len(which)] += 1
            held[len(which)] += said.low <= made.hours(*which) <= said.high
    shares = {size: held[size] / asked[size] for size in asked}
    assert all(0.83 <= share <= 0.98 for share in shares.values()), shares


def test_what_simulated_providers_do_is_what_is_known_of_them():
    random = Random(11)
    made = world(random, "log-normal", 0.3)
    years = 300
    downs = made.play(years * 365.25, random)
    for i, down in enumerate(downs):
        assert sum(e - b for b, e in down) / HOUR / years == pytest.approx(made.hours(i), rel=0.2)
