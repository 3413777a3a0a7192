"""Start TensorZero's own HTTP gateway from its wheel and write down where it listens. Runs in TensorZero's environment.

python bench/gateway/start_tensorzero.py CONFIG URL_FILE
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path


def main(config: str, url_file: str) -> None:
    """Serve until ended."""
    client = import_module("openai").OpenAI(api_key="unused", base_url="http://127.0.0.1:1")
    patch = import_module("tensorzero").patch_openai_client
    patch(client, config_file=config, clickhouse_url=None, async_setup=False)
    Path(url_file).write_text(str(client.base_url), encoding="utf-8")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
