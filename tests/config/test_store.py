"""Where what was heard and judged is kept."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.errors import ConfigError
from stillup.secret import Secret

ADDRESS = "postgresql://stillup:not-to-be-shown@db.example:5432/stillup"


def test_without_a_word_it_is_the_file_in_the_data_folder(tmp_path):
    config = parse_config(f'data = "{tmp_path}"')
    assert config.store_at({}) == tmp_path / "stillup.db"
    assert config.store.retention_days == 30


def test_an_address_in_the_usual_variable_is_taken_and_never_shown():
    found = parse_config("").store_at({"STILLUP_DATABASE_URL": ADDRESS})
    assert found == Secret(ADDRESS)
    assert "not-to-be-shown" not in repr(found)


def test_the_variable_and_the_file_are_the_users_to_name(tmp_path):
    file = tmp_path / "address"
    file.write_text(ADDRESS + "\n")
    file.chmod(0o600)
    config = parse_config(f'[store]\nurl_env = "OURS"\nurl_file = "{file}"')
    assert config.store_at({"STILLUP_DATABASE_URL": "postgresql://elsewhere/"}) == Secret(ADDRESS)
    assert config.store_at({"OURS": "postgresql://ours/"}) == Secret("postgresql://ours/")


def test_a_variable_that_was_named_and_is_not_set_is_worth_a_word():
    assert parse_config('store.url_env = "OURS"', {}).warnings == (
        "store.url_env: the variable OURS is not set: what is judged is kept in the file stillup.db of `data`",
    )
    assert parse_config('store.url_env = "OURS"', {"OURS": ADDRESS}).warnings == ()
    assert parse_config('store.url_env = "STILLUP_DATABASE_URL"', {}).warnings == ()


@pytest.mark.parametrize(
    "text", ["mysql://stillup:not-to-be-shown@db/", "not-to-be-shown", "postgresql:not-to-be-shown"]
)
def test_what_is_no_address_is_refused_without_being_quoted(text):
    with pytest.raises(ConfigError, match="postgresql://USER:PASSWORD@HOST") as caught:
        parse_config("").store_at({"STILLUP_DATABASE_URL": text})
    assert "not-to-be-shown" not in str(caught.value)


def test_the_variable_is_no_setting():
    assert parse_config("", {"STILLUP_DATABASE_URL": ADDRESS}).warnings == ()


@pytest.mark.parametrize("line", ['url = "postgresql://a/"', 'url_env = "postgresql://a:b@c/"', "url_file = 5"])
def test_an_address_has_no_place_in_the_file(line):
    with pytest.raises(ConfigError):
        parse_config(f"[store]\n{line}")
