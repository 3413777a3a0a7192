"""deploy/compose.yaml and what it mounts fit each other, the image and the program."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from stillup.cli.main import cli
from stillup.config import parse_config
from stillup.daemon.roles.running import watched

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
CONTAINER = (DEPLOY / "Containerfile").read_text("utf-8")
ROLES = ("monitor", "hub", "gateway", "web")


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
def test_a_role_is_given_the_secrets_that_it_is_told_of_and_no_other(role):
    service = COMPOSE["services"][role]
    (mounted,) = (v.partition(":")[0] for v in service["volumes"] if "stillup.toml" in v.partition(":")[2])
    told = (DEPLOY / mounted).read_text("utf-8") + " ".join(service["environment"].values())
    named = set(re.findall(r"/run/secrets/(\w+)", told))
    assert set(service["secrets"]) == named
    assert role == "gateway" or not {s for s in named if s.endswith("_key")}, "what faces the public has no keys"


def test_only_who_needs_the_database_is_told_where_it_is():
    told = {name for name, service in COMPOSE["services"].items() if "store_url" in service.get("secrets", ())}
    assert told == {"monitor", "web"}
    assert COMPOSE["services"]["web"]["environment"]["STILLUP_STORE__URL_FILE"] == "/run/secrets/store_url"


def test_prometheus_reads_a_token_that_no_other_user_has_to_own():
    told = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    files = {job["authorization"]["credentials_file"] for job in told["scrape_configs"]}
    (secret,) = COMPOSE["services"]["prometheus"]["secrets"]
    assert files == {f"/run/secrets/{secret}"}
    assert not any(secret in COMPOSE["services"][role]["secrets"] for role in ROLES)


def test_bus_and_database_are_reached_by_those_roles_alone_that_need_them():
    uses = {"inside": {"monitor", "hub", "gateway", "web", "proxy", "prometheus"}}
    uses["bus"] = {"nats-1", "nats-2", "nats-3", *ROLES}
    uses["store"] = {"postgres", "monitor", "web"}
    for name, network in COMPOSE["networks"].items():
        assert {who for who, service in COMPOSE["services"].items() if name in service["networks"]} == uses[name]
        assert network.get("internal", False) == (name != "inside")


def test_every_secret_is_somebodys():
    given = {s for service in COMPOSE["services"].values() for s in service.get("secrets", ())}
    assert given == COMPOSE["secrets"].keys()


def test_every_file_and_volume_that_is_mounted_is_there():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_run_as_the_command_line_takes_it(role):
    service = COMPOSE["services"][role]
    words = [*re.findall(r'"(\w+)"', re.search(r"ENTRYPOINT (.*)", CONTAINER)[1]), *service["command"]]
    assert words[:3] == ["stillup", "run", role]
    assert set(re.findall(r"--[a-z-]+", " ".join(words))) <= set(
        re.findall(r"--[a-z-]+", CliRunner().invoke(cli, ["run", "--help"]).output)
    )


@pytest.mark.parametrize("name", [name for name in COMPOSE["services"] if name != "postgres"])
def test_nobody_may_write_into_its_image_or_gain_a_right(name):
    service = COMPOSE["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_take_as_long_as_it_needs_to_drain_and_to_end_what_is_under_way(role):
    needed = 5 + 120 if role == "gateway" else parse_config("").cluster.drain_s + 6  # gateway.drain_s, gateway.grace_s
    assert float(COMPOSE["services"][role]["stop_grace_period"].rstrip("s")) > needed


def test_both_composes_take_two_of_each_role():
    """podman-compose makes one where `mode` does not say `replicated`."""
    assert all(COMPOSE["services"][role]["deploy"]["mode"] == "replicated" for role in ROLES)


@pytest.mark.parametrize(("name", "extras"), [("Containerfile", ("cluster", "otel")), ("one.Containerfile", ())])
def test_what_an_image_copies_is_there_and_locked(name, extras):
    text = (DEPLOY / name).read_text("utf-8")
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert [word for line in copied for word in line.split() if not (ROOT / word).exists()] == []
    files = re.findall(r"-r (requirements/\w+\.txt)", text)
    locked = "".join((ROOT / file).read_text("utf-8") for file in files)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in extras:
        wanted += project["project"]["optional-dependencies"][extra]
    for package in wanted:
        assert re.search(rf"^{re.match('[A-Za-z0-9-]+', package)[0]}==", locked, re.MULTILINE | re.IGNORECASE), package


def test_the_variables_of_the_image_are_keys_of_the_configuration():
    told = dict(re.findall(r"(STILLUP_[A-Z_]+)=([^\s\\]+)", CONTAINER))
    assert parse_config("", told).cluster.health == "0.0.0.0:8795"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users, which only root may")
def test_prepare_makes_every_secret_for_its_user_alone_and_leaves_what_is_there(tmp_path):
    shutil.copy(DEPLOY / "prepare", tmp_path)
    for _ in range(2):
        subprocess.run([tmp_path / "prepare"], check=True, env={"PATH": "/usr/bin:/bin", "OPENAI_API_KEY": "sk-x"})
        made = {path.name: path for path in (tmp_path / "secrets").iterdir()}
        assert made.keys() == COMPOSE["secrets"].keys()
        before = {name: path.read_text() for name, path in made.items()}
    assert {name: path.read_text() for name, path in made.items()} == before
    assert before["openai_key"] == "sk-x\n"
    assert before["prometheus_token"] == before["metrics_token"] != before["web_token"]
    assert before["store_password"].strip() in before["store_url"]
    assert re.fullmatch(r"BUS_PASSWORD=b\w{40,}\nROUTE_PASSWORD=b\w{40,}\n", (tmp_path / ".env").read_text())
    for name, path in made.items():
        owner = {"store_password": 0, "prometheus_token": 65534}.get(name, 10001)
        assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (owner, 0o400)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users, which only root may")
def test_prepare_adds_what_an_older_one_did_not_know_and_leaves_the_rest(tmp_path):
    shutil.copy(DEPLOY / "prepare", tmp_path)
    (tmp_path / ".env").write_text("BUS_PASSWORD=bold\n")
    for _ in range(2):
        subprocess.run([tmp_path / "prepare"], check=True, env={"PATH": "/usr/bin:/bin"})
    assert re.fullmatch(r"BUS_PASSWORD=bold\nROUTE_PASSWORD=b\w{40,}\n", (tmp_path / ".env").read_text())


def test_only_the_servers_of_the_bus_know_how_one_joins_them():
    knows = {name for name, service in COMPOSE["services"].items() if "ROUTE_PASSWORD" in str(service)}
    assert knows == {"nats-1", "nats-2", "nats-3"}
