"""The drawings: true to the numbers, bounded, harmless whatever the labels say, and said in words too."""

import gzip
import re
from datetime import date, timedelta
from math import inf, nan

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html
from msgspec import structs

from stillup.board import Bar, Chance, Day, Place, Record, Share
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.model.verdict import Forecast, Verdict
from stillup.web import draw
from stillup.web.draw.layout import EMPTY, STATES, WORLD, grid, places
from stillup.web.draw.paint import figure, short
from stillup.web.draw.recovery import _clean, _when
from stillup.web.draw.scale import ceiling, clock_ticks, span_ticks
from stillup.web.draw.tiles import level
from tests.web import boards

NOW = boards.NOW
HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"' \u202e{{7*7}}" * 20


def full():
    """The made-up board with as much on it as there can be."""
    every = sorted({code for name in WORLD for code in places(name)})
    return boards.claude(
        reports=tuple(
            structs.replace(b, count=(n * 37) % 101 / 3, usual=0.9 + n / 97, low=n / 211, high=4.0 + n / 89)
            for n, b in enumerate(boards.bars())
        ),
        places=tuple(Place(c, 1000.0 + n, 0.5) for n, c in enumerate(every))
        + tuple(Place(f"US-{c}", 99.0, 0.1) for c in sorted(places(STATES))),
        problems=tuple(Share(f"problem_{n}", 1000.0 - n) for n in range(60)),
    )


def year(worst=State.MAJOR_OUTAGE, days=90):
    first = NOW.date() - timedelta(days=days - 1)
    each = [Day(day=first + timedelta(days=n), worst=worst, down_s=60.0 * n, watched_s=86400.0) for n in range(days)]
    return Record(service="claude", component=None, days=tuple(each))


def every(board=None, record=None, story=None, incidents=(boards.PAST,)):
    """Every drawing by its name."""
    board = board or boards.claude()
    story = story or boards.MadeUpArchive().story(boards.INCIDENT.id)
    return {
        "report_chart": draw.report_chart(board),
        "spark": draw.spark(board.reports),
        "recovery_curve": draw.recovery_curve(board),
        "tile_map": draw.tile_map(board),
        "problem_mix": draw.problem_mix(board),
        "component_matrix": draw.component_matrix(board),
        "calendar_strip": draw.calendar_strip(record or year()),
        "lead_times": draw.lead_times(story),
        "story_chart": draw.story_chart(story, "Claude"),
        "duration_histogram": draw.duration_histogram(incidents),
    }


def tree(markup):
    return html.fragment_fromstring(str(markup), create_parent="div")


def words(markup):
    return " ".join(tree(markup).text_content().split())


@pytest.mark.parametrize("name", draw.__all__)
def test_every_drawing_is_drawn_within_its_bounds_and_without_a_style_of_its_own(name):
    made = {**every(full()), "calendar_strip": draw.calendar_strip(year())}[name]
    text = str(made)
    assert made
    assert len(text.encode()) <= (
        20_000 if name == "tile_map" else 12_000
    )  # the map: when every place on it is heard of
    assert len(gzip.compress(text.encode())) <= (4_000 if name == "tile_map" else 3_000)
    assert not re.search(r"style=|<style|<script|javascript:|\son\w+=|http:|https:", text)
    assert "nan" not in text.lower().replace("nancy", "")
    assert " id=" not in text  # twice on a page, it would be twice the same


def test_the_map_of_an_ordinary_outage_is_small():
    some = ("US-CA", "US-NY", "US-TX", "FR", "DE", "GB", "IN", "BR", "JP", "US", "CA", "AU", "ES", "IT", "NL")
    board = boards.claude(places=tuple(Place(c, 40.0 - n, 0.5) for n, c in enumerate(some)))
    text = str(draw.tile_map(board)).encode()
    assert len(text) <= 12_000
    assert len(gzip.compress(text)) <= 3_000


