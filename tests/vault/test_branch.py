"""Which turns a person means who went back and asked again."""

from __future__ import annotations

from stillup.vault.branch import newest_branch
from tests.vault.talks import turn


def ids(*turns):
    return [t.id for t in newest_branch(turns)]


def test_without_parents_all_of_it_is_meant():
    assert ids(turn("a", ""), turn("b", ""), turn("c", "")) == ["a", "b", "c"]
    assert ids() == []


def test_the_last_turns_path_along_its_parents_is_meant():
    turns = (turn("a", ""), turn("b", "", parent="a"), turn("c", "", parent="b"), turn("x", "", parent="a"))
    assert ids(*turns) == ["a", "x"]


def test_a_parent_that_the_export_left_out_does_not_end_the_path():
    assert ids(turn("a", "", parent="root"), turn("b", "", parent="a"), turn("c", "", parent="gone")) == ["a", "b", "c"]


def test_first_messages_that_share_a_parent_which_was_left_out_are_branches():
    turns = (
        turn("a", "", parent="root"),
        turn("b", "", parent="a"),
        turn("x", "", parent="root"),
        turn("y", "", parent="x"),
    )
    assert ids(*turns) == ["x", "y"]


def test_parents_in_a_circle_end():
    assert ids(turn("a", "", parent="b"), turn("b", "", parent="a"))[-1] == "b"
    assert ids(turn("a", "", parent="a")) == ["a"]
