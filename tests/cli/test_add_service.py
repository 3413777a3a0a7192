"""A service that the catalogue does not have: drafted from its status page, and asked for at once."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import msgspec
import pytest

from stillup.catalog.draft import Draft, Part, draft_text, slug
from stillup.catalog.load import read_service
from stillup.cli.add_service import _write
from stillup.errors import BadDataError
from stillup.testing import Head, http, serving

PAGE = {
    "page": {"id": "p", "name": "Example AI"},
    "components": [
        {"id": "g1", "name": "Group", "status": "operational", "group": True},
        {"id": "c1", "name": "API", "status": "operational", "group_id": "g1"},
        {"id": "c2", "name": "Web \u202eapp\x1b[31m", "status": "major_outage"},
        {"id": "c3", "name": "API", "status": "operational"},
    ],
    "incidents": [],
}


@contextmanager
def page(body):
    """A status page on loopback, served from a thread of its own while the command runs."""
    started, ended, where = threading.Event(), threading.Event(), []

    async def script(head: Head, writer: asyncio.StreamWriter) -> None:
        known = head.target == "/api/v2/summary.json" and body is not None
        writer.write(http(200, json.dumps(body).encode()) if known else http(404))

    async def serve():
        async with serving(script) as server:
            where.append(server.url().rstrip("/"))
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(10)
    try:
        yield where[0]
    finally:
        ended.set()
        thread.join(10)


@pytest.fixture
def stillup(tmp_path):
    def run(*args):
        env = {k: v for k, v in os.environ.items() if not k.startswith("STILLUP_")}
        env |= {"STILLUP_CATALOG": str(tmp_path / "services"), "STILLUP_HOME": str(tmp_path / "data")}
        env |= {"HOME": str(tmp_path), "NO_COLOR": "1"}
        return subprocess.run(
            [sys.executable, "-m", "stillup", *args], capture_output=True, text=True, env=env, check=False, timeout=60
        )

    return run


def test_a_draft_is_written_from_the_page_and_answers_at_once(stillup, tmp_path):
    with page(PAGE) as url:
        done = stillup("add-service", "Example AI", "--status-page", f"{url}/")
        assert done.returncode == 0, done.stderr
        assert "3 components" in done.stdout
        assert "made by statuspage" in done.stdout
        service = read_service(tmp_path / "services" / "example-ai.toml")
        assert service.sources["statuspage"].url == url
        assert [(c.id, c.page_ids) for c in service.components] == [
            ("api", ("c1",)), ("web-app-31m", ("c2",)), ("api-2", ("c3",)),
        ]  # fmt: skip
        assert all(c.name.isprintable() for c in service.components)
        asked = stillup("example-ai", "--json")
        assert asked.returncode == 2, asked.stderr
        assert json.loads(asked.stdout)["state"] == "partial_outage"


def test_what_is_there_is_not_written_over_unless_told(stillup, tmp_path):
    with page(PAGE) as url:
        assert stillup("add-service", "Example AI", "--status-page", url).returncode == 0
        file = tmp_path / "services" / "example-ai.toml"
        file.write_text(file.read_text() + "# mine\n")
        refused = stillup("add-service", "Example AI", "--status-page", url)
        assert refused.returncode == 64
        assert "is there already" in refused.stderr
        assert "# mine" in file.read_text()
        shown = stillup("add-service", "Example AI", "--status-page", url, "--print")
        assert shown.stdout.startswith("# A draft")
        assert stillup("add-service", "Example AI", "--status-page", url, "--force").returncode == 0
        assert "# mine" not in file.read_text()


def test_a_page_that_nobody_knows_is_told_in_one_sentence_and_nothing_is_written(stillup, tmp_path):
    with page(None) as url:
        done = stillup("add-service", "Example", "--status-page", url)
    assert done.returncode != 0
    assert "no status page software that is known here answers at 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "services").exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["…", "--status-page", "https://status.example"], "cannot be a service's name"),
        (["Example", "--status-page", "status.example"], "--status-page"),
        (["Example", "--status-page", "http://status.example"], "allowed: https://"),
        (["Example", "--status-page", "https://me:pw@status.example"], "allowed: https://"),
        (["Example", "--status-page", "https://status.example", "--home", "ftp://x"], "--home"),
        (["Example"], "--status-page"),
    ],
)
def test_bad_usage_is_64_and_says_what_is_allowed(args, says, stillup):
    done = stillup("add-service", *args)
    assert done.returncode == 64
    assert says in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id = 3", "mine.toml"),
        ('id = "other"\nname = "O"\nvendor = "O"\nhome = "https://o.example"\n', "allowed: the file's own name"),
        ('id = "mine"\nname = "O"\nvendor = "O"\nhome = "https://o.example"\nbogus = 1\n', "bogus"),
        ("[[[", "mine.toml"),
    ],
)
def test_a_broken_file_of_ones_own_is_named_with_what_is_wrong(text, says, stillup, tmp_path):
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "mine.toml").write_text(text)
    done = stillup("claude", "--json")
    assert done.returncode == 65
    assert says in done.stderr
    assert "mend the file or take it away" in done.stderr


def test_a_file_of_ones_own_stands_for_the_shipped_service_of_that_name(stillup, tmp_path):
    (tmp_path / "services").mkdir()
    own = 'id = "claude"\nname = "My Claude"\nvendor = "V"\nhome = "https://127.0.0.1"\n'
    (tmp_path / "services" / "claude.toml").write_text(own)
    done = stillup("claude", "--json")
    assert "My Claude" in done.stdout or done.returncode == 3, done.stderr


def test_a_draft_that_would_not_be_read_again_is_not_written(tmp_path):
    """One file that cannot be read stops every command, so none is left behind."""
    target = tmp_path / "services" / "evil.toml"
    with pytest.raises(BadDataError, match=r"evil\.toml"):
        _write(target, "# a line with \x1b in it\n")
    assert not target.parent.exists()


def test_rows_whose_names_look_like_numbered_ones_stay_apart():
    parts = [Part("1", "API"), Part("2", "API"), Part("3", "API 2"), Part("4", "API-2")]
    draft = Draft(name="X", home="", platform="statuspage", page_url="https://s.example", parts=parts)
    components = msgspec.toml.decode(draft_text(draft))["components"]
    assert len({c["id"] for c in components}) == 4


@pytest.mark.parametrize("name", ["top", "ALL", "Add service"])
def test_a_name_that_means_something_else_already_is_refused(stillup, name):
    done = stillup("add-service", name, "--status-page", "https://status.example.org")
    assert done.returncode == 64
    assert "means something else already" in done.stderr


def test_a_page_that_nobody_knows_is_no_error_of_ours_and_a_feed_is_hinted_at(stillup, tmp_path):
    with page(None) as url:
        done = stillup("add-service", "Example AI", "--status-page", url)
    assert done.returncode == 65
    assert "no status page software that is known here" in done.stderr
    assert "feed" in done.stderr
    gone = stillup("add-service", "Example AI", "--status-page", url)
    assert gone.returncode == 65
    assert "nothing is written" in gone.stderr
    assert not (tmp_path / "services").exists()


def test_letters_with_accents_are_kept_as_letters():
    assert slug("Überdienst Café") == "uberdienst-cafe"


def test_only_a_service_that_ships_is_said_to_be_stood_for(stillup):
    with page(PAGE) as url:
        assert "stands for" not in stillup("add-service", "Example AI", "--status-page", url).stdout
        assert "stands for" not in stillup("add-service", "Example AI", "--status-page", url, "--force").stdout
        assert "stands for" in stillup("add-service", "Claude", "--status-page", url).stdout
