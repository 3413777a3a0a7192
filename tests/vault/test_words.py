"""The words of a message are found and compared by their bytes, and mean what they mean as text."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from stillup.vault.words import indexed, spaced

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
LETTERS = "".join(
    map(chr, (*range(1, 0xD800), *range(0xE000, 0x11000), *range(0x1F300, 0x1FA00), *range(0x20000, 0x20100), 0x3FFFF))
)


def test_every_letter_of_a_script_without_spaces_is_a_word_and_no_other():
    for at in range(0, len(LETTERS), 1000):
        some = LETTERS[at : at + 1000]
        assert indexed(some).decode() == UNSPACED.sub(r" \g<0> ", some)


@given(st.text() | st.text(alphabet=" \n\t\x1c\x85\xa0\u1680\u2003\u2028\u205f\u3000ab–é日🙂"))
def test_between_words_one_space_is_left(text):
    assert spaced(text) == " ".join(text.split()).encode()


def test_each_kind_of_white_space_is_one():
    for letter in LETTERS:
        text = f"{letter}a{letter}{letter} b{letter}"
        assert spaced(text) == " ".join(text.split()).encode()
