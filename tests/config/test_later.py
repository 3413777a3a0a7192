"""What the configuration says of commands that wait."""

from __future__ import annotations

import pytest

from stillup.config import parse_config


def test_without_a_word_they_run_two_minutes_after_recovery():
    later = parse_config("").later
    assert (later.run, later.well_for_s, later.pause_s, later.notify) == (True, 120.0, 5.0, True)
    assert (later.max_commands, later.keep_days, later.output_mb) == (200, 30, 4)


def test_it_can_be_set_from_the_file_and_from_variables():
    later = parse_config("[later]\nrun = false\nwell_for_s = 0", {"STILLUP_LATER__KEEP_DAYS": "7"}).later
    assert (later.run, later.well_for_s, later.keep_days) == (False, 0.0, 7)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("run = 1", "run: is 1; allowed: true or false"),
        ("well_for_s = -1", "well_for_s: is -1; allowed: a number from 0 to 86400"),
        ("max_commands = 0", "max_commands: is 0; allowed: a whole number from 1 to 10000"),
        ("output_mb = 0", "output_mb: is 0; allowed: a whole number from 1 to 1024"),
    ],
)
def test_a_bound_out_of_its_range_is_refused_with_the_range(refusal, line: str, says: str):
    assert refusal(f"[later]\n{line}") == [f"stillup.toml:2: later.{says}"]
