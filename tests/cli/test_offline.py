"""``stillup offline`` on a machine with a local model, and on one without."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from stillup.cli.main import run

NOWHERE = "http://127.0.0.1:9"
LOCAL = ("OLLAMA_HOST", "LM_STUDIO_API_BASE", "LLAMACPP_BASE_URL", "VLLM_BASE_URL", "STILLUP_OFFLINE_URL")


@contextmanager
def model_server(says="Hello.", status=200):
    """Something that speaks as local model servers do."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._give({"data": [{"id": "tiny"}]})

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self._give({"choices": [{"message": {"content": says}}]}, status)

        def _give(self, what, code=200):
            body = json.dumps(what).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def offline(tmp_path, monkeypatch, capsys):
    """Runs the command where no local model answers unless a test says so."""
    for name in LOCAL:
        monkeypatch.setenv(name, NOWHERE)
    config = tmp_path / "stillup.toml"

    def ask(*arguments, more=""):
        config.write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n{more}")
        code = run(["offline", *arguments, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def points(out):
    told = json.loads(out)
    return told["ready"], {point["id"]: point for point in told["points"]}


def test_without_a_local_model_it_says_what_to_prepare(offline):
    code, out, _ = offline("check")
    assert code == 1
    assert "✗ A model on this machine: no model server answers here" in out
    assert "stillup offline install" in " ".join(out.split())
    assert "✓ Prompts and templates" in out


def test_with_a_model_a_kit_and_conversations_all_is_ready(offline, monkeypatch, tmp_path):
    (tmp_path / "data" / "journal").mkdir(parents=True)
    (tmp_path / "data" / "journal" / "x.jsonl").write_text("{}")
    with model_server() as address:
        monkeypatch.setenv("LLAMACPP_BASE_URL", address)
        code, out, _ = offline("check", "--json")
        asked = points(offline("check", "--ask", "--json")[1])[1]["model"]
    ready, found = points(out)
    assert (code, ready) == (0, True)
    assert found["model"]["says"] == f"llama.cpp at {address} (tiny)"
    assert "answered after" in asked["says"]
    assert found["chain"]["works"]
    assert not found["own_prompts"]["works"], "advice alone decides nothing"


def test_a_server_that_lists_a_model_and_does_not_answer_is_told_apart(offline, monkeypatch):
    with model_server(says="", status=500) as address:
        monkeypatch.setenv("LLAMACPP_BASE_URL", address)
        _, out, _ = offline("check", "--ask", "--json")
    model = points(out)[1]["model"]
    assert not model["works"]
    assert "it answered a question with status 500" in model["says"]


@pytest.mark.parametrize(("chain", "works"), [('"far"', False), ('"far", "here/tiny"', True)])
def test_the_routes_of_a_configuration_have_to_end_on_this_machine(offline, chain, works):
    more = f"""
[[gateway.upstreams]]
id = "far"
protocol = "openai"
base_url = "https://far.example/v1"
[[gateway.upstreams]]
id = "here"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
[[gateway.routes]]
match = "gpt*"
chain = [{chain}]
"""
    found = points(offline("check", "--json", more=more)[1])[1]["chain"]
    assert found["works"] is works
    assert works or found["says"] == "routes without it: gpt*"


def test_backups_that_were_not_tested_of_late_are_said_to_be_so(offline, tmp_path):
    from datetime import UTC, datetime, timedelta

    from stillup.kit.toolkit import Toolkit, Trial, save_toolkit
    from stillup.model.service import Capability

    def backups(age):
        trial = Trial(at=datetime.now(UTC) - age, works=True, says="operational")
        kit = Toolkit().with_choice(Capability.CODING, ["chatgpt"]).with_trials({"chatgpt": trial})
        save_toolkit(tmp_path / "data" / "toolkit.json", kit)
        return points(offline("check", "--json")[1])[1]["backups"]

    assert backups(timedelta(days=1))["works"]
    old = backups(timedelta(days=40))
    assert (old["works"], old["needed"], old["todo"]) == (False, False, "`stillup alternatives --test`")


def test_nothing_is_set_up_unasked(offline, tmp_path):
    code, _, err = offline("install")
    assert code == 64
    assert "nobody is there to be asked" in err
    assert "It is small (135 million parameters)" in err
    assert not (tmp_path / "data").exists()


def test_the_commands_can_be_read_instead(offline, tmp_path):
    code, out, _ = offline("install", "--print")
    assert code == 0
    assert out.splitlines()[0].endswith(f"-m venv {tmp_path / 'data' / 'offline' / 'env'}")
    assert "--require-hashes" in out.splitlines()[1]
    assert not (tmp_path / "data").exists()


def test_what_is_not_set_up_cannot_be_served(offline):
    code, _, err = offline("serve", "--port", "0")
    assert code == 64
    assert "stillup offline install" in err


def test_whether_an_outage_was_practised_is_advice_and_stands_in_the_list(offline):
    code, out, _ = offline("check", "--json")
    _, found = points(out)
    assert (found["practice"]["works"], found["practice"]["needed"]) == (False, False)
    assert found["practice"]["says"] == "no outage has been practised yet"
    assert "stillup drill plan" in found["practice"]["todo"]
    _, out, _ = offline("check", "--json", more="[drill]\nremind_days = 0\n")
    assert "practice" not in points(out)[1]
    assert code == 1
