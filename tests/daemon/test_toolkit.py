"""The backup toolkit put to the test, before a provider on loopback and with no source switched on."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.toolkit import try_backups
from stillup.kit.toolkit import Toolkit
from stillup.model.service import Capability
from stillup.registry import usable_sources

KEY = "dummy-key-of-mine"
HEADERS = {"anthropic": "x-api-key", "openai": "authorization", "gemini": "x-goog-api-key"}
PATHS = {"anthropic": "/v1/models", "openai": "/models", "gemini": "/v1beta/models"}
NOWHERE = dict.fromkeys(("OLLAMA_HOST", "LM_STUDIO_API_BASE", "STILLUP_OFFLINE_URL"), "http://127.0.0.1:9")


@contextmanager
def provider(status):
    """Lists its models with one status; gives its address and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers.items())))
            body = b'{"data": []}'
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def config_of(folder, url, protocol="openai"):
    off = "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in usable_sources())
    return parse_config(f"""data = {json.dumps(str(folder))}
{off}
[[gateway.upstreams]]
id = "second"
protocol = "{protocol}"
base_url = "{url}"
key_env = "SECOND_KEY"
service = "chatgpt"
""")


async def tried(config, *services, key=KEY):
    toolkit = Toolkit().with_choice(Capability.CODING, services)
    toolkit = await try_backups(toolkit, config, NOWHERE | {"SECOND_KEY": key}, SystemClock())
    return [backup.trial for backup in toolkit.tasks[Capability.CODING]]


@pytest.mark.parametrize("protocol", PATHS)
async def test_a_key_is_tried_by_a_question_that_costs_nothing(tmp_path, protocol):
    with provider(200) as (url, asked):
        (trial,) = await tried(config_of(tmp_path, url, protocol), "chatgpt")
    assert trial.works
    assert trial.says == "unknown; second takes your key"
    ((path, headers),) = asked
    assert path == PATHS[protocol]
    assert KEY in headers[next(name for name in headers if name.lower() == HEADERS[protocol])]


@pytest.mark.parametrize(
    ("status", "works", "says"),
    [(401, False, "second refuses your key (401)"), (403, False, "refuses your key"), (500, None, "status 500")],
)
async def test_what_a_provider_says_to_a_key_is_told(tmp_path, status, works, says):
    with provider(status) as (url, _):
        (trial,) = await tried(config_of(tmp_path, url), "chatgpt")
    assert trial.works is works
    assert says in trial.says
    assert KEY not in trial.says


async def test_one_that_cannot_be_reached_does_not_work(tmp_path):
    (trial,) = await tried(config_of(tmp_path, "http://127.0.0.1:9"), "chatgpt")
    assert trial.works is False
    assert "cannot be reached" in trial.says


async def test_the_token_of_a_subscription_is_never_tried(tmp_path):
    with provider(200) as (url, asked):
        (trial,) = await tried(config_of(tmp_path, url, "anthropic"), "chatgpt", key="sk-ant-oat01-dummy")
    assert asked == []
    assert trial.works is None


async def test_others_are_said_to_be_reached_by_hand_and_a_local_model_is_looked_for(tmp_path):
    gemini, local = await tried(config_of(tmp_path, "http://127.0.0.1:9"), "gemini", "local")
    assert gemini.works is None
    assert "by hand at https://" in gemini.says
    assert local.works is False
    assert local.says == "no model answers here"
