"""What `contrib/` runs is there: commands, options, files; systemd accepts the units; the loop stops when told to."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # it ships no types

from commands.app import app

ROOT = Path(__file__).resolve().parents[1]
CONTRIB = ROOT / "contrib"
COMPOSE = yaml.safe_load((CONTRIB / "container" / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (CONTRIB / "container" / "Dockerfile").read_text(encoding="utf-8")
LONG_S = 60.0  # "not for ever"
UNITS = sorted((CONTRIB / "systemd").iterdir())


def _typed() -> Iterator[tuple[str, str]]:
    """File and the words after `crawl`, wherever a file of contrib/ runs it."""
    for unit in CONTRIB.glob("systemd/*.service"):
        yield from ((unit.name, line) for line in re.findall(r"^ExecStart=\S*/crawl (.*)$", unit.read_text(), re.M))
    yield from (("crontab", line) for line in re.findall(r'/crawl" (.*)$', _text("cron/crontab"), re.M))
    yield from (("crawl-sync.xml", line) for line in re.findall(r"/crawl (.*?)\"<", _text("windows/crawl-sync.xml")))
    yield from (("sync-loop", line) for line in re.findall(r'^ +crawl (.*?) "\$@"', _text("container/sync-loop"), re.M))
    yield "compose.yaml", shlex.join(COMPOSE["services"]["review"]["command"])


def _text(name: str) -> str:
    return (CONTRIB / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("file", "words"), list(_typed()))
def test_every_command_that_is_run_takes_its_options(file: str, words: str) -> None:
    name, *arguments = shlex.split(words)
    program = typer.main.get_command(app)
    command = program.get_command(typer.Context(program), name)  # type: ignore[attr-defined]  # it is a group

    assert command is not None
    command.make_context(name, arguments)  # raises for an unknown option


def test_building_the_image_again_sends_neither_the_gallery_nor_the_keys_beside_it() -> None:
    (volume,) = COMPOSE["x-boorusieve"]["volumes"]
    folder = re.fullmatch(r"\$\{DATA:-\.\./\.\./(\w+)\}:/data", volume)

    assert folder is not None and folder[1] in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_every_file_runs_a_command() -> None:
    files = {"crawl-sync.service", "crawl-review.service", "crontab", "crawl-sync.xml", "sync-loop", "compose.yaml"}
    assert {file for file, _ in _typed()} == files


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    program = tmp_path / ".local" / "bin" / "crawl"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}

    line = ["systemd-analyze", "verify", "--user", str(unit)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_task_of_windows_starts_one_program() -> None:
    space = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    task = ElementTree.parse(CONTRIB / "windows" / "crawl-sync.xml")

    assert [each.text for each in task.findall(".//task:Exec/task:Command", space)] == ["wsl.exe"]


def test_the_container_is_built_of_files_that_are_here() -> None:
    copied = [line.split()[1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ") and "--from" not in line]
    build = COMPOSE["services"]["sync"]["build"]

    assert copied and all((ROOT / name).exists() for name in copied)
    assert (CONTRIB / "container" / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_no_container_runs_as_root_or_writes_outside_its_volume() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["10001:10001"]
    for service in COMPOSE["services"].values():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"].startswith("${PUID")


def test_the_loop_syncs_again_after_a_failure_and_stops_when_it_is_told_to(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with _loop(tmp_path, f'#!/bin/sh\necho "$@" >> {seen}\nexit 6\n') as process:
        _wait(lambda: seen.exists() and seen.read_text().count("\n") >= 2)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=LONG_S) == 0
    assert set(seen.read_text().splitlines()) == {"sync --metrics metrics/crawl.prom --quiet"}


def test_the_loop_hands_a_request_to_stop_on_to_the_sync_that_runs(tmp_path: Path) -> None:
    began, ended = tmp_path / "began", tmp_path / "ended"
    script = f"#!/bin/sh\ntrap 'touch {ended}; exit 143' TERM\ntouch {began}\nwhile :; do sleep 0.01; done\n"
    with _loop(tmp_path, script) as process:
        _wait(began.exists)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=LONG_S) == 0
    assert ended.exists()


@contextmanager
def _loop(folder: Path, program: str) -> Iterator[subprocess.Popen[bytes]]:
    """The loop with a `crawl` of the test's own, without a pause."""
    (folder / "crawl").write_text(program)
    (folder / "crawl").chmod(0o700)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "SYNC_PAUSE": "0.01"}
    line: Sequence[str] = [str(CONTRIB / "container" / "sync-loop"), "--quiet"]
    process = subprocess.Popen(line, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait(there: Callable[[], bool]) -> None:
    end = time.monotonic() + LONG_S
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)
