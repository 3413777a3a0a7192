"""A secret shows itself to nobody but the one who asks it to."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from stillup.secret import Secret


@pytest.mark.parametrize("show", [repr, str, "{:>40}".format, lambda s: f"{s!r:s}", lambda s: repr([s, {"key": s}])])
def test_no_text_made_of_a_secret_has_it(show):
    assert "hush" not in show(Secret("hush"))


@pytest.mark.parametrize(
    "take",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        vars,
        lambda s: s.__getstate__(),
        lambda s: s.__reduce_ex__(4),
    ],
)
def test_a_secret_is_not_copied_and_gives_no_state(take):
    with pytest.raises(TypeError) as refusal:
        take(Secret("hush"))
    assert "hush" not in str(refusal.value)
