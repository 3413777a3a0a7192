"""What the gateway costs and what it saves, beside its peers, a bare proxy on the same stack, and nothing between.

::

    __main__       the command line: runs parts, writes their sections of docs/benchmarks.md
    ├── stack      which server and which client to build on     samples, bare*
    ├── cost       CPU, throughput, latency                      samples, drive (wrk)
    ├── paced      what a person waiting for a stream feels      load, answers
    ├── failover   what a client sees while its upstream fails   load, answers, modes
    ├── going_on   answers that break off in the middle          tasks, reads, sdks
    ├── agents     Claude Code and Codex at a task               programs
    ├── start      until the first answer; memory at rest
    ├── flat       memory over very many requests                drive (wrk)
    └── slow       memory with thousands of slow streams         load, answers
    arena          two upstreams, and subjects started against them
    ├── subjects   how each gateway is started and asked         setups, protocols
    ├── processes  CPU and memory of a program and its children
    └── mock       the fast upstream                             scripts
"""
