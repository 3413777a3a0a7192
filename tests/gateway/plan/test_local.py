"""Model servers on this machine are found by what they answer, and nothing else is asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stillup.gateway.local import find_local

NOWHERE = {
    "OLLAMA_HOST": "127.0.0.1:9",
    "LM_STUDIO_API_BASE": "http://127.0.0.1:9",
    "STILLUP_OFFLINE_URL": "http://127.0.0.1:9",
}
"""The usual ports may be in use where the tests run: their servers are looked for where nobody listens."""


@contextmanager
def serving(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server with one answer; gives its origin and the paths it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def listing(*names: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in names]}).encode()


def test_a_server_is_found_with_its_models():
    with serving(200, listing("llama3.3:70b", "nomic-embed-text")) as (origin, asked):
        (found,) = find_local({**NOWHERE, "OLLAMA_HOST": origin})
    assert (found.provider, found.origin, found.models) == ("ollama", origin, ("llama3.3:70b", "nomic-embed-text"))
    assert asked == ["/v1/models"]


def test_servers_without_a_port_of_their_own_are_asked_only_where_a_variable_says():
    with serving(200, listing("my-model")) as (origin, _):
        (found,) = find_local({**NOWHERE, "VLLM_BASE_URL": f"{origin}/v1"})
    assert (found.provider, found.models) == ("vllm", ("my-model",))
    assert find_local(NOWHERE) == ()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"not found"),
        (200, b"<html>hello</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b'{"data": 3}'),
        (500, listing("m")),
    ],
)
def test_what_does_not_answer_as_a_model_server_is_none(status: int, body: bytes):
    with serving(status, body) as (origin, _):
        assert find_local({**NOWHERE, "OLLAMA_HOST": origin}) == ()


def test_a_server_without_models_is_one_all_the_same():
    with serving(200, b'{"object": "list", "data": []}') as (origin, _):
        (found,) = find_local({**NOWHERE, "OLLAMA_HOST": origin})
    assert found.models == ()


def test_names_too_long_or_empty_and_endless_lists_are_cut():
    with serving(200, listing("", "x" * 301, *(f"m{n}" for n in range(2_000)))) as (origin, _):
        (found,) = find_local({**NOWHERE, "OLLAMA_HOST": origin})
    assert found.models[0] == "m0"
    assert len(found.models) < 1_000


def test_a_server_that_accepts_and_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert find_local({**NOWHERE, "OLLAMA_HOST": f"127.0.0.1:{port}"}) == ()


def test_a_remote_server_that_a_variable_names_is_not_looked_up_over_tls_for_its_list():
    assert find_local({**NOWHERE, "OLLAMA_HOST": "https://gpu.invalid:8443"}) == ()
