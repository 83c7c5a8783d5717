"""Web servers on loopback that an attacker runs: a real one for files, and ones that misbehave."""

import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tachylite.update.serve import server

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def files(folder: Path, logs: Path) -> Iterator[str]:
    """The URL of a server of a folder: nginx where it is installed, else Python's."""
    with nginx(folder, logs) if NGINX else python(folder) as url:
        yield url


@contextmanager
def python(folder: Path) -> Iterator[str]:
    with server(folder) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@contextmanager
def nginx(folder: Path, logs: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logs.mkdir()
    paths = "".join(f"{kind}_temp_path {logs}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = logs / "nginx.conf"
    config.write_text(
        f"{'user root;' if os.getuid() == 0 else ''} daemon off; worker_processes 1; pid {logs}/pid; error_log {logs}/error;\n"
        f"events {{}} http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    assert NGINX is not None
    with subprocess.Popen([NGINX, "-p", logs, "-c", config], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 0.1).close()
                break
            except OSError:
                time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


Answer = Callable[[str, Callable[[bytes], None]], bool]
"""Answers a request for a path with what it sends; False leaves it to the honest server."""


@contextmanager
def hostile(honest: str, answer: Answer) -> Iterator[str]:
    """The URL of a server that passes requests on to an honest one, but for those that `answer` takes."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                request += line
            try:
                if not answer(request.split()[1].decode(), self.send):
                    self.pass_on(request)
            except OSError:
                pass  # the device has hung up

        def send(self, data: bytes) -> None:
            if closing.is_set():
                raise OSError
            self.wfile.write(data)

        def pass_on(self, request: bytes) -> None:
            host, _, port = honest.removeprefix("http://").partition(":")
            with socket.create_connection((host, int(port))) as upstream:
                upstream.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                while chunk := upstream.recv(1 << 16):
                    self.wfile.write(chunk)

    closing = threading.Event()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        closing.set()
        running.shutdown()
        thread.join()
