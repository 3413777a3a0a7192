"""``stillup mcp``: an MCP server for assistants, over standard input and output."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import click

from stillup.cli.common import config_option, load
from stillup.errors import UsageError

_MISSING = "the MCP server needs one more package: pip install 'stillup[mcp]'"


@click.command(
    name="mcp",
    help="Serve MCP over standard input and output, for Claude Code and other assistants: is it down, forecast, "
    "alternatives, report, all services. It asks the `stillup up` that runs here, else every source once.\n\n"
    "Claude Code: `claude mcp add stillup -- stillup mcp`",
)
@config_option
def command(config_path: Path | None) -> int:
    """Serve until the input ends."""
    if find_spec("mcp") is None:
        raise UsageError(_MISSING)
    config = load(config_path)
    from stillup.daemon.mcp.serve import serve

    serve(config, os.environ)
    return 0
