"""A folder of web pages, served to this computer alone: for a site that needs more than file://.

It imports nothing of the package, and lies in the built site as serve.py: `python serve.py` there.
"""

import functools
import http.server
import sys
import webbrowser
from pathlib import Path

TYPES = {  # said here, for on Windows the registry may say otherwise, and then no script runs
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript",
    ".json": "application/json", ".ipynb": "application/json", ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".png": "image/png",
    ".woff": "font/woff", ".woff2": "font/woff2", ".whl": "application/zip", ".ico": "image/x-icon",
    ".zip": "application/zip", ".txt": "text/plain", ".md": "text/markdown", ".py": "text/x-python",
}  # fmt: skip


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files with the types that browsers want, and not a line printed for each."""

    protocol_version = "HTTP/1.1"  # one connection for hundreds of files
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **TYPES}

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # asked for again, sent only if it changed
        super().end_headers()

    def log_message(self, *words):
        pass


def server(folder, port=0):
    """An HTTP server of `folder` on 127.0.0.1; port 0 is any that is free. `serve_forever` runs it.

    Raises: OSError where the port is taken.
    """
    handler = functools.partial(Handler, directory=str(folder))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def address(running):
    return f"http://127.0.0.1:{running.server_address[1]}/"


if __name__ == "__main__":
    with server(Path(__file__).resolve().parent) as running:
        print(f"{address(running)}  (Ctrl-C ends it)", flush=True)
        webbrowser.open(address(running))
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)