@pytest.mark.parametrize("name", draw.__all__)
def test_every_drawing_that_is_a_picture_says_in_words_what_it_shows(name):
    found = tree(every()[name])
    pictures = [svg for svg in found.iter("svg") if svg.get("role") == "img"]
    assert all(len(svg.find("title").text) > 20 for svg in pictures)
    others = [svg for svg in found.iter("svg") if svg.get("role") != "img" and svg.getparent().tag != "svg"]
    assert all(svg.get("aria-hidden") == "true" for svg in others)


def test_hostile_labels_are_text_wherever_they_stand():
    service = structs.replace(boards.claude().service, name=HOSTILE, components=())
    evil = Verdict(at=NOW, service="claude", component=HOSTILE, state=State.DEGRADED)
    board = boards.claude(
        service=service,
        components={HOSTILE: evil},
        problems=(Share(HOSTILE, 5.0), Share("a", 1.0)),
        places=(Place(HOSTILE, 9.0, 0.1), Place("US-<b>", 1.0, None)),
    )
    for name, made in every(board).items():
        found = tree(made)
        assert not list(found.iter("script", "img")), name
        assert "\u202e" not in str(made), name
        assert len(str(made)) < 30_000, name


numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1e12))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=30))
def test_no_number_makes_a_chart_that_cannot_be_drawn(values):
    bars = tuple(
        Bar(at=NOW + n * timedelta(minutes=15), count=c, usual=u, low=low, high=high)
        for n, (c, u, low, high) in enumerate(values)
    )
    for made in (draw.report_chart(boards.claude(reports=bars)), draw.spark(bars)):
        assert not re.search(r"\b(nan|inf|None)\b", str(made))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=30))
def test_no_curve_makes_a_chart_that_cannot_be_drawn(points):
    made = draw.recovery_curve(boards.claude(recovery=tuple(Chance(s, p) for s, p in points)))
    assert not re.search(r"\b(nan|inf)\b", str(made))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["US", "US-CA", "FR", "ZZ", "AQ", ""]), numbers, numbers), max_size=12))
def test_no_places_make_a_map_that_cannot_be_drawn(found):
    told = tuple(Place(region, count if count is not None else nan, usual) for region, count, usual in found)
    assert not re.search(r"\b(nan|inf)\b", str(draw.tile_map(boards.claude(places=told))))


def test_where_there_is_nothing_to_draw_there_is_no_drawing():
    board = boards.calm("chatgpt")
    empty = structs.replace(board, service=structs.replace(board.service, components=()))
    for made in (
        draw.report_chart(empty),
        draw.spark(()),
        draw.spark((Bar(at=NOW, count=None),)),
        draw.recovery_curve(empty),
        draw.tile_map(empty),
        draw.problem_mix(empty),
        draw.component_matrix(empty),
        draw.calendar_strip(Record(service="x", component=None, days=())),
        draw.duration_histogram(()),
        draw.problem_mix(boards.claude(problems=(Share("x", 0.0), Share("y", nan)))),
    ):
        assert made == ""


# -- reports ----------------------------------------------------------------------------------------------------------


def bars(*counts, **rest):
    return tuple(
        Bar(at=NOW - timedelta(minutes=15) * (len(counts) - 1 - n), count=c, **rest) for n, c in enumerate(counts)
    )


def test_a_window_in_which_nobody_was_heard_is_not_drawn_as_zero():
    made = draw.report_chart(boards.claude(reports=bars(3.0, None, None, 0.0, 2.0), incidents=()))
    (gap,) = tree(made).xpath("//rect[@class='d-gap']")
    assert (gap.get("x"), gap.get("width")) == ("1", "2")
    assert "In 2 windows nobody who counts was heard." in words(made)
    assert "not heard" in words(made)
    heights = tree(made).xpath("//path[@class='d-calm']/@d")[0]
    assert heights.count("M") == 1  # of the three that were heard one is zero and one still open


def test_windows_above_the_band_stand_out_and_are_counted():
    made = draw.report_chart(boards.claude(reports=bars(1.0, 9.0, 5.0, low=0.0, high=4.0), incidents=()))
    assert tree(made).xpath("//path[@class='d-hot']/@d")[0].count("M") == 2
    assert "2 of 3 windows lie above what is usual." in words(made)


