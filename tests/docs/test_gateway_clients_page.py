"""docs/gateway-clients.md shows what the command prints, for every client."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillup.catalog.clients import clients
from stillup.cli.gateway.env import with_clients

PAGE = (Path(__file__).parents[2] / "docs" / "gateway-clients.md").read_text("utf-8")


def test_what_each_client_needs_is_what_the_command_prints():
    assert with_clients(PAGE) == PAGE, "run script/gateway-clients"
    assert all(f"`stillup gateway env {id_}`" in PAGE for id_ in clients())


def test_a_page_without_its_marks_is_not_written_over():
    with pytest.raises(ValueError, match="lacks"):
        with_clients("# Clients")
