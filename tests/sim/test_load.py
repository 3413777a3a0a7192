"""Scenario files: those that come with stillup play, and what cannot be played is refused with file and line."""

from __future__ import annotations

from importlib.resources import files

import pytest

from stillup.errors import BadDataError, UsageError
from stillup.sim.load import load, names, parse

SHIPPED = (files("stillup.sim") / "scenarios" / "2026-04-07.toml").read_text("utf-8")


@pytest.mark.parametrize("name", names())
def test_every_shipped_scenario_can_be_played_and_says_what_must_come_out(name):
    scenario = load(name)

    assert scenario.id == name
    assert scenario.notes
    assert scenario.expect != type(scenario.expect)()


def test_the_three_stories_are_there():
    assert {"2026-04-07", "rumour", "only-you"} <= set(names())


def test_a_scenario_of_the_users_own_is_loaded_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SHIPPED)

    assert load(str(path)) == load("2026-04-07")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'layer = "auth"',
            'layer = "atuh"',
            ":LINE: faults[0].layer: invalid enum value 'atuh'; allowed: local",
        ),
        ("peak_per_min = 9.3", "peak_per_min = -1", ":LINE: reactions[0].peak_per_min: expected `float` >= 0.0"),
        ("peak_per_min = 9.3", "peek = 1", "reactions[0]: object contains unknown field `peek`; allowed: the keys "),
        (
            'service = "claude"',
            'service = "cluade"',
            ":LINE: service: no service is called 'cluade' (did you mean",
        ),
        ('console = "unavailable"', 'consle = "hang"', ":LINE: faults[0].targets.consle: no target is called 'consle'"),
        (
            'console = "unavailable"',
            'console = "unavaible"',
            "'unavaible'; allowed: a table of ok, dns",
        ),
        ('console = "unavailable"', 'console = "dns"', ":LINE: faults[0].targets.console: 'dns' is part of an address"),
        ("to = 2026-04-07T15:12:00Z", "to = 2026-04-07T14:12:00Z", "faults[0]: `to` must be later than `from`"),
        (
            "to = 2026-04-07T15:12:00Z",
            "to = 2026-04-07T15:12:00",
            ":LINE: faults[0].to: expected `datetime` with",
        ),
        ('fault = "sign-in"', 'fault = "sigin"', ":LINE: reactions[0].fault: no fault is called 'sigin'"),
        (
            'title = "Users cannot sign in to Claude"\n',
            "",
            "the first update of incident 'main' has no `title`",
        ),
        (
            "posted_at = 2026-04-07T14:55:10Z",
            "posted_at = 2026-04-07T14:05:10Z",
            "can be back-dated, not post-dated",
        ),
        ('stage = "investigating"', 'stage = "scheduled"', "`stage` must be one of investigating, identified"),
        (
            'web = "major_outage", console',
            'mobile = "major_outage", console',
            "no component of the page is called",
        ),
        ("sign_in = 6", "sign_on = 6", "allowed: a table with the keys sign_in, no_response"),
        ("[faults.by_region.FR]", "[faults.by_region.NO]", "`by_region` names NO, which has no weight"),
        ('geo = "US"', 'geo = "usa"', ":LINE: trends[0].geo: "),
        ("[expect]", "[expext]", "the file: object contains unknown field `expext`; allowed: the keys service, usual"),
        ("starts = ", "starts 2 = ", ":LINE: not TOML: "),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_line_and_what_is_allowed(old, new, says):
    text = SHIPPED.replace(old, new, 1)
    line = text[: text.index(new or "[[official]]")].count("\n") + 1

    with pytest.raises(BadDataError) as refused:
        parse(text, "mine.toml")

    message = str(refused.value)
    assert message.startswith("mine.toml:")
    assert says.replace("LINE", str(line)) in message


def test_everything_that_is_wrong_is_told_at_once():
    text = SHIPPED.replace('fault = "sign-in"', 'fault = "sigin"')

    with pytest.raises(BadDataError) as refused:
        parse(text, "mine.toml")

    assert len(str(refused.value).splitlines()) == SHIPPED.count('fault = "sign-in"') > 1


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), (b"\xff\xfe", "not UTF-8"), (b"#" * (1 << 20) + b"##", "larger than 1 MiB")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, says):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadDataError, match=says) as refused:
        load(str(path))

    assert str(path) in str(refused.value)


def test_an_unknown_name_brings_the_nearest_one():
    with pytest.raises(UsageError, match="known: rumour"):
        load("rumor")


@pytest.mark.parametrize(
    "rest",
    [
        '[[reactions]]\nstream = "posts"\npeak_per_min = 1\n',
        '[[reactions]]\nstream = "posts"\npeak_per_min = 1\nfrom = 2026-01-05T12:00:00Z\n',
        """[[reactions]]
stream = "posts"
peak_per_min = 1
fault = "f"
from = 2026-01-05T12:00:00Z
to = 2026-01-05T13:00:00Z
""",
    ],
)
def test_a_reaction_has_either_a_fault_or_times_of_its_own(made_up, rest):
    with pytest.raises(BadDataError, match="either `fault` or both `from` and `to`"):
        made_up(rest)


def test_an_hour_shape_without_any_weight_is_refused(made_up):
    with pytest.raises(BadDataError, match="at least one hour above 0"):
        made_up(f"[usual]\nby_hour = [{', '.join(['0'] * 24)}]\n")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("ends = 2026-04-07T17:00:00Z", "ends = 2027-04-15T17:00:00Z", "ends: more than 370 days after `starts`"),
        ("ends = 2026-04-07T17:00:00Z", "ends = 9999-04-07T17:00:00Z", "ends: a time in the year 9999; allowed: 1970"),
        ("starts = 2026-04-07T12:00:00Z", "starts = 0001-01-01T00:00:00+14:00", "starts: a time in the year 1;"),
        ("to = 2026-04-07T15:12:00Z", "to = 9999-12-31T23:59:59Z", "faults[0].to: a time in the year 9999"),
        ("posted_at = 2026-04-07T14:55:10Z", "posted_at = 9999-04-07T14:55:10Z", "official[0].posted_at: a time in"),
        ("peak_per_min = 9.3", "peak_per_min = 1001", "reactions[0].peak_per_min: expected `float` <= 1000.0"),
    ],
)
def test_a_scenario_that_would_never_end_or_fill_the_memory_is_refused(old, new, says):
    assert old in SHIPPED
    with pytest.raises(BadDataError) as refused:
        parse(SHIPPED.replace(old, new, 1), "mine.toml")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('layer = "auth"', 'layer = "au\\u001b[31mth\\u202e"'),
        ("[expect]", '["ex\\u001b[31mpect"]'),
        ("peak_per_min = 9.3", '"pe\\u001b[2Jek" = 1'),
    ],
)
def test_what_is_quoted_of_a_scenario_file_moves_no_terminal(old, new):
    with pytest.raises(BadDataError) as refused:
        parse(SHIPPED.replace(old, new, 1), "mine.toml")
    assert str(refused.value).replace("\n", "").isprintable()


def test_a_title_is_one_printable_line(made_up):
    text = SHIPPED.replace('title = "', 'title = "\\u001b[2J\\u202e', 1)
    assert parse(text, "mine.toml").title.isprintable()
