"""``stillup detect``: rows in, the same rows out with their evidence, bad ones named."""

import csv
import io
import os
import random
import subprocess
import sys
from math import exp

import pytest

from stillup.cli.judge.points import Bad, seconds
from stillup.cli.main import run
from stillup.cli.terminal.sparkline import Sparkline


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


def alarms_and_rows(path, capsys, *options):
    code = run(["detect", str(path), *options])
    said = capsys.readouterr()
    return code, list(csv.reader(io.StringIO(said.out)))[1:], said.err


@pytest.mark.parametrize("where", [0, 1, 150, 399, 400])
def test_one_clock_far_ahead_is_named_and_silences_no_other_row(series, capsys, where):
    path = series()
    lines = path.read_text().splitlines()
    _, good, _ = alarms_and_rows(path, capsys)
    lines.insert(where + 1, "4000000000,100")
    path.write_text("\n".join(lines) + "\n")
    code, rows, err = alarms_and_rows(path, capsys)
    assert code == 65
    assert err.splitlines() == [f"line {where + 2}: its time is far ahead of the rows around it; not judged"]
    assert rows[where] == ["4000000000", rows[where - 1][1] if where else "0.000", "0"]
    assert rows[:where] + rows[where + 1 :] == good


@pytest.mark.parametrize("gap_s", [3 * 86_400, 400 * 86_400])
def test_a_gap_that_the_next_row_confirms_is_a_gap(tmp_path, capsys, gap_s):
    times = [1_750_000_000 + 60 * i + (gap_s if i >= 50 else 0) for i in range(100)]
    path = tmp_path / "gap.csv"
    path.write_text("timestamp,value\n" + "".join(f"{t},{i % 3}\n" for i, t in enumerate(times)))
    assert alarms_and_rows(path, capsys)[::2] == (0, "")


@pytest.mark.parametrize("rows", [1, 2, 3, 40])
def test_rows_a_month_apart_need_no_confirmation_at_the_end(tmp_path, capsys, rows):
    path = tmp_path / "months.csv"
    path.write_text("timestamp,value\n" + "".join(f"{1990 + i // 12}-{i % 12 + 1:02}-01,{i}\n" for i in range(rows)))
    assert alarms_and_rows(path, capsys)[0] == 0


def test_bad_rows_behind_a_doubtful_one_keep_their_places(tmp_path, capsys):
    path = tmp_path / "s.csv"
    path.write_text("timestamp,value\n60,1\n120,1\n4000000000,1\n180,x\nsoon,1\n240,1\n")
    code, rows, err = alarms_and_rows(path, capsys)
    assert [row[0] for row in rows] == ["60", "120", "4000000000", "180", "soon", "240"]
    assert [line.split(":")[0] for line in err.splitlines()] == ["line 4", "line 5", "line 6"]
    assert code == 65


def test_a_quoted_field_may_span_lines_and_a_quote_left_open_costs_one_row(tmp_path, capsys):
    path = tmp_path / "notes.csv"
    path.write_text('timestamp,note,value\n60,"two\nlines",1\n120,"open,1\n180,"said ""hi""",1\n240,-,1\n')
    code, rows, err = alarms_and_rows(path, capsys)
    assert [row[0] for row in rows] == ["60", "120", "180", "240"]
    assert (code, err) == (65, "line 4: not CSV: a quote is not closed\n")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_standard_input_is_utf8_with_or_without_a_mark_whatever_the_locale(monkeypatch, capsys, encoding):
    raw = b"\xef\xbb\xbftimestamp,value,note\n60,1,\xff\n120,1,\xc3\xa9\n\xff,1,-\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding=encoding))
    code, rows, err = alarms_and_rows("-", capsys)
    assert code == 65
    assert [row[0] for row in rows] == ["60", "120", "\ufffd"]
    assert "line 4: timestamp" in err


def test_in_the_locale_c_nothing_is_different():
    raw = b"\xef\xbb\xbftimestamp,value\n60,1\n\xff,1\n"
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    told = subprocess.run(
        [sys.executable, "-m", "stillup", "detect", "-"], input=raw, env=env, capture_output=True, check=False
    )
    assert told.returncode == 65
    assert told.stdout.decode().splitlines()[1:] == ["60,0.000,0", "\ufffd,0.000,0"]


def test_eight_digits_are_days_when_all_are(tmp_path, capsys):
    path = tmp_path / "days.csv"
    path.write_text("timestamp,value\n20240131,1\n20240201,1\n20240230,1\n20240301,1\n")
    code, rows, err = alarms_and_rows(path, capsys)
    assert (code, len(rows)) == (65, 4)
    assert err == "line 4: timestamp '20240230' is no day between 1970 and 2100\n"
    assert seconds("20240131", days=True) == 1_706_659_200.0


def test_eight_digits_are_seconds_when_the_second_is_no_day(tmp_path, capsys):
    path = tmp_path / "seconds.csv"
    path.write_text("timestamp,value\n19700101,1\n19700161,1\n19700221,1\n19700215,1\n")
    code, _, err = alarms_and_rows(path, capsys)
    assert (code, err) == (65, "line 5: earlier than a row before; not judged\n")


@pytest.mark.parametrize("row", ["1_000,1", "\u0661\u0662,1", "60,1_0", "60,\u0661"])
def test_underscores_and_digits_of_other_scripts_are_no_numbers(tmp_path, capsys, row):
    path = tmp_path / "s.csv"
    path.write_text(f"timestamp,value\n{row}\n", encoding="utf-8")
    assert alarms_and_rows(path, capsys)[0] == 65


def test_a_bad_row_is_a_value():
    assert Bad("x", 3, "why").line == 3
