"""What the gateway costs and what it saves, beside its peers, a bare proxy on the same stack, and nothing between.

::

    __main__     the command line; runs parts, writes their sections of docs/benchmarks.md
    ├── stack    which server and which client to build on          bare*.py, bare_clients
    ├── cost     CPU, throughput, latency of small requests and of streams         wrk, drive
    ├── paced    what a person waiting for a stream feels                          load, answers
    ├── failover what a client sees while its upstream fails                       load, answers
    ├── start    until the first answer, and memory at rest
    ├── flat     memory over very many requests
    └── slow     memory with thousands of slow streams
    subjects     how each gateway is configured and asked           setups/, processes
    mock         the upstream that never is the bottleneck          scripts, protocols
"""
