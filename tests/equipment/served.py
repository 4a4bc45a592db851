"""The real program, `crawl review` or `crawl label --page`, as a child: for tests, measurements and pictures."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
READY = "the page is at "


@dataclass
class ServedPage:
    """A page that is being served, and a client that sends the page's own headers."""

    url: str
    root: Path
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rstrip("/").rpartition(":")[2])

    def get(self, path: str) -> Any:
        """An answer's JSON."""
        with urllib.request.urlopen(self.url.rstrip("/") + path, timeout=60) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """As the page's own script would: with the token, from the page's own origin."""
        token = self.get("/api/start")["token"]
        headers = {"content-type": "application/json", "origin": self.url.rstrip("/"), "x-review-token": token}
        request = urllib.request.Request(self.url.rstrip("/") + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def raw(self, head: str) -> str:
        """The first line of the answer to exactly these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as wire:
            wire.sendall(head.encode())
            return wire.recv(65536).decode(errors="replace").splitlines()[0]

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop it; gives its exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=120)


def command(root: Path, *arguments: str) -> list[str]:
    """The command that starts it."""
    return [sys.executable, "-m", "commands", "review", "--root", str(root), *arguments]


def label_command(folder: Path, root: Path, *arguments: str) -> list[str]:
    """The command that asks for the labels of a folder's pictures on a page."""
    page = ["label", str(folder), "--page", "--port", "0", "--root", str(root)]
    return [sys.executable, "-m", "commands", *page, *arguments]


@contextmanager
def serving(root: Path, port: int = 0) -> Iterator[ServedPage]:
    """Serve a gallery for as long as the block lasts."""
    with served_by(command(root, "--port", str(port)), root) as page:
        yield page


@contextmanager
def served_by(started: list[str], root: Path) -> Iterator[ServedPage]:
    """The page of a command, for as long as the block lasts."""
    process = subprocess.Popen(started, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=REPOSITORY)
    try:
        lines: list[str] = []
        for line in process.stderr or ():
            lines.append(line)
            if READY in line:
                break
        else:
            raise RuntimeError("".join(lines))
        yield ServedPage(line.split(READY)[1].split()[0], root, process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=120)
        if process.stderr is not None:
            process.stderr.close()
