"""`crawl import` of many files, or of a long download archive: time, memory along the way, and a restart after a kill.

    python -m bench.interchange.imports                          100,000 files, copied
    python -m bench.interchange.imports --files 20000 --how leave
    python -m bench.interchange.imports --files 20000 --kind gallery-dl
    python -m bench.interchange.imports --keys 1000000           of an archive

The command is the real one, in a process of its own. The first pass is killed when a third is there; the same command
then goes on, and a third one finds everything here. Memory is that of all its processes, the most in each quarter of a
pass. Exit 1 when it is not flat (the last quarter over 1.25 times the first), or when anything is missing at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from PIL import Image

from bench.scoring.classify import resident_mb
from tests.crawler.scenes import raw_post
from tests.faults.kills.grounds import REAL

FLAT = 1.25  # how much more memory the last quarter may take than the first
_FOLDER = 1000  # files side by side


@dataclass(slots=True)
class Pass:
    """One run of the command."""

    seconds: float
    cpu_s: float  # of processor time
    memory: Sequence[tuple[float, float]] = field(default_factory=list)  # seconds since the start, MB
    answer: dict[str, object] = field(default_factory=dict)  # empty: killed

    def quarters(self) -> list[float]:
        """The most memory in each, MB."""
        found = [0.0] * 4
        for at, mb in self.memory:
            place = min(3, int(4 * at / self.seconds))
            found[place] = max(found[place], mb)
        return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--kind", choices=("folder", "gallery-dl"), default="folder")
    parser.add_argument("--how", choices=("copy", "link", "leave"), default="copy")
    parser.add_argument("--keys", type=int, default=0, help="import an archive of so many instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-import-") as scratch:
        work = Path(scratch)
        root = work / "root"
        if options.keys:
            source, kind, how, wanted = _archive(work, options.keys), "archive", [], options.keys
        else:
            source, kind = _files(work / "files", options.files, described=options.kind == "gallery-dl"), options.kind
            how, wanted = [f"--{options.how}"], options.files
        command = [*REAL, "import", kind, str(source), *how, "--root", str(root), "--json"]
        return 0 if _measure(command, root, kind, wanted) else 1


def _measure(command: Sequence[str], root: Path, kind: str, wanted: int) -> bool:
    def there() -> int:
        return _count(root, "seen_post" if kind == "archive" else "rendition")

    killed = _run(command, until=lambda: there() >= wanted // 3)
    before = there()
    on, again = _run(command), _run(command)
    for name, one in (("killed", killed), ("goes on", on), ("again", again)):
        memory = " ".join(f"{mb:.0f}" for mb in one.quarters())
        print(f"{name}: {one.seconds:.1f} s, {one.cpu_s:.1f} s of processor time; MB by quarter: {memory}")
    print(f"{before} of {wanted} were there when it was killed; at the end {there()}")
    names = ("posts", "new") if kind == "archive" else ("copied", "linked", "left", "already_here", "posts", "left_out")
    for one in (on, again):
        print({name: one.answer[name] for name in names})
    first, *_, last = on.quarters()
    print(f"rate: {(wanted - before) / on.seconds:.0f}/s, {(wanted - before) / on.cpu_s:.0f} a processor second")
    return there() >= wanted and last <= FLAT * max(first, on.quarters()[1])


def _run(command: Sequence[str], until: Callable[[], bool] | None = None) -> Pass:
    """The command to its end, or until it is killed."""
    began, memory, looked, used = time.perf_counter(), [], 0.0, 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            now = time.perf_counter() - began
            memory.append((now, resident_mb(parent)))
            used = max(used, _cpu_s(parent))
            if until is not None and now - looked > 1:
                looked = now
                if until():
                    process.kill()
            time.sleep(0.1)
        content = process.stdout.read() if process.stdout else b""
    answer = json.loads(content) if content and process.returncode >= 0 else {}
    return Pass(time.perf_counter() - began, used, memory, answer)


def _cpu_s(parent: psutil.Process) -> float:
    try:
        times = parent.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _count(root: Path, table: str) -> int:
    database = root / "crawl.db"
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # ours
    except sqlite3.OperationalError:
        return 0  # it is being made


def _files(folder: Path, count: int, *, described: bool) -> Path:
    """Small pictures named by their md5, all different; with what gallery-dl writes beside each, if wanted."""
    for number in range(count):
        out = io.BytesIO()
        Image.frombytes("RGB", (2, 2), number.to_bytes(4, "big") * 3).save(out, "PNG")
        content = out.getvalue()
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        place = folder / f"{number // _FOLDER:05d}"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"danbooru_{number + 1}_{md5}.png"
        path.write_bytes(content)
        if described:
            row = raw_post(number + 1, md5=md5, file_size=len(content), file_ext="png", category="danbooru")
            path.with_name(f"{path.name}.json").write_text(json.dumps(row))
    return folder


def _archive(work: Path, keys: int) -> Path:
    """A download archive as gallery-dl writes it."""
    path = work / "archive.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE archive (entry TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.executemany(
            "INSERT INTO archive VALUES (?)", ((f"danbooru{number}",) for number in range(1, keys + 1))
        )
    return path


if __name__ == "__main__":
    raise SystemExit(main())
