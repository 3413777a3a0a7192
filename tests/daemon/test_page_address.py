"""Where the page of a configuration is reached from here, and who is shown the token."""

from __future__ import annotations

import pytest

from stillup.config import load_config
from stillup.daemon.page_address import page_base, page_token

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def configured(tmp_path):
    """A configuration whose page's token was kept before."""

    def of(web):
        (tmp_path / "data").mkdir(mode=0o700)
        (tmp_path / "data" / "web.token").write_text(f"{TOKEN}\n")
        (tmp_path / "data" / "web.token").chmod(0o600)
        file = tmp_path / "stillup.toml"
        file.write_text(f'data = "{tmp_path / "data"}"\n[web]\n{web}\n')
        return load_config(file, {})

    return of


@pytest.mark.parametrize(
    "web",
    ['listen = "127.0.0.1:8780"', 'listen = "[::1]:8780"', 'listen = "0.0.0.0:8780"\npublic = true'],
)
def test_where_anybody_may_read_the_token_is_not_shown_to_whoever_listens_there(configured, web):
    config = configured(web)
    assert page_base(config) is not None
    assert page_token(config, {}) is None


def test_where_reading_needs_the_token_it_is_there(configured):
    token = page_token(configured('listen = "0.0.0.0:8780"'), {})
    assert token is not None
    assert token.reveal() == TOKEN
