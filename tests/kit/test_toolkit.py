"""The backup toolkit: what can be chosen, what is said of a choice, and how it is kept."""

import stat
from datetime import UTC, datetime

import pytest

from stillup.catalog.load import find_service
from stillup.errors import BadDataError, UsageError
from stillup.kit.toolkit import Toolkit, Trial, chosen, in_common, load_toolkit, save_toolkit
from stillup.model.service import Capability

CLAUDE = find_service("claude")
TRIAL = Trial(at=datetime(2026, 5, 12, tzinfo=UTC), works=True, says="operational")


def test_two_or_three_are_chosen_by_any_of_their_names():
    names, _ = chosen("ChatGPT, gemini,local,chatgpt", Capability.CODING, CLAUDE)
    assert names == ["chatgpt", "gemini", "local"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("claude", "is what the toolkit is to stand in for"),
        ("cloudflare", "is not known for coding"),
        ("nobody-knows", "no service called"),
        ("chatgpt,gemini,mistral,grok", "4 are no toolkit"),
    ],
)
def test_what_is_no_choice_is_refused(words, says):
    with pytest.raises(UsageError, match=says):
        chosen(words, Capability.CODING, CLAUDE)


def test_one_alone_and_a_cloud_in_common_are_said():
    says = " ".join(chosen("chatgpt", Capability.CODING, CLAUDE)[1])
    assert "single point of failure" in says
    says = " ".join(chosen("bedrock,chatgpt", Capability.CODING, CLAUDE)[1])
    assert "single point of failure" not in says


def test_what_two_services_stand_on_in_common_is_known():
    assert "aws" in in_common(CLAUDE, find_service("bedrock"))
    assert in_common(find_service("cursor"), CLAUDE) == in_common(CLAUDE, find_service("cursor"))


def test_it_is_kept_privately_and_tests_stay_with_whom_they_are_of(tmp_path):
    path = tmp_path / "data" / "toolkit.json"
    assert load_toolkit(path) == Toolkit()
    kit = Toolkit().with_choice(Capability.CODING, ["chatgpt", "local"]).with_trials({"chatgpt": TRIAL})
    kit = kit.with_choice(Capability.WRITING, ["chatgpt"])
    save_toolkit(path, kit)
    assert load_toolkit(path) == kit
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [b.trial for b in kit.tasks[Capability.WRITING]] == [TRIAL]
    assert kit.services == ("chatgpt", "local")
    assert kit.with_choice(Capability.CODING, []).tasks.keys() == {Capability.WRITING}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tasks": {"cooking": []}}', b"\xff", b"x" * (2 << 20)])
def test_a_damaged_file_is_named_and_never_written_over(tmp_path, body):
    path = tmp_path / "toolkit.json"
    path.write_bytes(body)
    with pytest.raises(BadDataError, match=r"toolkit\.json"):
        load_toolkit(path)
    assert path.read_bytes() == body
