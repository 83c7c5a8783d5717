"""HTTP with bounds: whatever a server sends, and however slowly, a request ends in time and below its size."""

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast
from urllib.parse import urlsplit

import tachylite
from tachylite.model.extras import extra

from .limits import Limits

with extra("update", "tuf"):
    import urllib3
    from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError
    from tuf.ngclient import FetcherInterface
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Watchdog:
    """Cuts a request's connection when its time is over.

    Time limits of sockets are for one packet, and a server that sends a byte now and then never meets them. The watchdog holds the socket
    by a descriptor of its own, so that it can cut it in the middle of a TLS handshake too.
    """

    active = threading.local()

    def __init__(self, seconds: float):
        self.fired = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True
        self._turn = threading.Lock()

    def __enter__(self) -> "Watchdog":
        Watchdog.active.dog = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        Watchdog.active.dog = None
        with self._turn:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def watch(self, connection: socket.socket) -> None:
        """Watch over another connection from now on."""
        with self._turn:
            if self._socket is not None:
                self._socket.close()
            self._socket = socket.socket(fileno=os.dup(connection.fileno()))
            if self.fired:
                self._cut()

    def _fire(self) -> None:
        with self._turn:
            self.fired = True
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # it ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)


def _watch(connection: Any) -> None:
    dog = getattr(Watchdog.active, "dog", None)
    if dog is not None and connection is not None:
        dog.watch(connection)


class _Watched:
    """A connection that tells the watchdog of the request which it is used for."""

    sock: Any

    def _new_conn(self) -> socket.socket:
        made = cast(socket.socket, super()._new_conn())  # type: ignore[misc]
        _watch(made)
        return made

    def request(self, *arguments: Any, **named: Any) -> None:
        _watch(self.sock)
        super().request(*arguments, **named)  # type: ignore[misc]


class _WatchedHTTP(_Watched, HTTPConnection):
    pass


class _WatchedHTTPS(_Watched, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


class Fetcher(FetcherInterface):
    """Fetches for TUF, and parts of files. Connections are kept for the next request; proxies are those of the environment."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.requests = 0
        self.bytes = 0
        self._pools: dict[str | None, urllib3.PoolManager] = {}

    def _fetch(self, url: str) -> Iterator[bytes]:
        """A file of metadata, in pieces."""
        with self._response(url, {}, self.limits.metadata_seconds) as response:
            self._check(response, url)
            yield from self._body(response)

    def part(self, url: str, begin: int, size: int) -> Iterator[tuple[int, bytes]]:
        """A file of `size` bytes from byte `begin` on: pieces, and where each stands. Servers that do not know parts begin at 0.

        Raises DownloadError, of which DownloadLengthMismatchError stands for a file that is too long, SlowRetrievalError for one that takes
        too long. What came before may be kept.
        """
        wanted = {"Range": f"bytes={begin}-"} if begin else {}
        with self._response(url, wanted, self.limits.seconds(size - begin)) as response:
            self._check(response, url)
            at = begin if response.status == 206 and _begins_at(response, begin) else 0
            for chunk in self._body(response):
                if at + len(chunk) > size:
                    raise DownloadLengthMismatchError(f"{url} has more than the {size} bytes that are signed")
                yield at, chunk
                at += len(chunk)
        if at < size:
            raise DownloadError(f"{url} ended after {at} of {size} bytes")

    @contextmanager
    def _response(self, url: str, headers: dict[str, str], seconds: float) -> Iterator[Any]:
        self.requests += 1
        # Compression would change the bytes that parts count and that bounds are for.
        sent = {"User-Agent": f"tachylite/{tachylite.__version__}", "Accept-Encoding": "identity", **headers}
        retries = urllib3.Retry(total=5, connect=2, read=0, status=0, other=0, redirect=5)
        with Watchdog(seconds) as dog:
            response = None
            try:
                response = self._pool(url).request(
                    "GET", url, headers=sent, preload_content=False, timeout=self.limits.silence, retries=retries
                )
                yield response
                response.release_conn()
            except (urllib3.exceptions.HTTPError, OSError) as problem:
                if dog.fired or _is_timeout(problem):
                    raise SlowRetrievalError(f"{url} takes longer than it may") from problem
                raise DownloadError(f"{url} cannot be fetched: {_said(problem)}") from problem
            finally:
                if response is not None:
                    response.close()
            if dog.fired:
                raise SlowRetrievalError(f"{url} took longer than the {seconds:.0f} seconds that it may")

    def _check(self, response: Any, url: str) -> None:
        if response.status not in (200, 206):
            raise DownloadHTTPError(f"{url}: the server says {response.status}", response.status)

    def _body(self, response: Any) -> Iterator[bytes]:
        while chunk := response.read1(1 << 16):
            self.bytes += len(chunk)
            yield chunk

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxies = urllib.request.getproxies()
        proxy = None if urllib.request.proxy_bypass(parts.hostname or "") else proxies.get(parts.scheme, proxies.get("all"))
        if proxy not in self._pools:
            pool = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()
            pool.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
            self._pools[proxy] = pool
        return self._pools[proxy]


def _begins_at(response: Any, begin: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {begin}-")


def _cause(problem: BaseException) -> BaseException:
    return getattr(problem, "reason", None) or problem


def _said(problem: BaseException) -> str:
    """What the system says of a connection that failed, without urllib3's account of how."""
    cause = _cause(problem)
    origin = cause.__cause__ or cause.__context__
    return (isinstance(origin, OSError) and origin.strerror) or str(cause)


def _is_timeout(problem: BaseException) -> bool:
    cause = _cause(problem)
    # urllib3 counts a connection that is refused among them.
    return isinstance(cause, urllib3.exceptions.TimeoutError) and not isinstance(cause, urllib3.exceptions.NewConnectionError)
