"""What the tests of the vault share."""

import pytest

from stillup.vault.store import open_vault


@pytest.fixture
def vault(tmp_path):
    with open_vault(tmp_path / "data" / "vault.db") as opened:
        yield opened
