"""What the configuration says of the vault."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.errors import ConfigError


def test_without_a_word_the_vault_follows_once_there_is_one_and_its_passphrase_has_a_usual_variable():
    vault = parse_config("").vault
    assert vault.follow is None
    assert vault.passphrase_env == "STILLUP_VAULT_PASSPHRASE"
    assert (vault.passphrase_file, vault.keyring) == (None, False)


def test_what_is_said_of_the_vault_holds(tmp_path):
    (tmp_path / "words").write_text("secret words\n")
    vault = parse_config(
        f'[vault]\nfollow = false\npassphrase_env = "WORDS"\npassphrase_file = "{tmp_path}/words"\nkeyring = true'
    ).vault
    assert (vault.follow, vault.passphrase_env, vault.keyring) == (False, "WORDS", True)
    assert vault.passphrase_file == str(tmp_path / "words")


def test_the_variables_of_the_passphrase_and_of_the_small_model_are_no_settings():
    variables = {"STILLUP_VAULT_PASSPHRASE": "long enough", "STILLUP_OFFLINE_URL": "http://127.0.0.1:8791"}
    config = parse_config("", variables)
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("passphrase_env = 'two words'", "allowed: the name of an environment variable"),
        ("passphrase_file = '/nowhere/at/all'", "names no file"),
        ("follow = 'yes'", "allowed: true or false"),
        ("passphrase = 'hunter2hunter2'", "passphrase"),
    ],
)
def test_what_is_wrong_is_refused_and_no_secret_is_repeated(text, says):
    with pytest.raises(ConfigError) as refused:
        parse_config(f"[vault]\n{text}")
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)