def test_the_window_that_is_still_open_is_drawn_lighter():
    made = draw.report_chart(boards.claude(reports=bars(1.0, 2.0, 3.0), incidents=()))
    assert tree(made).xpath("//path[@class='d-open']/@d")[0].startswith("M2")


def test_what_happened_is_marked_at_its_time():
    over = structs.replace(boards.INCIDENT, recovered_at=NOW - timedelta(minutes=2))
    made = draw.report_chart(boards.claude(incidents=(over,)))
    marks = {g.get("class").split()[1]: g for g in tree(made).xpath("//g[contains(@class,'d-mark')]")}
    assert set(marks) == {"m-onset", "m-official", "m-over"}
    at = {kind: float(g.find("line").get("x1").rstrip("%")) for kind, g in marks.items()}
    assert at["m-onset"] < at["m-official"] < at["m-over"] < 100
    assert at["m-onset"] == pytest.approx(100 * (1 - 28 / (24 * 60)), abs=0.01)
    assert words(marks["m-official"].find("text").text) == "official page 14:55"
    assert "the official page said so at 14:55 UTC; over at 14:58 UTC." in words(made)


def test_an_incident_of_another_day_is_not_marked():
    made = draw.report_chart(boards.claude(incidents=(boards.PAST,)))
    assert "d-mark" not in made


def test_the_figures_of_the_chart_stand_in_a_table_hour_by_hour():
    made = draw.report_chart(boards.claude(reports=bars(1.0, 2.0, None, 4.0, 5.0, usual=0.5), incidents=()))
    rows = [[cell.text.strip() for cell in row] for row in tree(made).xpath("//tbody/tr")]
    assert rows == [["12 May, 13:45", "1", "0.5"], ["12 May, 14:00", "11 (in 45 min)", "1.5"]] or rows == [
        ["12 May, 13:00", "1", "0.5"],
        ["12 May, 14:00", "11 (in 45 min)", "1.5"],
    ]


@pytest.mark.parametrize(
    ("values", "top"), [((), 4), ((1,), 4), ((5,), 5), ((11,), 15), ((95,), 100), ((101, 3), 150), ((8001,), 10_000)]
)
def test_a_scale_ends_at_a_round_number_that_holds_everything(values, top):
    assert ceiling(values) == top


def test_ticks_are_round_hours_and_midnight_names_its_day():
    ticks = clock_ticks(NOW - timedelta(days=1), NOW)
    assert [t.says for t in ticks] == ["18:00", "12 May", "06:00", "12:00"]
    assert all(0 <= t.at <= 100 for t in ticks)
    assert [t.says for t in span_ticks(4 * 3600)] == ["now", "1 h", "2 h", "3 h", "4 h"]
    assert len(clock_ticks(NOW, NOW + timedelta(days=4000))) <= 6


# -- recovery ---------------------------------------------------------------------------------------------------------


def test_the_median_and_the_interval_are_read_from_the_curve():
    curve = [Chance(0, 0.0), Chance(1000, 0.5), Chance(2000, 1.0)]
    assert [_when(curve, p) for p in (0.1, 0.5, 0.9)] == pytest.approx([200, 1000, 1800])
    made = draw.recovery_curve(boards.claude(recovery=tuple(Chance(s * 600.0, s / 12) for s in range(13))))
    assert "even odds that it is over within 1 h from now; in 80 of 100 such cases 12 min to 1 h 48 min." in words(made)


def test_a_curve_that_does_not_get_to_even_odds_says_so():
    made = draw.recovery_curve(boards.claude(recovery=(Chance(0, 0.0), Chance(3600, 0.2))))
    assert "as likely as not to take longer than 1 h" in words(made)
    assert "m-median" not in made


def test_a_curve_never_falls_and_is_cut_where_nearly_all_is_over():
    told = [Chance(600, 0.4), Chance(300, 0.5), Chance(900, 0.98), Chance(90_000, 0.99), Chance(nan, 0.1)]
    assert [(c.within_s, c.p) for c in _clean(told)] == [(0, 0), (300, 0.5), (600, 0.5), (900, 0.98)]


