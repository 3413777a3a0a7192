"""What an upstream's HTTP error means: its status together with the words of its body."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.trouble import classify, fault_in_stream, said

A, O, G, B = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.GEMINI, Protocol.BEDROCK  # noqa: E741


def anthropic(kind, message="m"):
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"}).encode()


def openai(message="m", kind=None, code=None):
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def gemini(code, status, message="m", **rest):
    return json.dumps({"error": {"code": code, "message": message, "status": status, **rest}}).encode()


PER_DAY = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]
PER_MINUTE = [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]}]
BAD_KEY = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
GROQ_RATE = "Rate limit reached … Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
GEMINI_RATE = "You exceeded your current quota, please check your plan and billing details."
OPENAI_QUOTA = "You exceeded your current quota, please check your plan and billing details."
XAI_SPENT = b"Your team x has either used all available credits or reached its monthly spending limit."
MISTRAL_FULL = (
    b'{"object": "error", "message": "Service tier capacity exceeded for this model.", '
    b'"type": "invalid_request_error", "param": null, "code": null}'
)

TABLE = [
    (A, 529, anthropic("overloaded_error", "Overloaded"), Fault.OVERLOADED),
    (O, 529, b"", Fault.OVERLOADED),
    (A, 503, b"<html>overloaded</html>", Fault.SERVER_ERROR),
    (A, 503, anthropic("overloaded_error"), Fault.OVERLOADED),
    (O, 503, openai("The engine is currently overloaded"), Fault.OVERLOADED),
    (O, 503, openai("m", code="slow_down"), Fault.OVERLOADED),
    (O, 503, openai("llama is currently over capacity", "internal_server_error"), Fault.OVERLOADED),
    (O, 503, b'{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}', Fault.OVERLOADED),
    (O, 503, b"upstream connect error", Fault.SERVER_ERROR),
    (G, 503, gemini(503, "UNAVAILABLE", "The model is overloaded."), Fault.OVERLOADED),
    (G, 500, gemini(500, "INTERNAL"), Fault.SERVER_ERROR),
    (A, 500, anthropic("api_error", "Internal server error"), Fault.SERVER_ERROR),
    (A, 500, anthropic("overloaded_error"), Fault.OVERLOADED),
    (O, 500, openai("… overloaded …"), Fault.SERVER_ERROR),
    (A, 502, b"<html>", Fault.SERVER_ERROR),
    (A, 504, anthropic("timeout_error"), Fault.SERVER_ERROR),
    (O, 520, b"<html>cloudflare</html>", Fault.SERVER_ERROR),
    (O, 524, b"", Fault.SERVER_ERROR),
    (A, 429, anthropic("rate_limit_error"), Fault.RATE_LIMITED),
    (O, 429, b"", Fault.RATE_LIMITED),
    (O, 429, b"<html>too many</html>", Fault.RATE_LIMITED),
    (O, 429, openai(GROQ_RATE, "tokens", "rate_limit_exceeded"), Fault.RATE_LIMITED),
    (O, 429, openai(OPENAI_QUOTA, "insufficient_quota", "insufficient_quota"), Fault.QUOTA),
    (O, 429, openai(OPENAI_QUOTA), Fault.QUOTA),
    (O, 429, openai("Request too large for gpt-x on tokens per min", "tokens", "rate_limit_exceeded"), Fault.TOO_LONG),
    (O, 429, openai("The credits are used up", "insufficient_quota", "credit_balance_exhausted"), Fault.QUOTA),
    (O, 429, openai("m", "requests", "credit_balance_exhausted"), Fault.QUOTA),
    (O, 429, openai("m", "requests", "slow_down"), Fault.RATE_LIMITED),
    (O, 429, b'{"code": "Some resource has been exhausted", "error": "' + XAI_SPENT + b'"}', Fault.QUOTA),
    (O, 403, b'{"code": "c", "error": "You have run out of credits or need a subscription."}', Fault.QUOTA),
    (O, 429, MISTRAL_FULL, Fault.OVERLOADED),
    (O, 429, b'{"object": "error", "message": "Rate limit exceeded", "type": "rate_limited"}', Fault.RATE_LIMITED),
    (G, 429, gemini(429, "RESOURCE_EXHAUSTED", GEMINI_RATE, details=PER_MINUTE), Fault.RATE_LIMITED),
    (G, 429, gemini(429, "RESOURCE_EXHAUSTED", GEMINI_RATE, details=PER_DAY), Fault.QUOTA),
    (G, 429, gemini(429, "RESOURCE_EXHAUSTED", "… limit: 0, model: gemini-x"), Fault.QUOTA),
    (G, 429, gemini(429, "RESOURCE_EXHAUSTED", "… limit: 05"), Fault.RATE_LIMITED),
    (O, 402, openai("Insufficient Balance"), Fault.QUOTA),
    (A, 402, b"", Fault.QUOTA),
    (A, 400, anthropic("invalid_request_error", "Your credit balance is too low to access"), Fault.QUOTA),
    (O, 403, openai("This key is out of credits"), Fault.QUOTA),
    (O, 403, openai("Your chosen model requires moderation and your input was flagged"), Fault.FILTERED),
    (A, 401, anthropic("authentication_error", "invalid x-api-key"), Fault.UNAUTHORIZED),
    (A, 403, anthropic("permission_error"), Fault.UNAUTHORIZED),
    (A, 403, b"<html>billing</html>", Fault.UNAUTHORIZED),
    (G, 400, gemini(400, "INVALID_ARGUMENT", "API key not valid.", details=BAD_KEY), Fault.UNAUTHORIZED),
    (G, 400, gemini(400, "INVALID_ARGUMENT", "API key expired. Please renew"), Fault.UNAUTHORIZED),
    (
        O,
        400,
        b'{"code": "Client specified an invalid argument", "error": "Incorrect API key provided: a***b."}',
        Fault.UNAUTHORIZED,
    ),
    (A, 408, b"", Fault.REQUEST_TIMEOUT),
    (A, 409, b"", Fault.BAD_REQUEST),
    (A, 413, anthropic("request_too_large"), Fault.TOO_LONG),
    (A, 413, b"<html>nginx</html>", Fault.TOO_LONG),
    (A, 400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), Fault.TOO_LONG),
    (A, 400, anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit"), Fault.TOO_LONG),
    (O, 400, openai("m", "invalid_request_error", "context_length_exceeded"), Fault.TOO_LONG),
    (O, 400, openai("This model's maximum context length is 8192 tokens."), Fault.TOO_LONG),
    (O, 400, openai("the request exceeds the available context size"), Fault.TOO_LONG),
    (G, 400, gemini(400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens allowed (9)"), Fault.TOO_LONG),
    (O, 400, openai("m", None, "content_filter"), Fault.FILTERED),
    (O, 400, openai("The response was filtered due to Azure OpenAI's content management policy"), Fault.FILTERED),
    (A, 400, anthropic("invalid_request_error", "messages: field required"), Fault.BAD_REQUEST),
    (A, 404, anthropic("not_found_error", "model: claude-z"), Fault.BAD_REQUEST),
    (O, 404, openai("The model does not exist", "invalid_request_error", "model_not_found"), Fault.BAD_REQUEST),
    (O, 404, b'{"error": "model not found"}', Fault.BAD_REQUEST),
    (O, 404, b"<html>", Fault.BAD_REQUEST),
    (O, 404, openai("m", "server_error"), Fault.BAD_REQUEST),
    (O, 422, b'{"detail": [{"type": "missing", "loc": ["body"], "msg": "Field required"}]}', Fault.BAD_REQUEST),
    (O, 405, b"", Fault.BAD_REQUEST),
    (O, 301, b"", Fault.NOT_API),
    (O, 302, b"<html>log in</html>", Fault.NOT_API),
    (O, 304, b"", Fault.NOT_API),
]


@pytest.mark.parametrize(("protocol", "status", "body", "fault"), TABLE)
def test_status_and_words_together_name_the_fault(protocol, status, body, fault):
    assert classify(protocol, status, (), body) is fault


@pytest.mark.parametrize(("protocol", "status", "body", "fault"), [row for row in TABLE if row[2].startswith(b"{")])
def test_googles_array_around_an_error_changes_nothing(protocol, status, body, fault):
    assert classify(protocol, status, (), b"[" + body + b"]") is fault


@pytest.mark.parametrize(
    ("kind", "status", "fault"),
    [
        ("ThrottlingException", 429, Fault.RATE_LIMITED),
        ("ThrottlingException:http://internal.amazon.com/coral/", 400, Fault.RATE_LIMITED),
        ("ServiceUnavailableException", 503, Fault.OVERLOADED),
        ("ModelNotReadyException", 429, Fault.OVERLOADED),
        ("AccessDeniedException", 403, Fault.UNAUTHORIZED),
        ("ValidationException", 400, Fault.BAD_REQUEST),
        ("ModelErrorException", 424, Fault.SERVER_ERROR),
        ("ServiceQuotaExceededException", 400, Fault.QUOTA),
    ],
)
def test_amazon_names_the_error_in_a_header(kind, status, fault):
    headers = ((b"x-amzn-ErrorType", kind.encode()),)
    assert classify(B, status, headers, b'{"message": "m"}') is fault


def test_409_is_worth_another_try_only_where_the_header_says_so():
    assert classify(A, 409, ((b"X-Should-Retry", b"true"),), b"") is Fault.CONFLICT
    assert classify(A, 409, ((b"x-should-retry", b"false"),), b"") is Fault.BAD_REQUEST


def test_a_body_cut_short_still_tells():
    body = openai("This model's maximum context", "invalid_request_error", "context_length_exceeded")
    assert classify(O, 400, (), body[:-3]) is Fault.TOO_LONG
    assert said(body[:-3]).message == "This model's maximum context"


@given(st.sampled_from(list(Protocol)), st.integers(100, 999), st.binary(max_size=400))
def test_every_status_with_any_body_means_something(protocol, status, body):
    assert isinstance(classify(protocol, status, (), body), Fault)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (502, Fault.SERVER_ERROR),
        ("502", Fault.SERVER_ERROR),
        (502.0, Fault.SERVER_ERROR),
        (True, Fault.ERROR_EVENT),
        (12, Fault.ERROR_EVENT),
        (10**400, Fault.ERROR_EVENT),
        (-1, Fault.ERROR_EVENT),
        (None, Fault.ERROR_EVENT),
    ],
)
def test_inside_an_answer_a_number_is_read_as_a_status_where_it_can_be_one(code, fault):
    assert fault_in_stream(said(json.dumps({"code": code}).encode())) is fault


def test_a_number_beyond_all_numbers_is_no_status():
    assert fault_in_stream(said(b'{"code": 1e999}')) is Fault.ERROR_EVENT


def test_a_body_nested_beyond_reason_is_no_harder():
    assert classify(O, 500, (), b'{"a":' * 20_000) is Fault.SERVER_ERROR
    assert classify(O, 500, (), b"[" * 400 + b"]" * 400) is Fault.SERVER_ERROR
    assert classify(O, 500, (), b'{"a":' * 100 + b'"overloaded"' + b"}" * 100) is Fault.SERVER_ERROR
