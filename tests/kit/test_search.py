"""What a few words find, in which order."""

import pytest

from stillup.kit.search import search


def names(index, query, limit=20):
    return [hit.row.name for hit in search(index, query, limit)]


@pytest.mark.parametrize("query", ["review", "REVIEW", "reveiw", "revew", "code review", "review code", "cod reveiw"])
def test_a_title_is_found_by_its_words_in_any_order_with_typing_errors(put, index, query):
    put("a", title="Code review")
    put("b", title="Letter to a friend")
    assert names(index(), query) == ["a"]


def test_tags_tasks_names_and_texts_are_found_too(put, index):
    put("one", title="First", tags="haiku", task="writing")
    put("sub/tanka", title="Second", text="about a pond and a frog")
    for query, name in (("haiku", "one"), ("writing", "one"), ("tanka", "sub/tanka"), ("frog pond", "sub/tanka")):
        assert names(index(), query) == [name]


def test_a_title_goes_before_a_tag_and_a_tag_before_a_text(put, index):
    put("text", title="Third", text="meeting")
    put("tag", title="Second", tags="meeting")
    put("title", title="The meeting")
    put("begins", title="Meeting")
    assert names(index(), "meeting") == ["begins", "title", "tag", "text"]


def test_every_word_has_to_be_somewhere(put, index):
    put("a", title="Code review")
    assert names(index(), "code xylophone") == []
    assert names(index(), "zq") == []


def test_two_letters_have_to_be_a_word_of_their_own(put, index):
    put("a", title="Fail early")
    put("b", title="AI in short")
    assert names(index(), "ai") == ["b"]


def test_where_enough_files_have_the_words_the_best_are_the_same_as_of_all(put, index):
    for n in range(30):
        put(f"n{n}", title=f"Plan {n}", tags="review" if n % 2 else "other", text="review")
    found = index()
    assert names(found, "plan review", 5) == names(found, "plan review", 1000)[:5]


def test_no_word_gives_the_first_by_name_and_odd_ones_nothing(put, index):
    put("b")
    put("a")
    assert names(index(), "  ") == ["a", "b"]
    for odd in ("\0", "(((((", "[a-", "\\", "x" * 100_000):
        assert names(index(), odd) == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("code review", "code-review"),
        ("traceback", "debug"),
        ("translate", "translate"),
        ("minutes", "meeting-minutes"),
        ("mail", "email-reply"),
        ("outage team", "outage-notice"),
        ("ideas", "brainstorm"),
    ],
)
def test_in_the_starter_set_the_first_is_what_was_meant(index, query, name):
    assert names(index(starter=True), query)[0] == name
