"""What docs/cluster.md, docs/runbook.md and deploy/ tell people to do can be done."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stillup.cli.main import cli
from stillup.config import parse_config
from stillup.daemon.roles.running import watched
from tests.cluster.nats_server import program

ROOT = Path(__file__).parents[2]
DOCS, DEPLOY = ROOT / "docs", ROOT / "deploy"
PAGE = (DOCS / "cluster.md").read_text("utf-8")
RUNBOOK = (DOCS / "runbook.md").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text("utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
CONTAINER = (DEPLOY / "Containerfile").read_text("utf-8")
ROLES = ("monitor", "hub", "gateway", "web")


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_configuration_it_shows_is_taken(text):
    parse_config(text)


@pytest.mark.parametrize("key", sorted(set(re.findall(r"`((?:cluster|watchdog|gateway|store)\.[a-z_.]+)`", PAGE))))
def test_every_key_it_names_is_one(key):
    table = parse_config("")
    for name in key.split("."):
        table = getattr(table, name)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", PAGE + RUNBOOK)) - {"scale.md"}))
def test_every_file_it_links_to_is_there(link):
    assert (DOCS / link).exists()


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"^stillup .*|`stillup [a-z][^`]*`", PAGE + RUNBOOK, re.MULTILINE)))
)
def test_every_command_it_shows_is_one(line):
    words = line.strip("`").partition(" #")[0].split()[1:]
    path = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
    if path[0] in ("run", "doctor", "up"):
        path = path[:1]
    shown = CliRunner().invoke(cli, [*path, "--help"]).output
    assert "Usage:" in shown
    for option in re.findall(r"--[a-z-]+", line):
        assert option in shown


def configured(name, tmp_path):
    text = (DEPLOY / name).read_text("utf-8")
    for secret in set(re.findall(r"/run/secrets/(\w+)", text)):
        (tmp_path / secret).write_text("x" * 20)
        (tmp_path / secret).chmod(0o600)
    return parse_config(text.replace("/run/secrets", str(tmp_path)))


def test_the_configurations_of_the_containers_are_taken_with_their_secrets_and_are_of_one_cluster(tmp_path):
    config, gateway = configured("stillup.toml", tmp_path), configured("gateway.toml", tmp_path)
    assert [w for w in (*config.warnings, *gateway.warnings) if "unencrypted" not in w] == []
    assert config.cluster == gateway.cluster
    assert watched(config) == watched(gateway)
    for role in ROLES:
        assert getattr(config.cluster.expect, role) == COMPOSE["services"][role]["deploy"]["replicas"]
    servers = [f"nats://{name}:4222" for name in COMPOSE["services"] if name.startswith("nats-")]
    assert list(config.cluster.bus) == servers


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_given_the_secrets_that_its_configuration_names_and_no_other(role):
    service = COMPOSE["services"][role]
    (mounted,) = (v.partition(":")[0] for v in service["volumes"] if "stillup.toml" in v.partition(":")[2])
    named = set(re.findall(r"/run/secrets/(\w+)", (DEPLOY / mounted).read_text("utf-8")))
    assert set(service["secrets"]) == named
    assert role == "gateway" or not {s for s in named if s.endswith("_key")}, "what faces the public has no keys"


def test_prometheus_reads_a_token_that_no_other_user_has_to_own():
    told = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    files = {job["authorization"]["credentials_file"] for job in told["scrape_configs"]}
    (secret,) = COMPOSE["services"]["prometheus"]["secrets"]
    assert files == {f"/run/secrets/{secret}"}
    assert not any(secret in COMPOSE["services"][role]["secrets"] for role in ROLES)


def test_bus_and_database_are_reached_by_roles_alone():
    for name, service in COMPOSE["services"].items():
        is_behind = name == "postgres" or name.startswith("nats-")
        wanted = {"behind"} if is_behind else {"inside", "behind"} if name in ROLES else {"inside"}
        assert set(service["networks"]) == wanted, name


def test_every_secret_is_somebodys():
    given = {s for service in COMPOSE["services"].values() for s in service.get("secrets", ())}
    assert given == COMPOSE["secrets"].keys()


def test_every_file_and_volume_that_is_mounted_is_there():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_run_as_the_command_line_takes_it_and_may_write_nothing(role):
    service = COMPOSE["services"][role]
    words = [*re.findall(r'"(\w+)"', re.search(r"ENTRYPOINT (.*)", CONTAINER)[1]), *service["command"]]
    assert words[:3] == ["stillup", "run", role]
    assert set(re.findall(r"--[a-z-]+", " ".join(words))) <= set(
        re.findall(r"--[a-z-]+", CliRunner().invoke(cli, ["run", "--help"]).output)
    )
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_a_gateway_may_take_as_long_as_it_needs_to_drain():
    assert COMPOSE["services"]["gateway"]["stop_grace_period"] == "130s"  # drain_s 5 + grace_s 120, and a little


def test_what_the_image_copies_is_there_and_locked():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINER, re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []
    locked = (ROOT / "requirements" / "cluster.txt").read_text("utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for wanted in (*extras["cluster"], *extras["otel"]):
        name = re.match(r"[a-zA-Z0-9-]+", wanted)[0]
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name


def test_the_variables_of_the_image_are_keys_of_the_configuration():
    told = dict(re.findall(r"(STILLUP_[A-Z_]+)=([^\s\\]+)", CONTAINER))
    assert parse_config("", told).cluster.health == "0.0.0.0:8795"


def test_every_alert_has_its_heading_in_the_runbook():
    headings = re.findall("^## (.*)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in RULES:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor in anchors, rule["alert"]


def test_every_metric_of_an_alert_is_told_by_some_process():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "stillup").rglob("*.py"))
    for metric in {m for rule in RULES for m in re.findall(r"stillup_\w+", rule["expr"])}:
        assert f'"{metric}"' in source, metric


@pytest.mark.skipif(program() is None, reason="there is no nats-server here")
def test_nats_takes_its_configuration():
    told = subprocess.run(
        [program(), "-c", DEPLOY / "nats.conf", "-t"],
        env={"NAME": "nats-1", "BUS_PASSWORD": "secret"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr


UNIT = (DEPLOY / "systemd" / "stillup@.service").read_text("utf-8")


def test_the_unit_runs_a_role_and_reloads_it():
    assert "stillup run %i --config" in UNIT
    assert "kill -HUP $MAINPID" in UNIT
    told = dict(re.findall(r"(STILLUP_[A-Z_]+)=([^\s)]+)", UNIT))
    assert parse_config("", told).warnings == ()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    unit = tmp_path / "stillup@web.service"
    unit.write_text(UNIT.replace("/opt/stillup/bin/stillup", sys.executable))
    told = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in told.stderr.splitlines() if "stillup@web.service" in line] == []
