"""Law 9: a request that nobody can answer now is kept, and asked again when an upstream is well.

::

    Handling: every upstream failed ─► Later.put_off ─► Shelf (files)        the client: 202, or a retryable error
                                                          │
    Runner: an upstream of its chain is well again ◄──────┘
       └─► a Handling of its own, its answer into a Tray ─► Shelf ─► told; GET /stillup/later/ID

Killed in the middle, a gateway that is back sees what came of it (``left``): a whole answer is never asked for again.
"""