# -- places -----------------------------------------------------------------------------------------------------------


def test_every_country_and_state_has_one_tile_of_its_own():
    for name in (*WORLD, STATES):
        rows = grid(name)
        assert len({len(row) for row in rows}) == 1
    world = [code for name in WORLD for row in grid(name) for code in row if code != EMPTY]
    assert len(world) == len(set(world)) == 245
    assert len(places(STATES)) == 51
    assert {"US", "FR", "IN", "BR", "TW", "XK"} - set(world) <= {"XK"}


@pytest.mark.parametrize(
    ("count", "usual", "shade"),
    [(0, 0.1, 0), (2, 0.5, 0), (4, 0.5, 1), (10, 0.5, 2), (60, 0.5, 3), (105, 100, 0), (130, 100, 1), (9, None, None)],
)
def test_the_shade_says_how_far_above_usual_a_place_is(count, usual, shade):
    assert level(Place("FR", count, usual)) == shade


def test_the_states_are_added_to_their_country_and_drawn_by_themselves():
    made = draw.tile_map(
        boards.claude(places=(Place("US-CA", 30.0, 0.5), Place("US-NY", 10.0, 0.5), Place("US", 2, 1)))
    )
    assert "United States: 42 reports, usual: 2" in words(made)
    assert "California: 30 reports, usual: 0.5" in words(made)
    assert [b.text for b in tree(made).iter("b")] == [*WORLD, STATES]


def test_places_that_are_on_no_map_are_named():
    made = draw.tile_map(boards.claude(places=(Place("AQ", 3.0, 0.0), Place("FR", 1.0, 0.5))))
    assert "Also from AQ." in words(made)


def test_the_letters_of_a_row_keep_their_places():
    made = draw.tile_map(boards.claude(places=(Place("FR", 9.0, 0.1), Place("RO", 1.0, 0.1))))
    rows = {t.get("y"): t for t in tree(made).xpath("//g[@class='d-codes d-heard']/text")}
    (france,) = (t for t in rows.values() if t.text.startswith("FR"))
    assert france.text == "FR" + "\N{NO-BREAK SPACE}" * 13 + "RO"  # five tiles on, three letters each
    assert france.get("x") == "47.5"
    plain = [t.text for t in tree(made).xpath("//g[@class='d-codes']/text")]
    assert "CH AT SI HU" in [row.replace("\N{NO-BREAK SPACE}", " ") for row in plain]


# -- tables with bars, parts, days ------------------------------------------------------------------------------------


def test_the_mix_names_the_most_named_first_with_its_share():
    made = draw.problem_mix(boards.claude(problems=(Share("other", 25.0), Share("sign_in", 75.0))))
    rows = [
        words(row) if isinstance(row, str) else " ".join(row.text_content().split()) for row in tree(made).iter("tr")
    ]
    assert rows[1:] == ["sign in 75 % · 75", "other 25 % · 25"]


def test_more_problems_than_fit_are_summed_up():
    made = draw.problem_mix(boards.claude(problems=tuple(Share(f"p{n}", 1.0) for n in range(30))))
    assert "all else" in words(made)
    assert len(list(tree(made).iter("tr"))) == 13


def test_leads_lie_on_one_scale_before_and_after_the_page():
    story = boards.MadeUpArchive().story(boards.INCIDENT.id)
    made = draw.lead_times(
        structs.replace(story, leads=((Family.SOCIAL, -600.0), (Family.PROBE, 600.0), (Family.CROWD, 5.0)))
    )
    assert "our probe 10 min before crowd in the same minute social posts 10 min after" in words(made)
    bars_ = tree(made).xpath("//rect[contains(@class,'d-calm') or contains(@class,'d-late')]")
    assert [(b.get("x"), b.get("width")) for b in bars_][::2] == [("0.0%", "50.0%"), ("50.0%", "50.0%")]


