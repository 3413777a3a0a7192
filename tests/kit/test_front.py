"""Front matter and places: what a file says, and what of it cannot be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.kit.entry import Kind, Variable
from stillup.kit.front import read_entry
from stillup.kit.places import filled, variables_of
from stillup.model.service import Capability


def test_a_file_says_what_it_is_for_and_what_has_to_be_filled_in():
    entry = read_entry(
        "work/x",
        "---\ntitle: A title\nabout: What it does\nkind: template\ntask: [coding, writing]\ntags: a, b\n"
        "variables:\n  code: {about: the code}\n  tone: friendly\n---\n\n{{tone}} {{ code }} {{n|3}}\n",
    )
    assert (entry.title, entry.about, entry.kind) == ("A title", "What it does", Kind.TEMPLATE)
    assert (entry.tasks, entry.tags) == ((Capability.CODING, Capability.WRITING), ("a", "b"))
    assert entry.variables == (
        Variable(name="tone", default="friendly"),
        Variable(name="code", about="the code"),
        Variable(name="n", default="3"),
    )
    assert entry.text == "{{tone}} {{ code }} {{n|3}}\n"
    assert not entry.trouble


@pytest.mark.parametrize(
    ("text", "title"),
    [("# A heading\nText", "A heading"), ("Text", "My prompt"), ("", "My prompt"), ("---\n", "My prompt")],
)
def test_without_front_matter_a_file_is_a_prompt_called_by_its_heading_or_name(text, title):
    entry = read_entry("some/my-prompt", text)
    assert (entry.title, entry.kind, entry.trouble) == (title, Kind.PROMPT, "")


def test_values_are_the_texts_that_stand_there():
    entry = read_entry("x", "---\ntitle: no\nvariables: {n: 1.10, yes: on}\n---\n{{n}}{{yes}}")
    assert entry.title == "no"
    assert [v.default for v in entry.variables] == ["1.10", "on"]


def test_keys_of_other_programs_are_let_be():
    assert not read_entry("x", "---\ntitle: T\ncssclass: wide\naliases: [a]\n---\nText").trouble


@pytest.mark.parametrize(
    ("front", "says"),
    [
        (
            "title: Review: quick",
            "line 2: its front matter is no YAML (mapping values are not allowed in this context)",
        ),
        ("- a\n- b", "no table of `key: value`"),
        ("title: [a]", "title in its front matter cannot be used; allowed: one line of text"),
        ("kind: poem", "allowed: prompt, template, snippet"),
        ("task: cooking", "allowed: writing, coding"),
        ("tags: {a: b}", "allowed: a list of words"),
        ("variables: 7", "allowed: a table of"),
        ("variables: {1a: x}", "a name of letters, digits, - and _"),
        ("variables: {a: {about: one, two}}", "a text with a comma needs quotes"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "uses YAML's aliases"),
        ("title: !!python/object/apply:os.system [id]", "allowed: one line of text"),
        ("a: " + "[" * 5000, "is no YAML"),
        ("title: " + "x" * 20_000, "longer than"),
    ],
)
def test_front_matter_that_cannot_be_used_costs_only_itself(front, says):
    entry = read_entry("my-prompt", f"---\n{front}\n---\nThe text.\n")
    assert says in entry.trouble
    assert entry.text == "The text.\n"
    assert entry.title


def test_a_value_is_put_in_once_and_not_looked_through_again():
    assert filled("{{a}} and {{b}}", {"a": "{{b}}", "b": "B"}) == "{{b}} and B"


def test_braces_after_a_backslash_and_other_braces_stay():
    text = r"\{{a}} {{ a b }} {{1}} {x} {{}} {% a %}"
    assert variables_of(text) == ()
    assert filled(text, {"a": "A"}) == "{{a}} {{ a b }} {{1}} {x} {{}} {% a %}"


def test_a_line_that_held_only_an_empty_place_is_left_out():
    assert filled("one\n{{a}}\n\ntwo {{a}}!\n", {"a": ""}) == "one\n\ntwo !\n"


@given(st.text(), st.dictionaries(st.sampled_from("abc"), st.text()))
def test_any_text_can_be_read_and_filled(text, values):
    entry = read_entry("x", text)
    assert isinstance(filled(entry.text, values), str)


@given(st.text(st.characters(exclude_characters="{}\\"), max_size=50))
def test_a_text_without_places_stays_as_it_is(text):
    assert filled(text, {"a": "A"}) == text
