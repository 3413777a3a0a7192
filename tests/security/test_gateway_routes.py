"""Who may ask what of the gateway: one rule for each path there is, and none without a rule."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stillup.gateway
from stillup.gateway.dialects import paths
from stillup.gateway.own import HEALTH_PATHS
from tests.gateway.app.conftest import CLIENTS_KEY, KEYS, Client

ANN, BOB = "dummy-token-of-ann-0123456789", "dummy-token-of-bob-0123456789"
ENVIRON = KEYS | {"ANN": ANN, "BOB": BOB}
USERS = """
listen = "{listen}:0"
[[gateway.users]]
id = "ann"
token_env = "ANN"
[[gateway.users]]
id = "bob"
token_env = "BOB"
"""
HERE, BEYOND = USERS.format(listen="127.0.0.1"), USERS.format(listen="0.0.0.0")

OPEN = {"/", "/healthz", "/readyz", "/api/hello"}
"""Anybody may ask these, wherever from: they say that it is alive, and nothing else."""
OWN = {"/metrics", "/stillup/status", "/stillup/models", "/stillup/fault", "/stillup/later"}
"""With users, each of them with a token; on loopback without users, programs of this machine, and no web page."""
BELOW = {"/stillup/later/run", "/stillup/later/abc", "/stillup/later/abc/run", "/stillup/later/abc/state"}
NO_EDITOR = {path for path in OWN | BELOW if path.startswith(("/stillup/fault", "/stillup/later"))}
"""What orders something: not even an editor's own pages may."""
NAMED = {
    "/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent", "/v1beta/models/m:countTokens",
    "/v1/models/m:generateContent", "/openai/deployments/m/chat/completions", "/v1/responses/resp_1",
    "/v1/responses/resp_1/cancel", "/v1/responses/resp_1/input_items", "/models/m",
}  # fmt: skip
UNKNOWN = {"/stillup", "/stillup/", "/stillup/nothing", "/v1/files", "/admin", "/..", "//v1/messages"}
MODELS = set(paths._STATIC) | NAMED
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
BODY = b'{"model":"m","messages":[],"max_tokens":1,"input":"x"}'


def literal_paths() -> set[str]:
    """Every path that the gateway's sources name as its own."""
    folder = Path(stillup.gateway.__file__).parent
    found: set[str] = set()
    for source in folder.rglob("*.py"):
        tree = ast.parse(source.read_text())
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        found |= {t for t in texts if t.startswith("/stillup") or t in ("/metrics", "/healthz", "/readyz")}
    return found


def test_every_path_of_the_gateways_own_has_a_rule():
    assert set(HEALTH_PATHS) == OPEN
    assert literal_paths() <= OPEN | OWN


async def statuses(gateway, path, headers=(), methods=METHODS, host=None):
    """By method; of whatever is asked there, a body that any protocol may bring."""
    told = {}
    host = f"localhost:{gateway.port}" if host is None else host
    for method in methods:
        body = BODY if method in ("POST", "PUT") else b""
        lines = [*headers, ("content-type", "application/json")] if body else headers
        told[method] = (await Client(gateway).send(method, path, lines, body, host=host)).status
    return told


@pytest.mark.parametrize("more", [HERE, BEYOND], ids=["loopback", "beyond"])
async def test_with_users_nobody_comes_in_without_a_token_but_to_ask_whether_it_lives(a, start, more):
    gateway = await start(a, more=more, environ=ENVIRON, later=True)
    for path in sorted(OWN | BELOW | MODELS | UNKNOWN):
        assert set((await statuses(gateway, path)).values()) == {401}, path
        wrong = [("authorization", f"Bearer {ANN}x"), ("x-api-key", CLIENTS_KEY)]
        assert set((await statuses(gateway, path, wrong, ("GET", "POST"))).values()) == {401}, path
    for path in OPEN:
        told = await statuses(gateway, path, methods=("GET", "HEAD", "POST", "DELETE"))
        assert (told.pop("GET"), told.pop("HEAD")) == (200, 200)
        assert set(told.values()) == {401}
    assert a.counts.requests == 0


async def test_a_token_opens_what_every_user_may_ask(a, start):
    gateway = await start(a, more=BEYOND, environ=ENVIRON, later=True)
    for path in sorted(OWN):
        assert (await Client(gateway).send("GET", path, [("x-stillup-token", ANN)])).status == 200, path


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.5", "localhost@evil.example", ""],
)
async def test_a_name_that_strangers_point_at_this_machine_is_answered_by_no_path_that_says_anything(a, start, host):
    gateway = await start(a, later=True)
    for path in sorted(OWN | BELOW | MODELS | UNKNOWN):
        told = await statuses(gateway, path, (), ("GET", "POST", "DELETE", "OPTIONS"), host)
        assert set(told.values()) <= {400, 403}, (path, told)
    assert a.counts.requests == 0


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://127.0.0.1:1")],
        [("origin", "http://localhost")],
        [("origin", "vscode-webview.evil.example")],
        [("origin", "https://vscode-webview")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("origin", "https://evil.example"), ("origin", "vscode-webview://x")],
    ],
    ids=repr,
)
async def test_no_web_page_asks_the_gateway_anything(a, start, headers):
    gateway = await start(a, later=True)
    for path in sorted(OWN | BELOW | MODELS):
        told = await statuses(gateway, path, headers, ("GET", "POST", "DELETE", "OPTIONS"))
        assert set(told.values()) == {403}, (path, told)
    assert a.counts.requests == 0


async def test_an_editors_pages_may_talk_to_models_and_order_nothing(a, start):
    gateway = await start(a, later=True)
    origin = [("origin", "vscode-webview://1a2b")]
    for path in sorted(NO_EDITOR):
        assert set((await statuses(gateway, path, origin, ("GET", "POST", "DELETE"))).values()) == {403}, path
    assert (await Client(gateway).send("GET", "/stillup/models", origin)).status == 200


async def test_no_answer_lets_a_web_page_read_it(a, start):
    gateway = await start(a)
    for path in sorted(OPEN | OWN | MODELS):
        for method in ("GET", "POST", "OPTIONS"):
            reply = await Client(gateway).send(method, path, body=BODY if method == "POST" else b"")
            names = {name.decode().lower() for name, _ in reply.headers}
            assert not {name for name in names if name.startswith("access-control-")}, path


async def test_a_drill_is_begun_by_those_users_only_who_may(a, start):
    gateway = await start(a, more=f'drill_users = ["ann"]\n{BEYOND.strip()}', environ=ENVIRON)
    order = b'{"upstream":"a-anthropic","mode":"hang","for_s":60}'
    client, path = Client(gateway), "/stillup/fault"
    assert (await client.send("POST", path, [("x-stillup-token", BOB)], order)).status == 403
    assert (await client.send("POST", path, [("x-stillup-token", ANN)], order)).status == 200
    assert (await client.send("DELETE", path, [("x-stillup-token", BOB)])).status == 403
    assert (await client.send("DELETE", path, [("x-stillup-token", ANN)])).status == 200
