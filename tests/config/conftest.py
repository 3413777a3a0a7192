"""How a configuration is read, or what its refusal says."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.errors import ConfigError


@pytest.fixture
def refusal(tmp_path):
    """Reads a text that must be refused, as ``stillup.toml`` of an empty folder; gives the lines of the refusal."""

    def read(text: str, environ: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            parse_config(text, environ or {}, tmp_path / "stillup.toml")
        return str(caught.value).replace(f"{tmp_path}/", "").split("\n")

    return read
