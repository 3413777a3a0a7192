"""``stillup localise``: a table in, sets out; what is wrong with a table is said with file, line and column."""

import csv
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.cli.judge import leaves
from stillup.cli.judge.csvfile import records
from stillup.cli.main import run

HEAD = "region,component,expected,observed\n"
ROWS = "".join(
    f"{region},{component},{20},{90 if (region, component) == ('US', 'web') else 20 + i}\n"
    for i, (region, component) in enumerate((r, c) for r in ("US", "FR", "DE", "JP") for c in ("web", "api"))
)


@pytest.fixture
def localise(tmp_path, capsys):
    """Writes a table, runs the command on it, and gives exit code, sets and complaints."""

    def go(text, *options):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        code = run(["localise", str(path), *options])
        out, err = capsys.readouterr()
        return code, json.loads(out)["sets"] if out else None, err

    return go


def test_the_set_that_explains_the_excess_comes_first_as_json(localise):
    code, sets, err = localise(HEAD + ROWS)
    assert (code, err) == (0, "")
    assert sets[0]["where"] == {"region": ["US"], "component": ["web"]}
    assert (sets[0]["expected"], sets[0]["observed"]) == (20, 90)
    assert list(sets[0]) == ["where", "expected", "observed", "score", "standing"]


def test_a_calm_table_has_no_sets_and_is_no_error(localise):
    assert localise(HEAD + "US,web,20,21\nFR,web,20,19\n")[:2] == (0, [])


def test_real_and_predict_are_other_names_of_the_counts(localise):
    _, sets, _ = localise("a,real,predict\nx,90,20\ny,21,20\nz,19,20\n")
    assert sets[0]["where"] == {"a": ["x"]}


