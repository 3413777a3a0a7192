"""Which scenes there are over given routes, whom each hits, how it is asked for, and how its failure is made."""

import pytest

from stillup.drill.faults import fault_of
from stillup.drill.scenes import STATUSES, Seat, every_play, hit_by, play_called
from stillup.drill.values import Kind, Play
from stillup.errors import UsageError
from stillup.gateway.faults.drill import MODES

A = Seat(id="a", service="claude", clouds=("cloudflare", "aws"), is_local=False)
B = Seat(id="b", service="chatgpt", clouds=("cloudflare",), is_local=False)
C = Seat(id="c", service="claude", clouds=("aws",), is_local=False)
HERE = Seat(id="here", service="here", clouds=(), is_local=True)
SEATS = (A, B, C, HERE)
PLAYS = every_play(SEATS, "a", str.title)


def test_every_way_to_fail_is_a_scene():
    assert {p.name for p in PLAYS if p.kind is Kind.MODE} == {*MODES, *STATUSES}


def test_every_provider_and_cloud_is_a_scene_and_what_is_here_is_none():
    keys = [play.key for play in PLAYS]
    assert keys[-6:] == ["provider:claude", "provider:chatgpt", "region:cloudflare", "region:aws", "all", "green_page"]


@pytest.mark.parametrize(
    ("word", "hit"),
    [
        ("mode:529", ("a",)),
        ("cut", ("a",)),
        ("mode:cut@b", ("b",)),
        ("418", ("a",)),
        ("provider:claude", ("a", "c")),
        ("region:aws", ("a", "c")),
        ("region:cloudflare", ("a", "b")),
        ("all", ("a", "b", "c")),
        ("mode:cut@nobody", ()),
    ],
)
def test_a_scene_hits_whom_it_names(word, hit):
    assert hit_by(play_called(word, PLAYS), SEATS, "a") == hit


def test_local_models_alone_leave_little_to_fail():
    assert [p.key for p in every_play((HERE,), "here", str)][-2:] == ["mode:ends_early", "green_page"]


@pytest.mark.parametrize(
    ("word", "says"),
    [("mode:cutt", "did you mean mode:cut"), ("", "there are: mode:429"), ("all@a", "no scene"), ("200", "no scene")],
)
def test_what_is_no_scene_is_refused_with_what_there_is(word, says):
    with pytest.raises(UsageError, match=says):
        play_called(word, PLAYS)


def test_every_title_says_what_happens_in_words():
    titles = [play.title for play in PLAYS]
    assert len(set(titles)) == len(titles)
    assert all(title and "until the drill" not in title for title in titles)


@pytest.mark.parametrize("play", PLAYS[:-1], ids=lambda play: play.key)
def test_every_failure_is_made_in_one_way_and_says_which(play):
    fault = fault_of(play)
    assert (fault.behaviour is None) != (fault.switch == "")
    assert fault.says


def test_a_provider_that_is_down_says_so_in_its_own_status():
    fault = fault_of(Play(kind=Kind.PROVIDER, name="claude"))
    assert (fault.at("anthropic").status, fault.at("openai").status) == (529, 503)


@pytest.mark.parametrize("name", ["200", "600", "nonsense", "", "5290", "²²²"])
def test_what_is_no_way_to_fail_is_refused(name):
    with pytest.raises(UsageError, match="no way to fail"):
        fault_of(Play(kind=Kind.MODE, name=name))
