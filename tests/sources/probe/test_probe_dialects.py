"""The protocols of Gemini, DeepL and Ollama: how the probe asks, and how it reads what comes back."""

from __future__ import annotations

import pytest

from stillup.model.signal import Outcome
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider_server import ProviderServer
from stillup.sources.ladder.dialects import DIALECTS, Tally
from stillup.sources.ladder.options import Options
from stillup.sources.ladder.plan import Here, plan_steps
from stillup.sources.ladder.sse import LineReader, WholeReader

GEMINI = "/v1beta/models/gemini-small-1:generateContent"
UP = (200, 400, 401, 403, 429, 456)
STATUS = Failure.STATUS
BAD_KEY = b'{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}'


@pytest.fixture
async def vendor():
    """Starts a provider of that vendor's."""
    running = []

    async def start(name: str, **behaviour: object) -> ProviderServer:
        server = await ProviderServer("A", vendor=name).__aenter__()
        server.set(Behaviour(needs_key=True, **behaviour))
        running.append(server)
        return server

    yield start
    for server in running:
        await server.__aexit__(None, None, None)


def rung(read, server: ProviderServer, path: str, protocol: str, **more):
    values = {
        "method": "POST",
        "protocol": protocol,
        "model": "gemini-small-1",
        "up": UP,
        "key_env": "ACME_KEY",
        **more,
    }
    return read.rung(server.url + path, "inference", "inference", **values)


PLACES = {"gemini": GEMINI, "deepl": "/v2/translate", "ollama": "/api/generate"}


@pytest.mark.parametrize("protocol", PLACES)
async def test_a_good_answer_proves_inference_and_says_when_its_first_word_came(vendor, read, protocol):
    server = await vendor(protocol)
    key_env = "" if protocol == "ollama" else "ACME_KEY"
    reading = await read(rung(read, server, PLACES[protocol], protocol, key_env=key_env), key="k")
    assert [(s.layer, s.ok) for s in reading.signals if isinstance(s, Outcome)] == [("edge", True), ("inference", True)]
    assert "first token in" in reading.says


FAILURES = [
    ("gemini", {"failure": STATUS, "status": 503}, "overloaded"),
    ("gemini", {"failure": STATUS, "status": 500}, "server_error"),
    ("gemini", {"failure": STATUS, "status": 429}, "rate_limit"),
    ("gemini", {"failure": STATUS, "status": 429, "reason": Reason.NO_TIER}, "rate_limit"),
    ("gemini", {"failure": STATUS, "status": 403}, "permission"),
    ("gemini", {"failure": Failure.ERROR_FIRST, "status": 503}, "overloaded"),
    ("gemini", {"failure": Failure.EMPTY}, "wrong_content"),
    ("gemini", {"failure": Failure.MALFORMED}, "wrong_content"),
    ("gemini", {"failure": Failure.HTML}, "wrong_content"),
    ("gemini", {"failure": Failure.WRONG_LENGTH}, "stream_cut"),
    ("gemini", {"failure": Failure.CUT}, "stream_cut"),
    ("gemini", {"failure": Failure.CUT_RESET}, "stream_cut"),
    ("deepl", {"failure": STATUS, "status": 456}, "billing"),
    ("deepl", {"failure": STATUS, "status": 429}, "rate_limit"),
    ("deepl", {"failure": STATUS, "status": 403}, "permission"),
    ("deepl", {"failure": STATUS, "status": 503}, "server_error"),
    ("deepl", {"failure": STATUS, "status": 529}, "overloaded"),
    ("deepl", {"failure": STATUS, "status": 500}, "server_error"),
    ("deepl", {"failure": Failure.ERROR_FIRST}, "wrong_content"),
    ("ollama", {"failure": STATUS, "status": 503}, "server_error"),
    ("ollama", {"failure": Failure.ERROR_EVENT, "after": 0}, "server_error"),
    ("ollama", {"failure": Failure.ERROR_EVENT, "after": 2}, "server_error"),
    ("ollama", {"failure": Failure.NO_END}, "stream_cut"),
    ("ollama", {"failure": Failure.ENDS_EARLY, "after": 2}, "stream_cut"),
    ("ollama", {"failure": Failure.CUT_INSIDE, "after": 2}, "stream_cut"),
    ("ollama", {"failure": Failure.MALFORMED, "after": 1}, "wrong_content"),
    ("ollama", {"failure": Failure.EMPTY}, "stream_cut"),
]


@pytest.mark.parametrize(("protocol", "behaviour", "error"), FAILURES)
async def test_each_failure_is_sorted_into_ours_and_theirs(vendor, read, protocol, behaviour, error):
    server = await vendor(protocol, **behaviour)
    assert (await read.outcomes(rung(read, server, PLACES[protocol], protocol), key="k"))[-1] == ("inference", error)


async def test_a_full_provider_is_no_limit_of_ours_though_it_has_the_status_of_one(vendor, read):
    """Mistral's tiers: 429, and a sentence that says whose room is used up."""
    server = await vendor("mistral", failure=STATUS, status=429, reason=Reason.CAPACITY)
    outcomes = await read.outcomes(rung(read, server, "/v1/chat/completions", "openai"), key="k")
    assert outcomes[-1] == ("inference", "overloaded")


