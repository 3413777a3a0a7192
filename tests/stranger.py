"""A program of another person on this machine that calls itself a gateway: ``stranger.py HOST:PORT``. It takes root."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - once it is somebody else it may not read where Python lies
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

BODY = b'{"version":"0","status":"ok","service":"stillup gateway"}'


class Says(BaseHTTPRequestHandler):
    """Whatever it is asked."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    os.setuid(4321)
    server = HTTPServer((host, int(port)), Says)
    print("there", flush=True)
    server.serve_forever()
