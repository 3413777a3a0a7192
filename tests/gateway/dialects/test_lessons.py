"""What refusals teach: providers' own sentences, read once, and nothing learnt from anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Form, Protocol
from stillup.gateway.dialects.adapting import Learned, Lessons, Pupil, is_about_thoughts
from stillup.gateway.dialects.lessons import HINTS, MOST_MODELS

ANTHROPIC, OPENAI, GEMINI = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.GEMINI


def refusal(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", **more}}).encode()


def learnt(body: bytes, status: int = 400) -> tuple[str, Learned]:
    lessons = Lessons()
    says = lessons.learn("u", "m", OPENAI, status, body)
    return says, lessons.of("u", "m")


@pytest.mark.parametrize(
    ("body", "learned"),
    [
        (
            refusal(
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                param="max_tokens",
                code="unsupported_parameter",
            ),
            Learned(completion_tokens=True),
        ),
        (refusal("max_completion_tokens: Extra inputs are not permitted"), Learned(completion_tokens=False)),
        (
            refusal(
                "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is "
                "supported.",
                param="temperature",
                code="unsupported_value",
            ),
            Learned(without=("temperature",)),
        ),
        (refusal("`temperature` is deprecated for this model."), Learned(without=("temperature",))),
        (refusal("Unrecognized request argument supplied: top_k"), Learned(without=("top_k",))),
        (refusal("Model grok-9 does not support parameter reasoningEffort."), Learned(without=("reasoningEffort",))),
        (
            refusal("Penalty is not enabled for models/gemini-2.5-pro"),
            Learned(without=("frequencyPenalty", "presencePenalty")),
        ),
        (
            json.dumps(
                {
                    "object": "error",
                    "message": {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
                }
            ).encode(),
            Learned(without=("seed",)),
        ),
        (
            refusal("max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude-x"),
            Learned(max_output=64_000),
        ),
        (
            refusal(
                "max_tokens is too large: 99999. This model supports at most 16384 completion tokens, "
                "whereas you provided 99999."
            ),
            Learned(max_output=16_384),
        ),
        (
            refusal(
                "Unable to submit request because it has a maxOutputTokens value of 99999 but the supported range is "
                "from 1 (inclusive) to 65537 (exclusive)."
            ),
            Learned(max_output=65_536),
        ),
        (
            refusal(
                "This model does not support assistant message prefill. The conversation must end with a user message."
            ),
            Learned(refuses_prefix=True),
        ),
        (
            refusal("Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"),
            Learned(refuses_prefix=True),
        ),
        (
            refusal('prefix is only available when using beta api (set base_url="https://api.deepseek.com/beta")'),
            Learned(refuses_prefix=True),
        ),
        (refusal("Assistant response prefill is incompatible with enable_thinking."), Learned(refuses_prefix=True)),
        (
            refusal('"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".'),
            Learned(thinking="adaptive"),
        ),
        (refusal("adaptive thinking is not supported on this model"), Learned(thinking="enabled")),
        (refusal('"thinking.type.disabled" is not supported for this model.'), Learned(thinking="always")),
        (refusal("Budget 0 is invalid. This model only works in thinking mode."), Learned(thinking="always")),
        (refusal("This model does not support thinking"), Learned(thinking="never")),
        (
            refusal("Thinking may not be enabled when tool_choice forces tool use."),
            Learned(forced_tools="not_thinking"),
        ),
        (refusal("tool_choice: forced tool use is not supported for this model"), Learned(forced_tools="no")),
        (
            refusal("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
            Learned(only_one=True),
        ),
        (
            refusal(
                "Unsupported value: 'minimal' is not supported with the 'gpt-5.6-sol' model. Supported values are: "
                "'none', 'low', 'medium', 'high', 'xhigh', and 'max'.",
                param="reasoning.effort",
            ),
            Learned(efforts=("none", "low", "medium", "high", "xhigh", "max")),
        ),
        (
            refusal(
                "Function tools with reasoning_effort are not supported for gpt-5.6-luna in /v1/chat/completions. "
                "To use function tools, use /v1/responses or set reasoning_effort to 'none'.",
                param="reasoning_effort",
            ),
            Learned(chat_tools=False),
        ),
        (refusal("This response_format type is unavailable now"), Learned(schema=False)),
        (
            refusal(
                "messages.5.content.0: Invalid `signature` in `thinking` block. "
                "The block is bound to a different conversation."
            ),
            Learned(thoughts=False),
        ),
    ],
)
def test_a_providers_own_sentence_teaches_what_it_says(body: bytes, learned: Learned):
    says, found = learnt(body)
    assert says
    assert found == learned
    assert bool(found)


@pytest.mark.parametrize(
    "body",
    [
        refusal("messages: at least one message is required"),
        refusal("prompt is too long: 210000 tokens > 200000 maximum", code="context_length_exceeded"),
        refusal("The user was not found"),
        refusal("Unsupported value: 'messages' does not support this."),
        refusal("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found"),
        refusal(
            "Unsupported value: 'verbose' is not supported. Supported values are: 'low' and 'high'.", param="detail"
        ),
        refusal("max_tokens: 5 > 0, which is the maximum"),
        b"",
        b"<html>400 Bad Request: temperature is not supported</html>",
        b"\xff\xfe",
        b"[]",
        b"[" * 5_000,
    ],
)
def test_what_is_about_something_else_teaches_nothing(body: bytes):
    assert learnt(body) == ("", Learned())
    assert not Learned()


@pytest.mark.parametrize(
    ("message", "is_about_them"),
    [
        ("Invalid `signature` in `thinking` block. The block is bound to a different conversation.", True),
        ("The encrypted content gAAAAA could not be verified. Reason: it could not be decrypted or parsed.", True),
        ("Corrupted thought signature.", True),
        ("`temperature` is deprecated for this model.", False),
    ],
)
def test_a_refused_thought_is_told_from_other_refusals(message: str, is_about_them: bool):
    assert is_about_thoughts(400, refusal(message)) is is_about_them
    assert not is_about_thoughts(500, refusal(message))
    assert (learnt(refusal(message))[1].thoughts is False) is is_about_them


@pytest.mark.parametrize(
    ("text", "learned"),
    [
        ('Invalid JSON payload received. Unknown name "topK": Cannot find field.', Learned(without=("topK",))),
        (
            "Malformed input request: #: extraneous key [top_k] is not permitted, please reformat",
            Learned(without=("top_k",)),
        ),
        ("invalid option provided option=top_k", Learned(without=("top_k",))),
        ("Extra inputs are not permitted: top_k", Learned(without=("top_k",))),
        ("Argument not supported on this model: presencePenalty", Learned(without=("presencePenalty",))),
        ("Please ensure that multiturn requests end with a user role.", Learned(refuses_prefix=True)),
        ("The last message must be from the user.", Learned(refuses_prefix=True)),
    ],
)
def test_other_providers_words_for_the_same_are_understood_too(text: str, learned: Learned):
    assert learnt(refusal(text))[1] == learned


@pytest.mark.parametrize("status", [401, 404, 413, 429, 500, 529])
def test_only_a_refusal_of_the_request_teaches(status: int):
    assert learnt(refusal("`temperature` is deprecated for this model."), status) == ("", Learned())


def test_the_same_again_is_nothing_new_and_another_lesson_is_added():
    lessons = Lessons()
    for _ in range(2):
        again = lessons.learn("u", "m", OPENAI, 400, refusal("`temperature` is deprecated for this model."))
    assert again == ""
    assert lessons.learn("u", "m", OPENAI, 400, refusal("`top_k` is not supported")) == "takes no top_k"
    assert lessons.of("u", "m").without == ("temperature", "top_k")


def test_what_is_learnt_of_one_model_at_one_upstream_is_no_lesson_for_others():
    lessons = Lessons()
    lessons.learn("u", "m", OPENAI, 400, refusal("`temperature` is deprecated for this model."))
    assert not lessons.of("u", "other")
    assert not lessons.of("other", "m")


def test_models_that_clients_make_up_fill_no_memory():
    lessons = Lessons()
    body = refusal("`temperature` is deprecated for this model.")
    for number in range(MOST_MODELS):
        assert lessons.learn("u", f"m{number}", OPENAI, 400, body)
    assert lessons.learn("u", "one-more", OPENAI, 400, body) == ""
    assert not lessons.of("u", "one-more")
    assert lessons.of("u", "m0")


@given(st.text(max_size=400), st.sampled_from([400, 422]))
def test_whatever_a_refusal_says_only_hints_are_ever_left_out(message: str, status: int):
    _, learned = learnt(refusal(message), status)
    assert set(learned.without) <= HINTS
    assert learned.max_output is None or learned.max_output > 0


@pytest.mark.parametrize(
    "message",
    [
        "max_tokens " * 20_000,
        "tool_choice" + "x" * 60_000,
        "supported values are" + " low" * 20_000,
        "a." * 30_000,
        "_" * 60_000,
    ],
)
def test_a_long_refusal_is_read_no_further_than_any_true_one(message: str):
    _, learned = learnt(refusal(message, param="effort"))
    assert set(learned.without) <= HINTS


# --- forms


@pytest.mark.parametrize(
    ("model", "protocol", "body", "form"),
    [
        ("claude-sonnet-4-5", ANTHROPIC, b"{}", Form.PREFILL),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", Protocol.BEDROCK, b"{}", Form.PREFILL),
        ("claude-opus-4-5@20251101", Protocol.VERTEX, b"{}", Form.PREFILL),
        ("anthropic/claude-sonnet-4.5", OPENAI, b"{}", Form.PREFILL),
        ("claude-sonnet-4-5", ANTHROPIC, b'{"thinking":{"type":"enabled","budget_tokens":2000}}', Form.INSTRUCTION),
        ("claude-sonnet-4-5", ANTHROPIC, b'{"thinking":{"type":"disabled"}}', Form.PREFILL),
        ("claude-sonnet-4-5", ANTHROPIC, b'{"output_config":{"format":{"type":"json_schema"}}}', Form.INSTRUCTION),
        ("claude-sonnet-4-5", ANTHROPIC, b'{"output_config":{"effort":"low"}}', Form.PREFILL),
        ("claude-sonnet-4-5", ANTHROPIC, b'{"output_format":{"type":"json_schema"}}', Form.INSTRUCTION),
        ("anthropic/claude-sonnet-4.5", OPENAI, b'{"reasoning_effort":"high"}', Form.INSTRUCTION),
        ("anthropic/claude-sonnet-4.5", OPENAI, b'{"response_format":{"type":"json_object"}}', Form.INSTRUCTION),
        ("anthropic/claude-sonnet-4.5", OPENAI, b'{"response_format":{"type":"text"}}', Form.PREFILL),
        ("claude-sonnet-4-5", ANTHROPIC, b"no json", Form.INSTRUCTION),
        ("claude-opus-4-6", ANTHROPIC, b"{}", Form.INSTRUCTION),
        ("claude-opus-5-5", ANTHROPIC, b"{}", Form.INSTRUCTION),
        ("claude-opus-77", ANTHROPIC, b"{}", Form.INSTRUCTION),
        ("gpt-6.2-sol", OPENAI, b"{}", Form.INSTRUCTION),
        ("gpt-6.2-sol", Protocol.RESPONSES, b"{}", Form.INSTRUCTION),
        ("gemini-4-neon", GEMINI, b"{}", Form.INSTRUCTION),
        ("mistral-large-4-0", OPENAI, b"{}", Form.PREFIX),
        ("mistral-large-9", OPENAI, b"{}", Form.PREFIX),
        ("deepseek-flash", OPENAI, b"{}", Form.PREFIX),
        ("deepseek-flash", ANTHROPIC, b"{}", Form.INSTRUCTION),
        ("mistral-nemo", OPENAI, b"{}", Form.INSTRUCTION),
        ("mistral.mistral-large-3-675b-instruct", Protocol.CONVERSE, b"{}", Form.INSTRUCTION),
        ("nobody-knows-it", OPENAI, b"{}", Form.INSTRUCTION),
        ("", OPENAI, b"{}", Form.INSTRUCTION),
    ],
)
def test_each_model_goes_on_in_its_own_form(model: str, protocol: Protocol, body: bytes, form: Form):
    assert Lessons().form("u", model, protocol, body) is form


def test_a_flag_is_set_at_its_maker_and_at_the_server_whose_own_it_is():
    lessons = Lessons({"m": "mistral", "r": "openrouter", "v": "vllm", "l": "llamacpp", "o": "ollama", "d": "deepseek"})
    assert lessons.form("m", "mistral-large-4-0", OPENAI, b"{}") is Form.PREFIX
    assert lessons.form("r", "mistralai/mistral-large-4-0", OPENAI, b"{}") is Form.INSTRUCTION
    assert lessons.form("v", "qwen3:8b", OPENAI, b"{}") is Form.FINAL
    assert lessons.form("v", "qwen3:8b", ANTHROPIC, b"{}") is Form.INSTRUCTION
    assert lessons.form("l", "smollm2", OPENAI, b"{}") is Form.PREFILL
    assert lessons.form("o", "smollm2", OPENAI, b"{}") is Form.INSTRUCTION
    assert lessons.form("d", "deepseek-flash", OPENAI, b"{}") is Form.INSTRUCTION  # its flag is for another address


def test_a_refused_beginning_is_not_tried_again():
    lessons = Lessons()
    lessons.learn(
        "u", "claude-sonnet-4-5", ANTHROPIC, 400, refusal("This model does not support assistant message prefill.")
    )
    assert lessons.form("u", "claude-sonnet-4-5", ANTHROPIC, b"{}") is Form.INSTRUCTION
    assert lessons.form("other", "claude-sonnet-4-5", ANTHROPIC, b"{}") is Form.PREFILL


NO_TEMPERATURE = refusal("tools.0.custom.temperature: Extra inputs are not permitted")


def test_what_one_request_learns_others_know_only_once_it_was_answered():
    """The words may be of the client's own making: a tool with a member of that name says the same again."""
    lessons = Lessons()
    pupil = Pupil(lessons)

    assert pupil.learn("u", "m", 400, NO_TEMPERATURE)

    assert pupil.of("u", "m").without == ("temperature",)
    assert not lessons.of("u", "m")
    assert not pupil.learn("u", "m", 400, NO_TEMPERATURE)  # it was refused again: nothing more to learn
    pupil.was_answered("u", "m")
    assert Pupil(lessons).of("u", "m").without == ("temperature",)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("Invalid parameter: temperature must be between 0 and 1", False),
        ("Invalid argument: 'seed' must be less than 2147483648", False),
        ("temperature is not supported with this model", True),
        ("max_tokens is too large: 9000. This model supports at most 4096 completion tokens", True),
    ],
)
def test_a_value_that_is_refused_is_that_requests_own_trouble(message, kept):
    lessons = Lessons()
    pupil = Pupil(lessons)
    assert pupil.learn("u", "m", 400, refusal(message))
    pupil.was_answered("u", "m")
    assert bool(lessons.of("u", "m")) is kept


def test_that_an_upstream_has_no_responses_is_known_to_all_once_it_answered_in_chat():
    lessons = Lessons()
    pupil = Pupil(lessons)
    pupil.has_only_chat("u")
    assert pupil.is_chat_only("u")
    assert not Pupil(lessons).is_chat_only("u")
    pupil.was_answered("u", "m")
    assert Pupil(lessons).is_chat_only("u")


def test_a_request_goes_on_in_the_form_that_it_learnt_itself():
    pupil = Pupil(Lessons())
    body = b'{"messages":[]}'
    assert pupil.form("u", "claude-sonnet-4-5", ANTHROPIC, body) is Form.PREFILL
    assert pupil.learn("u", "claude-sonnet-4-5", 400, refusal("This model does not support assistant message prefill."))
    assert pupil.form("u", "claude-sonnet-4-5", ANTHROPIC, body) is Form.INSTRUCTION
