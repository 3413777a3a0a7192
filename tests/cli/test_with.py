"""``stillup with``: a program runs with its requests going through the gateway, and nothing of ours in its way."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stillup.cli.gateway.address import is_gateway
from stillup.cli.gateway.child import run_child
from stillup.cli.gateway.hold import hold, let_go
from stillup.cli.gateway.with_ import with_arguments, with_variables

URL = "http://127.0.0.1:8790"
SHOW = "import json,os,sys; print(json.dumps({'env': dict(os.environ), 'argv': sys.argv[1:]}))"


class Healthy(BaseHTTPRequestHandler):
    """Answers as a running gateway does when it is asked whether it is alive."""

    body = b'{"status":"ok","service":"stillup gateway"}'

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def running() -> Iterator[int]:
    """The port of something that says it is a running gateway."""
    with listening(Healthy) as port:
        yield port


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def config(folder: Path, port: int, more: str = "") -> str:
    path = folder / "stillup.toml"
    path.write_text(f'data = "{folder / "data"}"\n[gateway]\nlisten = "127.0.0.1:{port}"\n{more}')
    return str(path)


def with_(path: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stillup", "with", "--config", path, "--", *words],
        capture_output=True, text=True, env={**os.environ, **environ}, timeout=60, check=False,
    )  # fmt: skip


# --- what a program gets


def test_a_program_gets_every_sdks_base_url_and_keeps_the_rest():
    environ = with_variables({"ANTHROPIC_API_KEY": "dummy", "PATH": "/bin"}, URL, "python")
    assert environ == {
        "ANTHROPIC_API_KEY": "dummy",
        "PATH": "/bin",
        "ANTHROPIC_BASE_URL": URL,
        "OPENAI_BASE_URL": f"{URL}/v1",
        "OPENAI_API_BASE": f"{URL}/v1",
        "GOOGLE_GEMINI_BASE_URL": URL,
        "ANTHROPIC_HOST": URL,
        "OPENAI_HOST": URL,
    }


def test_a_client_that_is_known_gets_what_it_needs_besides():
    assert with_variables({}, URL, "/usr/local/bin/claude")["ENABLE_TOOL_SEARCH"] == "true"
    assert "ENABLE_TOOL_SEARCH" not in with_variables({}, URL, "python")


def test_a_program_that_reads_no_variable_is_told_by_its_own_option():
    told = with_arguments(("/opt/codex", "exec", "hi"), URL)
    assert told == ["/opt/codex", "-c", f'openai_base_url="{URL}/v1"', "exec", "hi"]
    assert with_arguments(("claude", "-p", "hi"), URL) == ["claude", "-p", "hi"]


def test_the_way_to_the_gateway_does_not_lead_through_a_proxy():
    environ = with_variables({"https_proxy": "http://proxy:1", "no_proxy": "a.example"}, URL, "python")
    assert environ["NO_PROXY"] == environ["no_proxy"] == "a.example,127.0.0.1"
    assert "NO_PROXY" not in with_variables({}, URL, "python")


def test_a_token_goes_the_ways_clients_have_for_it():
    environ = with_variables({"OPENAI_API_KEY": "mine"}, URL, "claude", "dummy-token")
    assert environ["ANTHROPIC_CUSTOM_HEADERS"] == "x-stillup-token: dummy-token"
    assert environ["OPENAI_API_KEY"] == "dummy-token"


# --- with a gateway that runs


def test_arguments_variables_and_output_are_the_programs_own(running: int, tmp_path: Path):
    done = with_(config(tmp_path, running), sys.executable, "-c", SHOW, "--json", "-x", "--config")
    told = json.loads(done.stdout)
    assert told["argv"] == ["--json", "-x", "--config"]
    assert told["env"]["ANTHROPIC_BASE_URL"] == f"http://127.0.0.1:{running}"
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_programs(running: int, tmp_path: Path, code: int):
    assert with_(config(tmp_path, running), sys.executable, "-c", f"raise SystemExit({code})").returncode == code


def test_a_program_that_is_not_there_is_127_as_in_a_shell(running: int, tmp_path: Path):
    done = with_(config(tmp_path, running), "no-such-program-at-all")
    assert done.returncode == 127
    assert "no-such-program-at-all: No such file" in done.stderr


def test_without_a_command_the_usage_is_said(tmp_path: Path):
    done = subprocess.run([sys.executable, "-m", "stillup", "with"], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert "COMMAND" in done.stderr


def test_a_gateway_with_users_wants_your_token(running: int, tmp_path: Path):
    path = config(tmp_path, running, '[[gateway.users]]\nid = "ann"\ntoken_env = "ANN"\n')
    without = {"STILLUP_TOKEN": "", "ANN": "dummy-token-of-ann"}
    assert "set STILLUP_TOKEN to yours" in with_(path, "true", **without).stderr
    done = with_(path, sys.executable, "-c", SHOW, STILLUP_TOKEN="dummy-token-of-ann")
    assert json.loads(done.stdout)["env"]["OPENAI_API_KEY"] == "dummy-token-of-ann"


class Other(Healthy):
    """Another program that listens there and is well."""

    body = b"ok"


def test_another_program_that_listens_there_is_not_taken_for_the_gateway_and_gets_no_keys(tmp_path: Path):
    with listening(Other) as port:
        done = with_(config(tmp_path, port), sys.executable, "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (69, "")
    assert "Address already in use" in done.stderr


# --- with a gateway that has to be started


def test_a_gateway_that_cannot_be_started_is_69_with_its_last_words(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()  # nobody answers there, and nobody may listen there either
        path = config(tmp_path, port, '[[gateway.users]]\nid = "ann"\ntoken_env = "NOT_SET"\n')
        done = with_(path, "true", STILLUP_TOKEN="dummy-token-of-ann")
    assert done.returncode == 69
    assert "the gateway does not start" in done.stderr
    assert (tmp_path / "data" / "gateway.log").stat().st_mode & 0o777 == 0o600


def test_a_gateway_is_started_for_the_programs_life_and_ended_after(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ask = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/healthz').status)"
    done = with_(config(tmp_path, port), sys.executable, "-c", f"{ask}; raise SystemExit(4)")
    assert (done.returncode, done.stdout.strip()) == (4, "200")
    assert f"no gateway runs at http://127.0.0.1:{port}; one runs until" in done.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_a_started_gateway_lives_until_the_last_program_that_came_to_it_ends(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = config(tmp_path, port)
    wait = [sys.executable, "-c", "print('here', flush=True); input()"]
    command = [sys.executable, "-m", "stillup", "with", "--config", path, "--"]
    asks = (
        f"import urllib.request as r; print('here', flush=True); input(); r.urlopen('http://127.0.0.1:{port}/healthz')"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    first = subprocess.Popen([*command, *wait], **pipes)
    assert first.stdout.readline()
    second = subprocess.Popen([*command, sys.executable, "-c", asks], **pipes)
    assert second.stdout.readline()

    first.communicate(b"\n")
    second.communicate(b"\n")

    assert (first.returncode, second.returncode) == (0, 0)
    while is_gateway(f"http://127.0.0.1:{port}"):
        let_go(hold(tmp_path / "data" / "gateway.lock"))  # the gateway's own while it ends


def test_a_log_that_cannot_be_written_is_said_and_the_program_runs(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = config(tmp_path, port)
    (tmp_path / "data" / "gateway.log").mkdir(parents=True)
    done = with_(path, sys.executable, "-c", "print('ran')")
    assert (done.returncode, done.stdout.strip()) == (0, "ran")
    assert "it runs without one" in done.stderr


# --- the foreground


def test_a_programs_end_by_a_signal_is_told_as_shells_do():
    assert run_child([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], os.environ) == 128 + 9


def test_a_program_that_may_not_be_run_is_126(tmp_path: Path, capsys):
    (tmp_path / "plain").write_text("no program")
    assert run_child([str(tmp_path / "plain")], os.environ) == 126


def test_a_signal_that_only_we_get_goes_on_to_the_program(tmp_path: Path):
    child = (
        "import os,signal,sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print(os.getpid(), flush=True)\n"
        "signal.pause()\n"
    )
    ours = (
        "import os,sys\n"
        "from stillup.cli.gateway.child import run_child\n"
        f"sys.exit(run_child([sys.executable, '-c', {child!r}], os.environ))\n"
    )
    with subprocess.Popen([sys.executable, "-c", ours], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the program is up and listens to signals
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 7
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
