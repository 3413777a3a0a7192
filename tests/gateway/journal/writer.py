"""A process that journals an endless answer and says each chunk's number once it is committed, and only then."""

import sys
from pathlib import Path

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.journal import Journal, Settings

NOON = 1_775_563_200.0


def main(folder, sync):
    journal = Journal.open(Path(folder), NOON, Settings(sync=sync), print)
    body = b'{"messages":[{"role":"user","content":"tell me all"}]}'
    ask = Ask(protocol=Protocol.ANTHROPIC, operation=Operation.GENERATE, method="POST", path="/v1/messages", body=body)
    entry = journal.begin(ask, "x", NOON)
    n = 0
    while True:
        for _ in range(n % 3 + 1):
            journal.forwarded(entry, b"A%d " % n)
            n += 1
        journal.commit(NOON)
        print(n, flush=True)


main(*sys.argv[1:])
