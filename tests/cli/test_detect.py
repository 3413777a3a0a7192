"""``stillup detect``: rows in, the same rows out with their evidence, bad ones named."""

import random
from math import exp

import pytest

from stillup.cli.column import Bad, seconds
from stillup.cli.main import run
from stillup.cli.sparkline import Sparkline


@pytest.fixture
def series(tmp_path):
    rng = random.Random(1)

    def write(rows=400, shift=300, header="timestamp,value", extra=()):
        lines = [
            f"{1_750_000_000 + 60 * i},{100 * exp(rng.gauss(0, 0.1)) * (3 if i >= shift else 1):.3f}"
            for i in range(rows)
        ]
        path = tmp_path / "series.csv"
        path.write_text("\n".join([header, *lines, *extra]) + "\n", encoding="utf-8")
        return path

    return write


def rows_of(capsys):
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "timestamp,log_e,alarm"
    return [row.rsplit(",", 2) for row in rows]


@pytest.mark.parametrize("kind", ["count", "rate", "latency"])
def test_every_row_is_answered_and_the_alarm_stands_at_its_first_row_only(series, capsys, kind):
    assert run(["detect", str(series()), "--kind", kind]) == 0
    rows = rows_of(capsys)
    assert len(rows) == 400
    assert [i for i, row in enumerate(rows) if row[2] == "1"] in ([300], [301], [302])


def test_bad_rows_are_named_kept_and_change_nothing(series, capsys):
    bad = [
        "1750024000,nan",
        "1750024060,inf",
        "1750024120,-5",
        "oops,3",
        "1750000000,3",
        "1750024180",
        "1750024240,1e99",
        "",
    ]
    assert run(["detect", str(series(extra=bad)), "--kind", "count"]) == 65
    said = capsys.readouterr()
    rows = said.out.splitlines()[1:]
    assert len(rows) == 400 + len(bad) - 1  # an empty line is no row
    assert all(row.endswith(",0") for row in rows[400:])
    named = said.err.splitlines()
    assert [line.split(":")[0] for line in named] == [f"line {n}" for n in range(402, 409)]
    assert "'nan' is not a finite number" in named[0]
    assert "earlier than a row before" in named[4]


@pytest.mark.parametrize("header", ["time,value", "a,b", "", "1750000000,3"])
def test_a_header_without_the_columns_is_refused_with_what_is_needed(series, capsys, header):
    assert run(["detect", str(series(header=header))]) == 65
    assert "must name `timestamp` and `value`" in capsys.readouterr().err


def test_columns_may_stand_anywhere(tmp_path, capsys):
    path = tmp_path / "wide.csv"
    path.write_text('host,Value,Timestamp\n"a,b",3,2026-01-01 00:00\nc,4,2026-01-01 00:05\n')
    assert run(["detect", str(path)]) == 0
    assert [row[0] for row in rows_of(capsys)] == ["2026-01-01 00:00", "2026-01-01 00:05"]


def test_a_file_that_is_not_there_is_bad_data(capsys):
    assert run(["detect", "/nowhere.csv"]) == 65
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("days", ["0", "nan", "-3"])
def test_a_run_length_must_be_a_length_of_time(series, days):
    assert run(["detect", str(series()), "--arl-days", days]) == 64


def test_an_empty_table_has_only_a_header(tmp_path, capsys):
    path = tmp_path / "empty.csv"
    path.write_text("timestamp,value\n")
    assert run(["detect", str(path)]) == 0
    assert rows_of(capsys) == []


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01 00:00:00",
        "2026-01-01T01:00:00+01:00",
        "1767225600",
        "1767225600000",
        "1767225600000000",
    ],
)
def test_times_are_read_in_every_usual_form(stamp):
    assert seconds(stamp) == 1_767_225_600.0


@pytest.mark.parametrize("stamp", ["", "soon", "nan", "-5", "1e30"])
def test_other_times_are_refused(stamp):
    with pytest.raises(ValueError, match="timestamp"):
        seconds(stamp)


def test_the_picture_shows_where_alarms_began(series, capsys):
    assert run(["detect", str(series()), "--plot"]) == 0
    bars, marks, words = capsys.readouterr().out.splitlines()[:3]
    assert len(bars) <= 100
    assert marks.count("^") == 1
    assert "400 rows" in words
    assert "alarms: 1" in words


@pytest.mark.parametrize("rows", [1, 99, 201, 5000])
def test_a_picture_is_never_wider_than_a_hundred_columns(rows):
    line = Sparkline()
    for i in range(rows):
        line.add(float(i), str(i), alarm=i == 0)
    bars, marks, *_ = line.lines()
    assert 1 <= len(bars) <= 100
    assert marks == "^"


def test_a_bad_row_is_a_value():
    assert Bad("x", 3, "why").line == 3
