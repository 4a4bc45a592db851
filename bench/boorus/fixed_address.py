"""A way to a demo gallery for a program that has a site's address fixed in it: a proxy, with a certificate of its own.

The program asks its proxy for a connection to `gelbooru.com`, as it would behind any firewall, and gets one to the demo
gallery instead. It has to be told not to look at the certificate; nothing else of it changes.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

_PIECE = 1 << 16  # bytes
_OPENSSL = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=demo"


@contextlib.contextmanager
def proxy_to(url: str, folder: Path) -> Iterator[str]:
    """Run a proxy whose every encrypted connection ends at a demo gallery; gives the proxy's address.

    Args:
        url: of the demo gallery.
        folder: for the certificate.

    Raises:
        RuntimeError: there is no `openssl` to make it with.
    """
    place = urlsplit(url)
    context, to = _with_certificate(folder), (place.hostname or "127.0.0.1", place.port or 80)

    class Tunnel(socketserver.StreamRequestHandler):
        """One connection."""

        def handle(self) -> None:
            while self.rfile.readline().strip():  # CONNECT, headers, an empty line; the program then waits for us
                pass
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.connection, server_side=True) as theirs,
                socket.create_connection(to) as ours,
            ):
                back = threading.Thread(target=_carry, args=(ours, theirs), daemon=True)
                back.start()
                _carry(theirs, ours)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _carry(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            to.sendall(piece)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_WR)


def _with_certificate(folder: Path) -> ssl.SSLContext:
    if shutil.which("openssl") is None:
        raise RuntimeError("openssl is not installed, which makes the certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run([*_OPENSSL.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
