"""The scripted provider as a program: what it says to who does not know how to start it."""

from __future__ import annotations

import pytest

from stillup.sim.provider.behaviour import Behaviour
from stillup.sim.provider.control import behaviour_of, run
from stillup.sim.provider.voices import voices


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["A", "--help"]])
def test_who_asks_for_help_gets_the_usage_the_fields_and_the_failures(arguments, capsys):
    assert run(arguments) == 0
    told = capsys.readouterr().out
    assert told.startswith("usage: python -m stillup.sim.provider_server NAME PORT CONTROLPORT")
    assert "first_token_after_s" in told
    assert "cut_inside" in told
    assert "deepseek" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], ""),
        (["A", "1"], ""),
        (["A", "x", "0"], "invalid literal for int() with base 10: 'x'\n"),
        (["A", "0", "0", "cut"], "cut is no FIELD=VALUE\n"),
        (["A", "0", "0", "--vendor", "odd"], f"odd is no vendor; there are {', '.join(voices())}\n"),
        (["A", "0", "0", "--vendor"], f"--vendor is no vendor; there are {', '.join(voices())}\n"),
        (["--vendor=deepl", "A", "0"], ""),
        (["A", "0", "0", "failure=odd"], "Invalid enum value 'odd' - at `$.failure`\n"),
        (["A", "0", "0", "arguments={x"], "'{x' is no JSON - at `$.arguments`\n"),
    ],
)
def test_what_cannot_be_started_is_refused_with_the_usage_and_why(arguments, says, capsys):
    assert run(arguments) == 64
    usage, _, rest = capsys.readouterr().err.partition("\n")
    assert usage.startswith("usage: ")
    assert rest == says


def test_lists_and_objects_are_json_and_a_text_that_looks_so_is_a_text():
    words = {"text": '{"a": 1}', "arguments": '{"city": "Paris"}', "refuses": '["temperature"]', "after": "3"}
    assert behaviour_of(words) == Behaviour(
        text='{"a": 1}', arguments={"city": "Paris"}, refuses=("temperature",), after=3
    )
