"""The gateway: point a client at one local address, and an outage costs no error and no wait.

::

    client ─► wire.server ─► app ─► handling ◄─► core.exchange     one request's life, decided without I/O
                               │       │             ├ core.desk    health, breakers, limits, budgets of all requests
                               │       │             └ dialects     what protocols say (pure)
                               │       ├─► outbox ─► journal        written before it is sent (law 7)
    upstreams ◄─ wire.client ◄─┘       └─► seen, observer           metrics, log, traces; signals to the judgement

What it may do stands in laws, each beside the code that keeps it: search for "Law" and a number.
"""
