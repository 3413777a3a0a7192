"""The pictures of drills: true to the values, harmless, and bounded."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from stillup.drill.plot import Point, scores, swim
from stillup.drill.report import point_of
from stillup.drill.values import Lane
from tests.drill import drills


def parsed(markup):
    """Every picture is well-formed and brings no style, no script and nothing from elsewhere."""
    text = str(markup)
    for word in ("<script", "style=", "href=", " on"):
        assert word not in re.sub(r">[^<]*<", "><", text), word
    return ET.fromstring(text)


def titles(markup):
    return [title.text for title in parsed(markup).iter("title")]


def test_each_request_is_a_bar_that_says_what_came_of_it_and_the_whole_is_told_in_words():
    whole, *bars = titles(swim(drills.scene()))
    assert "The failure stood from 2.0 s to 6.0 s and hit a." in whole
    assert "with your backups: 3 of 3 requests answered whole and right." in whole
    assert "without them: 1 of 4 requests answered whole and right, 1 kept for later, 2 lost." in whole
    assert len(bars) == 11
    assert "2.6 s: a stream (anthropic): broke off, and was gone on with by b: whole and right" in bars
    assert "2.6 s: a stream (anthropic): lost (529 overloaded); 250 of 400 characters never came" in bars


def test_what_a_colour_says_is_in_the_legend_and_only_what_is_there():
    assert "kept for later." in swim(drills.scene())
    calm = swim(drills.scene(hit=("z",), lanes=(Lane(name="x", backed=True, asked=(drills.asked(0.0),)),)))
    assert "right, as always." in calm
    for word in ("lost.", "kept for later.", "did not fail"):
        assert word not in calm


def test_nothing_asked_is_nothing_drawn():
    assert swim(drills.scene(lanes=())) == ""
    assert swim(drills.scene(lanes=(Lane(name="x", backed=True, asked=()),))) == ""
    assert scores([]) == ""
    assert scores([Point(at=drills.AT, says="nothing was asked")]) == ""


def test_names_from_elsewhere_are_no_markup():
    told = drills.scene(
        hit=(drills.EVIL,),
        lanes=(Lane(name=drills.EVIL, backed=True, asked=(drills.lost(1.0, says=drills.EVIL),)),),
    )
    assert "<script" not in swim(told)
    assert "\x1b" not in swim(told)
    parsed(swim(told))


def test_of_thousands_of_requests_all_room_goes_first_to_those_that_failed():
    many = tuple(drills.asked(n / 10, n / 10 + 0.05) for n in range(3_000))
    few_bad = tuple(drills.lost(n * 20.0, says="down") for n in range(9))
    picture = swim(drills.scene(lanes=(Lane(name="x", backed=True, asked=(*many, *few_bad)),), ends_s=290.0))
    assert picture.count("m1 1 7 7m0-7-7 7") == 9
    assert len(picture) < 300_000
    assert re.search(r"2,\d\d\d requests that came through are left out", picture)
    assert len(swim(drills.scene(lanes=(Lane(name="x", backed=True, asked=few_bad * 400),)))) < 300_000


@pytest.mark.parametrize("stood", [(0.0, 0.0), (5.0, 2.0), (-3.0, 1e9)])
def test_odd_times_stay_inside_the_picture(stood):
    begins, ends = stood
    odd = (drills.asked(5.0, 1.0, first_s=9e9), drills.asked(-4.0, 3.0), drills.asked(1e8, 1e8))
    picture = parsed(swim(drills.scene(begins_s=begins, ends_s=ends, lanes=(Lane(name="x", backed=True, asked=odd),))))
    for rect in picture.iter("rect"):
        for key in ("x", "width"):
            value = rect.get(key, "0%")
            assert 0 <= float(value.rstrip("%")) <= 100, (key, value)


@pytest.mark.parametrize(("whole_s", "last"), [(8.0, "8 s"), (90.0, "90 s"), (3_000.0, "50 min"), (86_400.0, "24 h")])
def test_the_scale_is_in_seconds_minutes_or_hours(whole_s, last):
    long = drills.asked(0.0, whole_s)
    picture = swim(drills.scene(ends_s=whole_s, lanes=(Lane(name="x", backed=True, asked=(long,)),)))
    assert f">{last}</text>" in picture


def test_the_scores_stand_in_the_order_of_time_with_the_backups_and_without():
    past = [point_of(drills.drill(days_ago=days)) for days in (0, 30, 60)]
    picture = scores(past)
    assert picture.count('fill="#2f8f5b"><title>') == 3
    assert "3 drills, the newest of 2 Nov 2026, with the backups 100 %, without 25 %." in titles(picture)[0]
    assert "3 Sep 2026" in picture


def test_one_drill_stands_in_the_middle_and_many_are_bounded():
    assert 'cx="50.0%"' in scores([point_of(drills.drill())])
    many = [Point(at=drills.AT + timedelta(days=n), says="2026-", backed=1.0) for n in range(500)]
    assert scores(many).count('fill="#2f8f5b"><title>') == 60
