"""The programs that read the files of deploy/ take them; each test is left out where its program is not installed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stillup.config import parse_config
from tests.cluster.nats_server import program

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = {path.name: path.read_text("utf-8") for path in (DEPLOY / "systemd").glob("*.service")}


def needs(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name} here")


def run(*words, **variables):
    done = subprocess.run(words, env=variables or None, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(program() is None, reason="there is no nats-server here")
def test_nats_takes_its_configuration():
    given = {f"ROUTE_{n}": f"nats://server:b1@nats-{n}:6222" for n in (1, 2, 3)}
    run(program(), "-c", DEPLOY / "nats.conf", "-t", NAME="nats-1", BUS_PASSWORD="secret", ROUTE_PASSWORD="b1", **given)


@needs("caddy")
def test_caddy_takes_its_configuration(tmp_path):
    words = ("caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile")
    run(*words, HOME=str(tmp_path), PATH="/usr/bin")


@pytest.mark.parametrize("name", ["roll", "prepare"])
def test_the_shell_takes_what_is_run_by_hand(name):
    run("sh", "-n", DEPLOY / name)


def test_the_unit_of_a_cluster_runs_a_role_and_reloads_it():
    unit = UNITS["stillup@.service"]
    assert "stillup run %i --config" in unit
    assert "kill -HUP $MAINPID" in unit


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_the_variables_of_a_unit_are_keys_of_the_configuration(unit):
    told = dict(re.findall(r"(STILLUP_[A-Z_]+)=([^\s)]+)", unit))
    assert parse_config("", told).warnings == ()


@needs("systemd-analyze")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(name, tmp_path):
    unit = tmp_path / name.replace("@", "@web")
    unit.write_text(UNITS[name].replace("/opt/stillup/bin/stillup", sys.executable))
    told = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in told.stderr.splitlines() if unit.name in line] == []
