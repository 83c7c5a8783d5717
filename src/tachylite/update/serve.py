"""A development server: static files on loopback, with parts of files, as real servers give them."""

import http.server
import re
import sys
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files below a folder, and from a byte on where `Range: bytes=N-` asks for that."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def send_head(self) -> Any:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            return super().send_head()
        size, begin = path.stat().st_size, int(wanted[1])
        if begin >= size:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return None
        file: IO[bytes] = path.open("rb")
        file.seek(begin)
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - begin))
        self.end_headers()
        return file

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Says nothing of devices that hang up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(folder: Path, port: int = 0) -> Server:
    """A server of `folder` on loopback, which `serve_forever` runs; port 0 is any that is free."""
    return Server(("127.0.0.1", port), partial(Handler, directory=str(folder)))
