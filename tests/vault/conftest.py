"""What the tests of the vault share."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # importlib mode puts no folder on the path

from stillup.vault.store import open_vault


@pytest.fixture
def vault(tmp_path):
    with open_vault(tmp_path / "data" / "vault.db") as opened:
        yield opened
