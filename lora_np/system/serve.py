"""Serve a folder of web pages to this computer alone: a site that needs more than file://.

It imports nothing of the package, and lies in the built site as serve.py: `python serve.py` there.
"""

import argparse
import functools
import http.server
import socket
import sys
import webbrowser
from pathlib import Path

PORT = 8217  # the same every time: a browser keeps what a reader changed by the address
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


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = hasattr(socket, "SO_REUSEPORT")  # on Windows two would share one port


def server(folder, port=0):
    """An HTTP server of `folder` on 127.0.0.1; port 0 is any that is free. `serve_forever` runs it.

    Raises: ValueError where the port is taken.
    """
    handler = functools.partial(Handler, directory=str(folder))
    try:
        return Server(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"--port {port}: {error}. Is the site open already? --port 0 takes any that is free, "
            "where a browser does not find what you changed before"
        ) from error


def address(running):
    return f"http://127.0.0.1:{running.server_address[1]}/"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=PORT, help="default %(default)s; 0: any free")
    try:
        running = server(Path(__file__).resolve().parent, parser.parse_args().port)
    except ValueError as error:
        parser.error(str(error))
    with running:
        print(f"{address(running)}  (Ctrl-C ends it)", flush=True)
        webbrowser.open(address(running))
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
