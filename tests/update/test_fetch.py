"""The HTTP client by itself: TLS, proxies, connections that are kept, and servers that know no parts."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError

from tachylite.update import Limits
from tachylite.update.fetch import Fetcher
from tachylite.update.serve import server

from . import web
from .world import QUICK

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file").write_bytes(CONTENT)
    return tmp_path / "www"


def certificate(path: Path) -> Path:
    """A certificate for loopback that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def whole(fetcher: Fetcher, url: str, begin: int = 0) -> bytes:
    content = bytearray(CONTENT[:begin])
    for at, chunk in fetcher.part(url, begin, len(CONTENT)):
        content[at:] = chunk
    return bytes(content)


def test_tls(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = certificate(tmp_path / "certificate.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made)
    with server(folder) as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{running.server_port}/file"
        with pytest.raises(DownloadError, match="certificate verify failed"):
            whole(Fetcher(Limits()), url)
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        fetcher = Fetcher(Limits())
        assert whole(fetcher, url) == whole(fetcher, url, 1000) == CONTENT
        running.shutdown()


def test_a_handshake_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then, of a message of TLS that is announced as long."""
    closing = threading.Event()

    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(b"\x16\x03\x03\x40\x00")
                while not closing.wait(0.05):
                    connection.sendall(b"\0")
            except OSError:
                ended.set()

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        with pytest.raises(SlowRetrievalError):
            list(Fetcher(QUICK).fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/file"))
        assert ended.wait(5)
        closing.set()


def test_a_connection_serves_several_requests(folder: Path) -> None:
    with server(folder) as running:
        accepted = []
        get = running.get_request
        running.get_request = lambda: accepted.append(get()) or accepted[-1]
        threading.Thread(target=running.serve_forever, daemon=True).start()
        fetcher = Fetcher(Limits())
        for _ in range(3):
            assert whole(fetcher, f"http://127.0.0.1:{running.server_port}/file") == CONTENT
        assert len(accepted) == 1
        assert (fetcher.requests, fetcher.bytes) == (3, 3 * len(CONTENT))
        running.shutdown()


def test_a_watchdog_lets_go_of_a_connection_that_is_kept(folder: Path) -> None:
    with web.python(folder) as url:
        fetcher = Fetcher(QUICK)
        assert b"".join(fetcher.fetch(f"{url}/file")) == CONTENT
        time.sleep(1.5 * QUICK.metadata_seconds)
        assert b"".join(fetcher.fetch(f"{url}/file")) == CONTENT


def test_a_server_that_is_gone_is_not_called_slow() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(DownloadError, match="cannot be fetched: Connection refused") as refused:
            b"".join(Fetcher(QUICK).fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/file"))
    assert not isinstance(refused.value, SlowRetrievalError)


def test_parts(folder: Path) -> None:
    with web.python(folder) as url:
        assert whole(Fetcher(Limits()), f"{url}/file", 1234) == CONTENT
        with pytest.raises(DownloadLengthMismatchError):
            list(Fetcher(Limits()).part(f"{url}/file", 0, 1000))
        with pytest.raises(DownloadError, match=f"ended after {len(CONTENT)} of"):
            list(Fetcher(Limits()).part(f"{url}/file", 0, len(CONTENT) + 1))
        with pytest.raises(DownloadHTTPError, match="404"):
            list(Fetcher(Limits()).fetch(f"{url}/none"))

        def no_parts(path: str, send: Callable[[bytes], None]) -> bool:
            send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + CONTENT)
            return True

        with web.hostile(url, no_parts) as simple:
            assert whole(Fetcher(Limits()), f"{simple}/file", 1234) == CONTENT

        def other_part(path: str, send: Callable[[bytes], None]) -> bool:
            send(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-/1\r\nConnection: close\r\n\r\n" + CONTENT)
            return True

        with web.hostile(url, other_part) as wrong:
            assert whole(Fetcher(Limits()), f"{wrong}/file", 1234) == CONTENT  # which is for the hash to judge


def test_proxies_of_the_environment_are_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(path: str, send: Callable[[bytes], None]) -> bool:
        asked.append(path)
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        return True

    with web.hostile("http://127.0.0.1:9", answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        assert b"".join(Fetcher(Limits()).fetch("http://models.example/file")) == b"hello"
        assert asked == ["http://models.example/file"]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with web.python(folder) as url:
            assert b"".join(Fetcher(Limits()).fetch(f"{url}/file")) == CONTENT


def test_redirections_are_followed_but_not_for_ever(folder: Path) -> None:
    with web.python(folder) as url:

        def redirect(path: str, send: Callable[[bytes], None]) -> bool:
            target = f"{url}/file" if path == "/once" else "/again"
            send(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            return True

        with web.hostile(url, redirect) as other:
            assert whole(Fetcher(Limits()), f"{other}/once") == CONTENT
            with pytest.raises(DownloadError, match="redirect"):
                list(Fetcher(Limits()).fetch(f"{other}/circle"))
