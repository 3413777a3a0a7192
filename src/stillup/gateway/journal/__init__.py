"""The journal: every exchange on this machine's disk before its answer goes to the client (law 7).

::

    Ask ─► write.Journal ─► segment.Segment ─► 20260407T143205.118Z.journal     retention.prune deletes the oldest
             │ pieces.cut: what a growing history repeats is stored once               │
             │ kept: which headers and parameters are harmless                          ▼
             └ records: the format, shared with the reader                     read.read_exchanges ─► words: text in it

Segments are self-contained: each can be read, copied or deleted without the others.
"""

from stillup.gateway.journal.write import Entry, Journal, Settings

__all__ = ["Entry", "Journal", "Settings"]
