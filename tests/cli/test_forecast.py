"""``stillup forecast``: the batch interface line by line, and the answer for a person."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from stillup.cli.main import run
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Stage, State
from stillup.model.signal import Declared
from stillup.store import open_store

AT = "2026-05-01T12:00:00Z"
QUESTION = {
    "id": "a", "service": "claude", "at": AT, "first_posted_at": "2026-05-01T11:40:00Z", "title": "Errors",
    "impact": None, "stage": "identified", "components": ["API"],
    "updates": [{"posted_at": "2026-05-01T11:40:00Z", "status": "identified", "body": "We found it."}],
}  # fmt: skip
PAST = {
    "id": "p", "service": "claude", "first_posted_at": "2026-04-30T10:00:00Z", "resolved_at": "2026-04-30T10:25:00Z",
    "components": ["API"],
}  # fmt: skip


@pytest.fixture
def lines(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
        return str(path)

    return write


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "stillup.toml"
    path.write_text(f'data = "{tmp_path / "data"}"\n')
    return str(path)


def answers(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_answer_has_the_documented_form_without_any_history(lines, capsys):
    assert run(["forecast", "--batch", lines("q", [QUESTION])]) == 0
    [answer] = answers(capsys)
    assert list(answer) == ["id", "p10_s", "p25_s", "p50_s", "p75_s", "p90_s", "within"]
    assert list(answer["within"]) == ["900", "3600", "14400"]
    assert 0 < answer["p10_s"] < answer["p50_s"] < answer["p90_s"]


def test_answers_come_in_the_order_of_the_questions_whatever_their_times(lines, capsys):
    rows = [{**QUESTION, "id": i, "at": f"2026-05-{day:02}T12:00:00Z"} for i, day in enumerate((9, 2, 5))]
    assert run(["forecast", "--batch", lines("q", rows)]) == 0
    assert [a["id"] for a in answers(capsys)] == [0, 1, 2]


def test_history_moves_the_answer_and_history_after_the_question_does_not(lines, capsys):
    past = [{**PAST, "id": str(i)} for i in range(80)]
    later = [{**PAST, "id": f"l{i}", "resolved_at": "2026-05-01T12:00:01Z"} for i in range(80)]
    asked = lines("q", [QUESTION])
    for history in ([], past, [*past, *later]):
        assert run(["forecast", "--batch", asked, "--history", lines("h", history)]) == 0
    none, moved, same = answers(capsys)
    assert moved["p50_s"] < none["p50_s"]
    assert same == moved


def test_the_provider_is_as_good_a_name_as_the_service(lines, capsys):
    rows = [QUESTION, {**QUESTION, "service": "anthropic"}]
    history = lines("h", [{**PAST, "service": "Anthropic", "id": str(i)} for i in range(40)])
    assert run(["forecast", "--batch", lines("q", rows), "--history", history]) == 0
    first, second = answers(capsys)
    assert first == second


def test_fields_that_may_be_missing_or_null_may_be_missing_or_null(lines, capsys):
    rows = [
        {"id": 1, "service": "a service nobody knows", "at": AT},
        {**dict.fromkeys(QUESTION), "id": 2, "service": "claude", "at": AT},
        {**QUESTION, "components": [None], "updates": [{"posted_at": None, "status": None, "body": None}], "more": {}},
    ]
    assert run(["forecast", "--batch", lines("q", rows)]) == 0
    assert len(answers(capsys)) == 3


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("no json", "malformed"),
        ('{"id":"x","service":"claude"}', "missing required field `at`"),
        ('{"id":"x","service":null,"at":"2026-05-01T12:00:00Z"}', "$.service"),
        ('{"id":"x","service":"claude","at":"yesterday"}', "$.at"),
        ('{"id":"x","service":"claude","at":"0001-01-01T00:00:00+14:00"}', "date value out of range"),
        ('{"id":"x","service":"claude","at":"1989-12-31T00:00:00Z"}', "the year of `at` is not between 1990 and 2200"),
        ('{"id":"x","service":"claude","at":"2201-01-01T00:00:00Z"}', "the year of `at`"),
        (json.dumps({**QUESTION, "first_posted_at": "1970-01-01T00:00:00Z"}), "the year of `first_posted_at`"),
        (json.dumps({**QUESTION, "first_posted_at": "2026-05-03T00:00:00Z"}), "more than a day after `at`"),
        (json.dumps({**QUESTION, "updates": [{"posted_at": "1970-01-01T00:00:00Z"}]}), "the year of `posted_at`"),
        ('{"id":"x","service":"claude","more":' + '{"a":' * 100_000, "ecursion"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_answered(bad, why, lines, capsys):
    path = lines("q", [QUESTION, bad, "", {**QUESTION, "id": "b"}])
    assert run(["forecast", "--batch", path]) == 65
    out, err = capsys.readouterr()
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["a", "b"]
    assert f"{path}, line 2" in err
    assert why in err


def test_a_bad_line_of_history_is_named_too(lines, capsys):
    history = lines("h", [PAST, {**PAST, "resolved_at": None}])
    assert run(["forecast", "--batch", lines("q", [QUESTION]), "--history", history]) == 65
    out, err = capsys.readouterr()
    assert out
    assert f"{history}, line 2" in err


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ('{"more":' + "[" * 100_000, "ecursion"),
        (json.dumps({**PAST, "resolved_at": "9999-01-01T00:00:00Z"}), "the year of `resolved_at`"),
        (json.dumps({**PAST, "first_posted_at": "2026-05-03T00:00:00Z"}), "more than a day after `resolved_at`"),
        (json.dumps({**PAST, "id": ["p"]}), "$.id"),
    ],
)
def test_absurd_history_is_named_and_the_rest_is_used(bad, why, lines, capsys):
    asked, past = lines("q", [QUESTION]), [{**PAST, "id": str(i)} for i in range(40)]
    assert run(["forecast", "--batch", asked, "--history", lines("h", past)]) == 0
    history = lines("h2", [bad, *past])
    assert run(["forecast", "--batch", asked, "--history", history]) == 65
    out, err = capsys.readouterr()
    first, second = out.splitlines()
    assert first == second
    assert f"{history}, line 1" in err
    assert why in err


@pytest.mark.parametrize("name", ["", "5", "null", 5, -1.5, True, None, 2**70])
def test_every_id_that_is_a_plain_value_comes_back_as_it_is(name, lines, capsys):
    assert run(["forecast", "--batch", lines("q", [{**QUESTION, "id": name}])]) == 0
    [answer] = answers(capsys)
    assert (type(answer["id"]), answer["id"]) == (type(name), name)


@pytest.mark.parametrize("name", [["a"], {"a": 1}])
def test_an_id_that_is_none_is_answered_with_an_error(name, lines, capsys):
    path = lines("q", [{**QUESTION, "id": name}, QUESTION])
    assert run(["forecast", "--batch", path]) == 65
    out, err = capsys.readouterr()
    wrong, right = map(json.loads, out.splitlines())
    assert wrong == {"id": name, "error": "an id is a string, a number, true, false or null"}
    assert right["id"] == "a"
    assert f"{path}, line 1" in err


def test_questions_earlier_than_what_the_table_rests_on_are_counted_once(lines, capsys):
    early = {**QUESTION, "at": "2025-12-31T23:59:59Z", "first_posted_at": "2025-12-31T23:00:00Z", "updates": []}
    assert run(["forecast", "--batch", lines("q", [QUESTION])]) == 0
    assert capsys.readouterr().err == ""
    assert run(["forecast", "--batch", lines("q", [early, QUESTION, early])]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert err.startswith("2 of the questions are earlier than 2026-01-01")
    assert len(err.splitlines()) == 1


def test_no_hint_names_the_command_that_was_used(capsys):
    assert run(["forecast", "cluade"]) == 64
    assert "stillup forecast" not in capsys.readouterr().err
    assert run(["forcast"]) == 64
    assert capsys.readouterr().err == (
        "stillup: no service called 'forcast'; did you mean the command `stillup forecast`?\n"
    )


def test_questions_may_come_on_standard_input(monkeypatch, capsys):
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(QUESTION).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run(["forecast", "--batch", "-"]) == 0
    assert answers(capsys)[0]["id"] == "a"


@pytest.mark.parametrize(
    "args", [[], ["claude", "--batch", "q"], ["--batch", "-", "--history", "-"], ["cluade"], ["--history", "h"]]
)
def test_bad_usage_is_64(args, capsys):
    assert run(["forecast", *args]) == 64
    assert capsys.readouterr().err


def test_a_file_that_is_not_there_is_65(capsys):
    assert run(["forecast", "--batch", "/nowhere/q.jsonl"]) == 65
    assert "/nowhere/q.jsonl" in capsys.readouterr().err


def test_a_person_without_a_store_hears_what_to_expect_and_on_what_it_rests(config, capsys):
    assert run(["forecast", "claude", "--config", config]) == 0
    said = capsys.readouterr().out
    for words in ("If it broke now", "back within 1 h", "another incident within 24 h", "4 h", "Sign-in", "until 2026"):
        assert words in said


def test_an_open_incident_of_the_store_is_forecast_with_what_the_page_told(config, tmp_path, capsys):
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
    told = [(0, Stage.INVESTIGATING, "We are investigating."), (20, Stage.MONITORING, "A fix has been implemented.")]
    with open_store(tmp_path / "data" / "stillup.db") as store:
        store.record(
            Declared(
                at=begun + timedelta(minutes=after), service="claude", source="statuspage", state=State.PARTIAL_OUTAGE,
                component="api", incident="x", title="Elevated errors", stage=stage, body=body,
            )
            for after, stage, body in told
        )  # fmt: skip
        open_one = Incident(
            id="1", service="claude", opened_at=begun, since=begun, state=State.PARTIAL_OUTAGE,
            confidence=Confidence.CONFIRMED, components=("api",),
        )  # fmt: skip
        store.commit_step([], [open_one], {})
    assert run(["forecast", "claude", "--json", "--config", config]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["incident"]["stage"] == "monitoring"
    assert found["incident"]["title"] == "Elevated errors"
    assert run(["forecast", "claude", "--config", config]) == 0
    assert "the page says monitoring (20 min)" in " ".join(capsys.readouterr().out.split())
