"""``stillup doctor --cluster``: how the processes of a cluster are, and what they stand on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from stillup.cli.common import console
from stillup.cli.say import put
from stillup.clock import SystemClock
from stillup.daemon.roles.examine import Finding, Mark, examine
from stillup.errors import UsageError
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from rich.table import Table

    from stillup.config import Config

_MARKS = {Mark.WELL: ("✓", "green"), Mark.WORTH_A_WORD: ("!", "yellow"), Mark.WRONG: ("✗", "red")}


def show(config: Config, environ: Mapping[str, str], *, as_json: bool, color: bool | None) -> int:
    """Look at the cluster and say what was found; 1 where something is wrong.

    :raises UsageError: the configuration knows of no cluster.
    """
    if not config.cluster.bus:
        msg = "there is no cluster to look at: `cluster.bus` in the configuration names its NATS servers"
        raise UsageError(msg)
    found = asyncio.run(examine(config, environ, SystemClock()))
    if as_json:
        for finding in found:
            put(msgspec.json.encode(finding))
    else:
        console(color=color).print(_table(found))
    return 1 if any(f.mark is Mark.WRONG for f in found) else 0


def _table(found: Sequence[Finding]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("What", no_wrap=True)
    table.add_column("Which", overflow="fold", ratio=2)
    table.add_column("How it is", overflow="fold", ratio=3)
    for finding in found:
        sign, style = _MARKS[finding.mark]
        table.add_row(Text(sign, style=style), finding.part, clean(finding.name, 300), Text(clean(finding.says, 500)))
    return table