def test_only_confirmed_incidents_that_are_over_are_in_the_histogram():
    def lasted(minutes, **rest):
        told = {"state": State.DEGRADED, "confidence": Confidence.CONFIRMED, "since": NOW, **rest}
        return Incident(id="i", service="s", opened_at=NOW, recovered_at=NOW + timedelta(minutes=minutes), **told)

    some = [lasted(3), lasted(10), lasted(12), lasted(50), lasted(9, confidence=Confidence.SUSPECTED), boards.INCIDENT]
    made = draw.duration_histogram(some)
    assert "How long 4 confirmed incidents lasted; half of them no longer than 10 min" in words(made)
    assert "under 5 min 1 5 to 15 min 2 15 to 30 min 0 30 min to 1 h 1" in words(made)


def test_every_part_of_the_catalogue_has_one_mark_in_the_row_of_its_state():
    made = draw.component_matrix(boards.claude())
    heads = [" ".join(th.text_content().split()) for th in tree(made).xpath("//thead//th")]
    assert heads == ["Part", "operational", "degraded", "partial outage", "major outage", "unknown"]
    rows = {row.find("th").text.strip(): [bool(td.text_content()) for td in row.iter("td")]
            for row in tree(made).xpath("//tbody/tr")}  # fmt: skip
    assert rows["claude.ai"] == [False, False, False, True, False]
    assert rows["Claude API"] == [True, False, False, False, False]
    assert all(sum(marks) == 1 for marks in rows.values())
    assert len(rows) == len(boards.claude().service.components)


def test_of_a_part_for_which_a_page_that_knows_of_no_fault_speaks_alone_it_is_said_so():
    blind = structs.replace(boards.verdict(), families=(Family.CROWD, Family.SOCIAL))
    calm = {c: Verdict(at=NOW, service="claude", component=c, state=State.OPERATIONAL) for c in ("api", "cowork")}
    made = draw.component_matrix(boards.claude(verdict=blind, components=calm, up_parts=("Claude API",)))
    rows = [" ".join(th.text_content().split()) for th in tree(made).xpath("//tbody//th")]
    assert "Claude API" in rows
    assert "Claude Cowork says its page alone" in rows
    assert "says its page alone" not in words(draw.component_matrix(boards.claude(components=calm, up_parts=())))


def test_a_part_in_maintenance_gets_a_column_for_it():
    part = Verdict(at=NOW, service="claude", component="web", state=State.MAINTENANCE)
    assert "maintenance" in words(draw.component_matrix(boards.claude(components={"web": part})))


def test_a_day_that_was_not_watched_is_hollow_and_one_watched_in_part_is_lower():
    days = (
        Day(day=date(2026, 5, 1), worst=None),
        Day(day=date(2026, 5, 2), worst=State.OPERATIONAL, watched_s=43_200.0),
        Day(day=date(2026, 5, 3), worst=State.MAJOR_OUTAGE, watched_s=86_400.0, down_s=3600.0),
    )
    made = draw.calendar_strip(Record(service="s", component=None, days=days))
    paths = {p.get("class"): p.get("d") for p in tree(made).iter("path")}
    assert paths["s-operational"] == "M1.1 20V10h.8V20z"
    assert paths["s-none"].startswith("M0.1 20V0")
    assert paths["s-major_outage"].startswith("M2.1 20V0")
    assert "22" in paths["s-major_outage"]
    assert "2 of 3 days were watched, at least in part; on 1 of them there was an outage, 1 h in all." in words(made)
    assert "3 May: major outage, 1 h down" in words(made)


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_a_coordinate_that_is_no_number_is_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        short(bad)


def test_figures_are_short():
    assert [short(v) for v in (0.0, -0.001, 1.0, 1.234, 100.5)] == ["0", "0", "1", "1.23", "100.5"]
    assert [figure(v) for v in (0, 0.25, 9.96, 1234.4)] == ["0", "0.2", "10", "1,234"]


def test_the_curve_is_marked_where_the_board_says_when_it_may_be_over():
    left = Forecast(p50_s=1800.0, p10_s=600.0, p90_s=7200.0)
    assert "within 30 min from now; in 80 of 100 such cases 10 min to 2 h" in draw.recovery_curve(
        boards.claude(left=left)
    )