def test_standard_input_is_read_as_a_dash(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((HEAD + ROWS).encode())))
    assert run(["localise", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["sets"][0]["where"] == {"region": ["US"], "component": ["web"]}


def test_people_at_a_terminal_get_a_table(localise, monkeypatch, tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text(HEAD + ROWS)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(["localise", str(path)]) == 0
    assert "region US · component web" in capsys.readouterr().out


def test_words_of_a_table_cannot_steer_the_terminal(monkeypatch, tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text("a,expected,observed\nx\x1b[31m,20,90\ny,20,20\nz,20,20\n")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(["localise", str(path)]) == 0
    assert "\x1b[31m" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("US,api,20,-4", "line 10: column 4: '-4' is no count"),
        ("US,api,20,nan", "line 10: column 4: 'nan' is no count"),
        ("US,api,20,1e300", "line 10: column 4: '1e300' is no count"),
        ("US,api,inf,4", "line 10: column 3: 'inf' is no number"),
        ("US,api,many,4", "line 10: column 3: 'many' is no number"),
        ("US,api,20", "line 10: 3 columns where the first line has 4"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_used(localise, row, says):
    code, sets, err = localise(HEAD + ROWS + row + "\n")
    assert code == 65
    assert says in err
    assert sets[0]["where"] == {"region": ["US"], "component": ["web"]}


@pytest.mark.parametrize(("cell", "says"), [("", "nothing is expected"), ("-0.5", "below zero")])
def test_a_forecast_of_nothing_or_less_is_read_as_zero_and_said(localise, cell, says):
    code, sets, err = localise(HEAD + ROWS + f"BR,api,{cell},4\n")
    assert (code, len(sets) > 0) == (0, True)
    assert f"line 10: column 3: {cell or ''}" in err
    assert says in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a,b\nx,1\n", "line 1: no column `expected`"),
        ("a,expected\nx,1\n", "line 1: no column `observed`"),
        ("expected,observed\n1,1\n", "0 columns of attributes; 1 to 8 are allowed"),
        ("a,b,c,d,e,f,g,h,i,expected,observed\n", "9 columns of attributes; 1 to 8 are allowed"),
        ("a,a,expected,observed\n", "line 1, column 2: 'a' is no name of its own"),
        ("a,,expected,observed\n", "line 1, column 2: '' is no name of its own"),
        ("a,expected,observed\n", "no line of it can be used"),
        ("a,expected,observed\nx,y,z\n", "line 2: column 3: 'z' is no count"),
        ('a,expected,observed\n"x,1,1\n', "line 2: not CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_the_place(localise, text, says):
    code, sets, err = localise(text)
    assert (code, sets) == (65, None)
    assert says in err


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b"U\xff,api,20,20", "line 10: not UTF-8 text"),
        (b'"US,api,20,20', "line 10: not CSV: a quote is not closed"),
        (b'US,"a"pi,20,20', "line 10: not CSV"),
    ],
)
def test_a_line_that_is_no_text_or_no_csv_does_not_cost_the_table(localise, row, says):
    table = (HEAD + ROWS).encode() + row + b"\n" + b'"BR","x,y",20,20\nBR,api,oops,20\n'
    code, sets, err = localise(table)
    assert code == 65
    assert says in err
    assert "line 12: column 3: 'oops'" in err
    assert len(err.splitlines()) == 2
    assert sets[0]["where"] == {"region": ["US"], "component": ["web"]}


@pytest.mark.parametrize("value", ["two\nlines", "a\r\nb", "v\x0bt", "n\x85l", "p\u2028s", 'q""q'])
def test_a_value_may_hold_any_kind_of_break(localise, value):
    code, sets, err = localise(f'a,b,expected,observed\n"{value}",k,20,90\ny,k,20,20\nz,k,20,20\nw,k,20,oops\n')
    assert sets[0]["where"] == {"a": [value.replace('""', '"')]}
    assert code == 65
    assert f"line {5 + value.count(chr(10))}: " in err


@pytest.mark.parametrize("cell", ["1_0", "\u0661\u0660"])
def test_digits_of_other_scripts_and_underscores_are_no_counts(localise, cell):
    assert "is no count" in localise(HEAD + ROWS + f"BR,api,10,{cell}\n")[2]


@given(rows=st.lists(st.lists(st.text(alphabet='ab,"\r\n\x0b\x85 ', max_size=5), min_size=1, max_size=4), max_size=12))
def test_records_are_what_was_written_whatever_the_fields_hold(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    told = [r.fields for r in records(io.StringIO(text.getvalue(), newline="")) if not r.bad]
    assert told == rows


@given(text=st.text(alphabet='ab,"\n', max_size=60))
def test_every_line_of_any_text_is_told_once(text):
    lines = io.StringIO(text, newline="").readlines()
    begins = [r.line for r in records(lines)]
    assert begins == sorted(set(begins))
    assert begins[:1] == ([1] if lines else [])
    assert [r.fields for r in records([*lines, "\n", "x,y\n"])][-1] == ["x", "y"] or text.count('"') > 0


def test_a_byte_order_mark_is_no_part_of_the_first_name(localise, monkeypatch, capsys):
    text = b"\xef\xbb\xbf" + (HEAD + ROWS).encode()
    assert localise(text)[1][0]["where"]["region"] == ["US"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text), encoding="ascii"))
    assert run(["localise", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["sets"][0]["where"]["region"] == ["US"]


def test_a_file_that_is_not_there_is_bad_data(capsys):
    assert run(["localise", "no-such-table.csv"]) == 65
    assert "cannot be read" in capsys.readouterr().err


def test_a_table_is_bounded_in_bytes_and_leaves(localise, monkeypatch):
    monkeypatch.setattr(leaves, "MAX_LEAVES", 3)
    assert "line 5: more than 3 leaves" in localise(HEAD + ROWS)[2]
    monkeypatch.setattr(leaves, "MAX_BYTES", 100)
    assert "a table has at most that" in localise(HEAD + ROWS)[2]


def test_a_thousand_bad_lines_are_not_all_told(localise):
    _, _, err = localise(HEAD + ROWS + "US,api,x,y\n" * 1000)
    assert "… and 980 more such lines" in err
    assert err.count("\n") == 21


def test_an_empty_cell_is_a_value_that_is_not_said(localise):
    _, sets, _ = localise("a,b,expected,observed\nx,,20,90\ny,,20,20\nz,,20,21\n")
    assert sets[0]["where"] == {"a": ["x"]}
