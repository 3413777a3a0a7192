"""Serves the small model on this machine until it is stopped: ``python serve_small.py MODEL NAME PORT THREADS``.

Run by the Python of the folder that ``stillup offline install`` makes, which has nothing of stillup. Its first line is
where it listens; it ends with its standard input too, so that it never outlives who started it.
"""

import os
import sys


def main() -> None:
    """Serve."""
    import xllamacpp

    path, name, port, threads = sys.argv[1:5]
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {name}
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 8_192, 1, int(threads)
    params.offline, params.warmup, params.ui = True, False, False
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # its own end waits for every client to hang up


if __name__ == "__main__":
    main()
