"""The providers whose protocols are no model maker's: DeepL, Ollama and llama.cpp, in health and failing."""

from __future__ import annotations

import msgspec
import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.call import read_call
from stillup.sim.provider_server import ProviderServer

KEY = {"authorization": "DeepL-Auth-Key dummy:fx"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
PROMPT = {"model": "m", "prompt": "Hello"}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}


@pytest.fixture
async def deepl():
    async with ProviderServer("A", vendor="deepl") as server:
        server.set(Behaviour(needs_key=True))
        yield server


@pytest.fixture
async def ollama():
    async with ProviderServer("A", vendor="ollama") as server:
        yield server


@pytest.fixture
async def llamacpp():
    async with ProviderServer("A", vendor="llamacpp") as server:
        yield server


async def post(client, url: str, body: object, **more):
    async with client.post(url, json=body, **more) as answer:
        return answer.status, await answer.read(), answer.headers


async def get(client, url: str, **more):
    async with client.get(url, **more) as answer:
        return answer.status, await answer.json()


def lines(body: bytes) -> list[dict]:
    return [msgspec.json.decode(line) for line in body.splitlines()]


@pytest.mark.parametrize("as_form", [False, True])
async def test_deepl_translates_each_text_it_is_given_as_json_or_as_a_form(client, deepl, as_form):
    fields = [("text", "Hello"), ("text", "World"), ("target_lang", "DE")]
    sent = {"data": fields} if as_form else {"json": {"text": ["Hello", "World"], "target_lang": "DE"}}
    async with client.post(f"{deepl.url}/v2/translate", headers=KEY, **sent) as answer:
        rows = (await answer.json())["translations"]
    assert [set(row) for row in rows] == [{"detected_source_language", "text"}] * 2
    assert rows[0]["text"].startswith("A0 A1")


async def test_deepl_tells_what_is_used_and_into_what_it_translates(client, deepl):
    deepl.set(Behaviour(left=0.25))
    usage = {"character_count": 375_000, "character_limit": 500_000}
    assert await get(client, f"{deepl.url}/v2/usage", headers=KEY) == (200, usage)
    _, languages = await get(client, f"{deepl.url}/v2/languages", headers=KEY)
    assert {"language", "name", "supports_formality"} == set(languages[0])


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (403, "authentication key"),
        (413, "exceeded the supported limit"),
        (429, "Too many requests"),
        (456, "Quota Exceeded"),
        (500, "Internal server error"),
        (503, "Temporary service outage"),
        (529, "High load"),
    ],
)
async def test_deepl_says_what_is_wrong_in_one_message(client, deepl, status, says):
    deepl.set(Behaviour(failure=Failure.STATUS, status=status))
    found, body, headers = await post(client, f"{deepl.url}/v2/translate", {"text": ["a"], "target_lang": "DE"})
    told = msgspec.json.decode(body)
    assert (found, set(told), says in told["message"], "X-Trace-ID" in headers) == (status, {"message"}, True, True)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"text": ["a"], "target_lang": "DE"}, {}, 403),
        ({"text": ["a"]}, KEY, 400),
        ({"target_lang": "DE"}, KEY, 400),
        ({"text": [], "target_lang": "DE"}, KEY, 400),
    ],
)
async def test_deepl_refuses_a_missing_key_with_403_and_a_missing_parameter_with_400(
    client, deepl, body, headers, status
):
    found, said, _ = await post(client, f"{deepl.url}/v2/translate", body, headers=headers)
    assert (found, set(msgspec.json.decode(said))) == (status, {"message"})


@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/api/generate", PROMPT)])
async def test_ollama_streams_lines_by_itself_and_the_last_is_done(client, ollama, path, body):
    _, said, headers = await post(client, ollama.url + path, body)
    rows = lines(said)
    assert headers["Content-Type"] == "application/x-ndjson"
    assert [row["done"] for row in rows] == [False] * 10 + [True]
    words = (row["response"] if "response" in row else row["message"]["content"] for row in rows)
    assert "".join(words).split()[:2] == ["A0", "A1"]
    assert (rows[-1]["done_reason"], rows[-1]["eval_count"]) == ("stop", 10)


@pytest.mark.parametrize(("path", "body"), [("/api/chat", CHAT), ("/api/generate", PROMPT)])
async def test_ollama_answers_whole_where_it_is_asked_to(client, ollama, path, body):
    _, said, _ = await post(client, ollama.url + path, body | {"stream": False, "options": {"num_predict": 3}})
    answer = msgspec.json.decode(said)
    assert (answer["done"], answer["done_reason"], answer["eval_count"]) == (True, "length", 3)


async def test_ollama_without_a_question_only_loads_the_model(client, ollama):
    _, said, _ = await post(client, f"{ollama.url}/api/generate", {"model": "m"})
    assert (msgspec.json.decode(said)["done_reason"], msgspec.json.decode(said)["response"]) == ("load", "")


async def test_ollama_calls_a_tool_in_one_piece(client, ollama):
    _, said, _ = await post(client, f"{ollama.url}/api/chat", CHAT | {"tools": [WEATHER]})
    first = lines(said)[0]["message"]["tool_calls"][0]["function"]
    assert first == {"name": "get_weather", "arguments": {"location": "Paris"}}


