"""`python -m demo` as another program starts it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from commands.app import app

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        line = process.stdout.readline()
        yield process, line.removeprefix("serving ").strip()
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def test_it_says_where_it_serves_and_ends_when_its_input_closes(tmp_path: Path) -> None:
    with started("--posts", "6", "--no-ahead", "--workers", "0", "--cache", str(tmp_path)) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}/counts/posts.json?tags=genshin_impact", timeout=60) as answer:
            assert json.load(answer)["counts"]["posts"] > 0
        with urllib.request.urlopen(f"{url}/demo/truth.json", timeout=60) as answer:
            truth = json.load(answer)
        assert len(truth) == 6
        assert set(next(iter(truth.values()))) == {"characters", "hidden", "wrong"}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/demo/requests.json", timeout=60)

        assert process.stdin is not None
        process.stdin.close()

        assert process.wait(10) == 0


def test_it_ends_on_a_signal_and_leaves_no_painter_behind(tmp_path: Path) -> None:
    with started("--posts", "40", "--workers", "1", "--cache", str(tmp_path)) as (process, url):
        with urllib.request.urlopen(f"{url}/posts.json?limit=1&only=id,md5", timeout=60) as answer:
            assert len(json.load(answer)) == 1
        painters = psutil.Process(process.pid).children()
        assert len(painters) == 1

        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 0
        assert psutil.wait_procs(painters, timeout=60)[1] == []


def test_control_c_ends_all_of_it_without_a_trace(tmp_path: Path) -> None:
    with (tmp_path / "errors").open("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--posts", "30", "--workers", "1", "--cache", str(tmp_path / "cache")],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("serving ").strip()
        with urllib.request.urlopen(f"{url}/posts.json?limit=1&only=id,md5", timeout=60):
            pass

        os.killpg(process.pid, signal.SIGINT)

        assert process.wait(10) == 0
        process.stdout.close()
        errors.seek(0)
        assert errors.read() == ""


def test_a_painter_ends_when_its_server_was_killed(tmp_path: Path) -> None:
    with started("--posts", "30", "--workers", "1", "--cache", str(tmp_path)) as (process, url):
        with urllib.request.urlopen(f"{url}/posts.json?limit=1&only=id,md5", timeout=60):
            pass
        painters = psutil.Process(process.pid).children()

        process.kill()

        assert psutil.wait_procs(painters, timeout=60)[1] == []


def test_wrong_arguments_end_with_one_line_and_code_two(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "demo", "--from", str(tmp_path / "nowhere")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    assert result.returncode == 2
    assert "nowhere is not a folder" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "{here}/empty", "--tag", "t"), "holds no pictures"),
        (("--from", "{here}/empty", "--tag", "-x"), "no tag begins with"),
        (("--from", "{here}/empty", "--tag", "a,b"), "never occurs in one"),
        (("--port", "{taken}"), "in use already"),
    ],
    ids=["no pictures", "a tag like an option", "no tag", "a port that is taken"],
)
def test_what_cannot_be_served_is_refused_in_one_line(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        filled = [word.format(here=tmp_path, taken=taken.getsockname()[1]) for word in words]

        done = CliRunner().invoke(app, ["demo", *filled], prog_name="crawl")

    assert done.exit_code == 2
    assert done.stderr.startswith("crawl: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
