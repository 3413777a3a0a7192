"""Two upstreams' texts joined: what was said again is trimmed, nothing else is lost or changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Form
from stillup.gateway.dialects.seam import LEAST_OVERLAP, LONGEST_OVERLAP, Seam

SAID = "It was the best of times, it was the worst of times, it was the age of wisdom, "
REST = "it was the age of foolishness."
STRIPPED = [Form.PREFILL, Form.PREFIX, Form.FINAL]


def joined(said, text, form, sizes=(1,), stop=()):
    """What the client reads when ``text`` comes in pieces of these sizes, over and over."""
    seam, out, at, n = Seam(said, form, stop), said, 0, 0
    while at < len(text) and not seam.stopped_by:
        size = sizes[n % len(sizes)]
        out += seam.take(text[at : at + size])
        at, n = at + size, n + 1
    return out if seam.stopped_by else out + seam.finish()


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("sizes", [(1,), (3, 7), (1000,)])
def test_a_clean_continuation_is_joined_as_it_is(form, sizes):
    assert joined(SAID.rstrip(), " " + REST, form, sizes) == SAID + REST


@given(back=st.integers(LEAST_OVERLAP, len(SAID)), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_what_an_instructed_upstream_says_again_is_dropped(back, sizes):
    assert joined(SAID, SAID[-back:] + REST, Form.INSTRUCTION, sizes) == SAID + REST


@pytest.mark.parametrize("form", STRIPPED)
def test_with_a_prefix_nothing_is_taken_for_said_before(form):
    again = SAID[-40:].rstrip()
    assert joined(SAID.rstrip(), again + REST, form) == SAID.rstrip() + again + REST


def test_fewer_equal_characters_may_be_chance_and_stay():
    again = SAID[-(LEAST_OVERLAP - 1) :]
    assert joined(SAID, again + REST, Form.INSTRUCTION) == SAID + again + REST


def test_an_upstream_that_begins_a_long_text_anew_is_found_by_its_beginning():
    said = "".join(f"{n} bottles of milk. " for n in range(1000))
    assert len(said) > 2 * LONGEST_OVERLAP
    assert joined(said, said + REST, Form.INSTRUCTION, (500,)) == said + REST


def test_an_answer_that_ends_while_it_may_be_a_repetition_loses_nothing():
    half = SAID[-40:-10]
    assert joined(SAID, half, Form.INSTRUCTION) == SAID + half


def test_a_repetition_that_is_all_there_is_adds_nothing():
    assert joined(SAID, SAID[-30:], Form.INSTRUCTION) == SAID


@pytest.mark.parametrize("form", STRIPPED)
@pytest.mark.parametrize(("said", "text"), [("one ", " two"), ("one ", "two"), ("one\n\n", "\n\ntwo"), ("one", " two")])
def test_white_space_at_the_seam_is_there_once(form, said, text):
    assert joined(said, text, form).split() == ["one", "two"]
    assert joined(said, text, form) == said.rstrip() + (said[3:] or text[:1]) + "two"


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("sizes", [(1,), (2,), (100,)])
def test_a_stop_sequence_that_begins_before_the_seam_ends_the_answer_there(form, sizes):
    seam_text = joined("one two ###", "STOP three", form, sizes, stop=["###STOP"])
    assert seam_text == "one two ###"


def test_what_only_looked_like_a_stop_sequence_is_said():
    assert joined("one #", "# two", Form.INSTRUCTION, stop=["###"]) == "one ## two"
    assert joined("one #", "#", Form.INSTRUCTION, stop=["###"]) == "one ##"


def test_a_seam_says_which_stop_sequence_it_was_and_closes_when_all_is_decided():
    seam = Seam("abc", Form.NONE, ["cd", "x"])
    assert seam.is_open
    assert seam.take("def") == ""
    assert seam.stopped_by == "cd"
    plain = Seam("abc", Form.NONE, ["zz"])
    assert plain.take("d") == "d"
    assert not plain.is_open


@given(said=st.text(max_size=200), text=st.text(max_size=200), form=st.sampled_from(Form), size=st.integers(1, 9))
def test_however_it_is_cut_up_the_joined_text_is_the_same(said, text, form, size):
    whole = joined(said, text, form, (10_000,))
    assert joined(said, text, form, (size,)) == whole
    assert whole.startswith(said)
