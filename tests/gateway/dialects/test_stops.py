"""Stop sequences kept by the gateway."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stillup.gateway.dialects.neutral import Call, Calls, Ended, Reply, Stop, Text, Words
from stillup.gateway.dialects.stops import Stops, cut_at


def streamed(pieces, stops):
    """The words that are passed on, and how the answer ended."""
    cutter = Stops(stops)
    passed = [each for piece in pieces for each in cutter.pass_on([piece])]
    return "".join(p.text for p in passed if isinstance(p, Words)), [p for p in passed if isinstance(p, Ended)]


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_answer_ends_before_the_first_stop_sequence_wherever_it_is_cut_up(cut):
    text = "one ##END two"
    pieces = [Words(text[:cut]), Words(text[cut:]), Ended(Stop.END)]

    assert streamed(pieces, ["##END", "two"]) == ("one ", [Ended(Stop.SEQUENCE, "##END")])


def test_what_only_begins_like_one_is_said():
    assert streamed([Words("a #"), Words("# b#"), Ended(Stop.LENGTH)], ["###"]) == ("a ## b#", [Ended(Stop.LENGTH)])


def test_words_that_are_held_come_before_a_call():
    call = Calls(Call(id="1", name="f"))
    cutter = Stops(["##"])

    assert list(cutter.pass_on([Words("a#"), call])) == [Words("a"), Words("#"), call]


@example("#aa", ["a", "#aa"], [2])
@given(
    st.text("ab#", max_size=40),
    st.lists(st.text("ab#", min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(st.integers(0, 40), max_size=5),
)
def test_it_is_the_same_text_however_it_comes(text, stops, cuts):
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [Words(text[a:b]) for a, b in pairwise(edges)]
    whole = cut_at(Reply(parts=(Text(text=text),)), stops)

    said, ended = streamed([*pieces, Ended(Stop.END)], stops)

    assert said == whole.parts[0].text
    assert (ended[0].stop, len(ended)) == (whole.stop, 1)


def test_a_whole_answer_loses_what_stands_behind_it():
    reply = Reply(parts=(Text(text="a"), Text(text="b STOP c"), Call(id="1", name="f")))

    cut = cut_at(reply, ["STOP"])

    assert cut.parts == (Text(text="a"), Text(text="b "))
    assert (cut.stop, cut.sequence) == (Stop.SEQUENCE, "STOP")