async def test_ollamas_error_comes_with_200_and_no_line_is_done_after_it(client, ollama):
    ollama.set(Behaviour(failure=Failure.ERROR_EVENT, after=2))
    status, said, _ = await post(client, f"{ollama.url}/api/chat", CHAT)
    rows = lines(said)
    assert (status, len(rows), list(rows[-1])) == (200, 3, ["error"])
    assert rows[-1]["error"] == "an error was encountered while running the model"
    assert not any(row.get("done") for row in rows)


@pytest.mark.parametrize(
    ("failure", "last"),
    [(Failure.NO_END, {"done": False}), (Failure.ENDS_EARLY, {"done": False}), (Failure.MALFORMED, {"done": True})],
)
async def test_ollamas_stream_can_end_without_its_last_line_and_break_inside_one(client, ollama, failure, last):
    ollama.set(Behaviour(failure=failure, after=2))
    _, said, _ = await post(client, f"{ollama.url}/api/chat", CHAT)
    assert msgspec.json.decode(said.splitlines()[-1])["done"] is last["done"]
    broken = [line for line in said.splitlines() if not line.endswith(b"}")]
    assert len(broken) == (failure is Failure.MALFORMED)


@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [
        (404, Reason.PLAIN, "not found"),
        (503, Reason.PLAIN, "maximum pending requests"),
        (500, Reason.LOADING, "waiting for llama runner"),
    ],
)
async def test_ollama_says_what_is_wrong_in_one_string(client, ollama, status, reason, says):
    ollama.set(Behaviour(failure=Failure.STATUS, status=status, reason=reason))
    found, said, _ = await post(client, f"{ollama.url}/api/generate", PROMPT)
    assert (found, says in msgspec.json.decode(said)["error"]) == (status, True)


async def test_ollama_tells_its_version_its_models_and_what_it_knows_of_one(client, ollama):
    assert set((await get(client, f"{ollama.url}/api/version"))[1]) == {"version"}
    for path in ("tags", "ps"):
        _, listed = await get(client, f"{ollama.url}/api/{path}")
        assert listed["models"][0]["name"] == "llama-simulated:latest"
    _, shown, _ = await post(client, f"{ollama.url}/api/show", {"model": "m"})
    assert {"details", "model_info", "parameters"} <= set(msgspec.json.decode(shown))
    _, vectors, _ = await post(client, f"{ollama.url}/api/embed", {"model": "m", "input": ["a", "b"]})
    assert len(msgspec.json.decode(vectors)["embeddings"]) == 2


async def test_ollama_wants_no_key(client, ollama):
    ollama.set(Behaviour(needs_key=True))
    assert (await post(client, f"{ollama.url}/api/generate", PROMPT))[0] == 200


async def test_llama_cpp_loads_its_model_for_a_while_and_then_is_well(client, llamacpp):
    llamacpp.script([Behaviour(failure=Failure.STATUS, status=503, reason=Reason.LOADING)])
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    assert await get(client, f"{llamacpp.url}/health") == (503, loading)
    assert await get(client, f"{llamacpp.url}/health") == (200, {"status": "ok"})
    assert (await get(client, f"{llamacpp.url}/props"))[1]["total_slots"] == 1


async def test_llama_cpp_completes_whole_and_in_events_of_which_the_last_says_stop(client, llamacpp):
    _, said, _ = await post(client, f"{llamacpp.url}/completion", {"prompt": "Hello", "n_predict": 3})
    whole = msgspec.json.decode(said)
    assert (whole["content"], whole["stop"], whole["stop_type"]) == ("A0 A1 A2 ", True, "limit")
    _, said, _ = await post(client, f"{llamacpp.url}/completion", {"prompt": "Hello", "stream": True})
    events = [msgspec.json.decode(event.removeprefix(b"data: ")) for event in said.split(b"\n\n") if event]
    assert [event["stop"] for event in events] == [False] * 10 + [True]


async def test_llama_cpps_error_inside_a_stream_has_its_status_in_it(client, llamacpp):
    llamacpp.set(Behaviour(failure=Failure.ERROR_EVENT, status=500, after=1))
    _, said, _ = await post(client, f"{llamacpp.url}/completion", {"prompt": "Hello", "stream": True})
    assert said.endswith(b'data: {"error":{"code":500,"message":"Compute error.","type":"server_error"}}\n\n')


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions"])
async def test_both_local_servers_speak_openais_protocol_too(client, ollama, llamacpp, path):
    for server in (ollama, llamacpp):
        if path.endswith("models"):
            assert (await get(client, server.url + path))[1]["object"] == "list"
        else:
            assert (await post(client, server.url + path, CHAT))[0] == 200


async def test_what_stands_nowhere_is_refused_in_the_vendors_own_words(client, deepl):
    deepl.set()
    status, told = await get(client, f"{deepl.url}/v2/nothing")
    assert (status, set(told)) == (404, {"message"})


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/show"])
def test_ollamas_requests_name_a_model(path):
    assert read_call("POST", path, {}, b"{}").problem == "model: Field required"


@pytest.mark.parametrize("body", [b"\xff=%zz&text", b"", b"text=a"])
def test_a_broken_form_is_a_wrong_request(body):
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert "missing" in read_call("POST", "/v2/translate", form, body).problem