async def test_a_model_that_is_not_there_is_our_own_request_and_proves_the_server(vendor, read):
    server = await vendor("ollama", failure=STATUS, status=404)
    outcomes = await read.outcomes(rung(read, server, "/api/generate", "ollama", key_env=""))
    assert outcomes == [("edge", None), ("api_gateway", None)]


async def test_geminis_key_travels_in_its_own_header_and_its_model_in_the_path(vendor, read):
    server = await vendor("gemini")
    await read(rung(read, server, GEMINI, "gemini"), key="k", model="other model/2")
    asked = server.requests[-1]
    assert (asked.target, asked.header("x-goog-api-key")) == ("/v1beta/models/other%20model%2F2:generateContent", "k")
    assert asked.header("authorization") == ""


async def test_deepl_translates_one_word_under_its_own_kind_of_key(vendor, read):
    server = await vendor("deepl")
    await read(rung(read, server, "/v2/translate", "deepl", model=""), key="k")
    asked = server.requests[-1]
    assert asked.header("authorization") == "DeepL-Auth-Key k"
    assert asked.body == b'{"text":["Hi"],"source_lang":"EN","target_lang":"DE"}'


@pytest.mark.parametrize(
    ("key", "climbed", "why"),
    [
        ("0123:fx", ["api-free.deepl.com"], "the key is one of the free API"),
        ("0123", ["api.deepl.com"], "the key is one of the paid API"),
    ],
)
def test_a_free_key_goes_to_the_free_api_and_no_other_does(read, key, climbed, why):
    """Keys of DeepL's free API end in ``:fx``, and neither API takes the other's."""
    hosts = ("api.deepl.com", "api-free.deepl.com")
    rungs = [
        read.rung(f"https://{host}/v2/translate", "inference", host, protocol="deepl", key_env="K", method="POST")
        for host in hosts
    ]
    plan = plan_steps(read.context(*rungs, key=key), Options(), Here())
    assert [step.ask.target.host for step in plan.steps] == climbed
    assert [left.why for left in plan.skipped] == [why]


async def test_ollama_is_asked_for_its_version_and_then_for_a_word_without_any_key(vendor, read):
    server = await vendor("ollama")
    version = read.rung(f"{server.url}/api/version", "api_gateway", "version", up=(200,))
    reading = await read(version, rung(read, server, "/api/generate", "ollama", key_env=""), key="sk-for-another")
    found = [(s.layer, s.ok) for s in reading.signals if isinstance(s, Outcome)]
    assert found[-1] == ("inference", True)
    assert {r.target for r in server.requests} == {"/api/version", "/api/generate"}
    assert not any(b"sk-for-another" in value for r in server.requests for _, value in r.headers)


async def test_without_a_key_gemini_and_deepl_are_not_asked(vendor, read):
    server = await vendor("gemini")
    version = read.rung(f"{server.url}/api/version", "api_gateway", "version", up=(200,))
    for protocol in ("gemini", "deepl"):
        reading = await read(version, rung(read, server, PLACES[protocol], protocol))
        assert "inference not tried (no key)" in reading.says
    assert {r.target for r in server.requests} == {"/api/version"}


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_are_the_same_however_the_stream_is_cut_into_pieces(size):
    body = b'{"response":"a"}\n\n{"response":"b"}\r\n{"done":true}'
    reader = LineReader()
    events = [e for i in range(0, len(body), size) for e in reader.feed(body[i : i + size])] + reader.end()
    assert [event.data.strip() for event in events] == ['{"response":"a"}', '{"response":"b"}', '{"done":true}']
    assert reader.end() == []


def test_a_whole_body_is_read_at_its_end_and_once():
    reader = WholeReader()
    assert reader.feed(b'{"a"') == reader.feed(b": 1}") == []
    assert [event.data for event in reader.end()] == ['{"a": 1}']


@pytest.mark.parametrize(
    ("protocol", "body", "error"),
    [
        ("gemini", b'{"candidates":[{"finishReason":"MAX_TOKENS"}]}', ""),  # all its tokens went into thinking
        ("gemini", b'{"candidates":[]}', "wrong_content"),
        ("gemini", BAD_KEY, "authentication"),
        ("gemini", b'{"candidates":"nonsense"}', "wrong_content"),
        ("deepl", b'{"translations":[]}', "wrong_content"),
        ("deepl", b'{"translations":[{"text":""}]}', "wrong_content"),
        ("ollama", b'{"response":"","thinking":"hm","done":false}\n{"done":true}', ""),
        ("ollama", b'{"error":"model requires more system memory"}', "server_error"),
    ],
)
def test_what_counts_as_a_word_and_what_as_none(protocol, body, error):
    tally = Tally(DIALECTS[protocol])
    tally.feed(body, 1.0)
    tally.end(2.0)
    assert tally.error == error
    assert tally.is_whole is (tally.first_token_ms is not None) is (error == "")
