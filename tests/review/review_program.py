"""The real program, `crawl review`, as a child that serves a painted gallery."""

from __future__ import annotations

import json
import shutil
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

from bench.review_gallery import Made

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Painted:
    root: Path
    made: Made

    def copied_to(self, root: Path) -> Painted:
        shutil.copytree(self.root, root)
        return Painted(root, self.made)

    def truth(self, post_id: int) -> str:
        return "keep" if self.made.shows[post_id - 1] else "delete"


@dataclass
class ServedPage:
    url: str
    root: Path
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url.rstrip("/") + path, timeout=20) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        token = self.get("/api/start")["token"]
        headers = {"content-type": "application/json", "origin": self.url.rstrip("/"), "x-review-token": token}
        request = urllib.request.Request(self.url.rstrip("/") + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def raw(self, head: str) -> str:
        """The first line of the answer to exactly these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as wire:
            wire.sendall(head.encode())
            return wire.recv(65536).decode(errors="replace").splitlines()[0]

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


def command(root: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "commands", "review", "--root", str(root), *arguments]


@contextmanager
def serving(root: Path, port: int = 0) -> Iterator[ServedPage]:
    process = subprocess.Popen(
        command(root, "--port", str(port)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=REPOSITORY
    )
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "the page is at " in line:
                break
        else:
            raise AssertionError("".join(lines))
        yield ServedPage(line.split("the page is at ")[1].split()[0], root, process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=30)
        if process.stderr is not None:
            process.stderr.close()
