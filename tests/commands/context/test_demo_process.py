"""The demo gallery's process: what it is asked for, when it is ready, and what is said when it does not come."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from commands.context.demo_process import DemoOptions, arguments, demo_site
from commands.errors import DemoRefused
from commands.terminal.allowed_values import SOFTWARE
from crawler.sites import Software
from demo.dialects.software import SOFTWARE as DEMO_SOFTWARE
from storage.errors import BadName

READY = "import os, sys; print('loading'); print('serving', os.getpid(), flush=True); sys.stdin.read()"
SILENT = "import sys; sys.stdin.read()"


def python(program: str) -> list[str]:
    """A process that stands for the gallery."""
    return [sys.executable, "-c", program]


def test_what_is_not_asked_for_is_left_to_the_demo_itself() -> None:
    assert arguments(DemoOptions()) == [
        "--port",
        "0",
        "--seed",
        "1",
        "--hide",
        "0.4",
        "--latency-ms",
        "0",
        "--software",
        "danbooru",
    ]


def test_a_folder_is_served_under_the_tag_as_the_site_writes_it(tmp_path: Path) -> None:
    given = arguments(DemoOptions(port=8000, posts=60, latency_ms=5, source=tmp_path, tag="Genshin Impact"))

    assert given[:2] == ["--port", "8000"]
    assert given[6:] == [
        "--latency-ms",
        "5",
        "--software",
        "danbooru",
        "--posts",
        "60",
        f"--from={tmp_path}",
        "--tag=genshin_impact",
    ]


@pytest.mark.parametrize(
    ("source", "tag", "message"),
    [
        ("nowhere", "genshin_impact", "nowhere is not a folder; it needs one folder of pictures for each class"),
        ("", None, "--from DIR and --tag NAME go together"),
        (None, "genshin_impact", "--from DIR and --tag NAME go together"),
    ],
)
def test_a_folder_without_a_tag_or_a_tag_without_one_is_refused(
    tmp_path: Path, source: str | None, tag: str | None, message: str
) -> None:
    with pytest.raises(DemoRefused, match=message):
        arguments(DemoOptions(source=None if source is None else tmp_path / source, tag=tag))


def test_a_tag_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadName):
        arguments(DemoOptions(source=tmp_path, tag="  "))


async def test_the_gallery_is_there_for_as_long_as_the_block_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    async with demo_site(DemoOptions(), python(READY)) as address:
        assert psutil.Process(int(address)).is_running()

    assert not psutil.pid_exists(int(address))
    assert capsys.readouterr().err == f"demo gallery: serving {address}\n"


async def test_a_gallery_that_ends_before_it_serves_is_refused_with_its_exit_code() -> None:
    with pytest.raises(DemoRefused, match=r"ended at once \(exit 3\); try `crawl demo` to see why"):
        async with demo_site(DemoOptions(), python("print('no'); raise SystemExit(3)")):
            pytest.fail("it began")


async def test_a_gallery_that_never_says_that_it_serves_is_not_waited_for_longer_than_allowed() -> None:
    with pytest.raises(DemoRefused, match="the demo gallery did not start within 0 s"):
        async with demo_site(DemoOptions(), python(SILENT), start_s=0.0):
            pytest.fail("it began")


async def test_a_gallery_that_the_system_refuses_to_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DemoRefused, match=r"the demo gallery does not start: .*no_python cannot be started"):
        async with demo_site(DemoOptions(), [str(tmp_path / "no_python")]):
            pytest.fail("it began")


def test_a_kind_of_site_that_there_is_not_is_refused() -> None:
    with pytest.raises(DemoRefused, match="danboru is none of danbooru, e621"):
        arguments(DemoOptions(software="danboru"))


def test_what_can_be_served_is_what_can_be_asked() -> None:
    assert tuple(Software) == SOFTWARE == DEMO_SOFTWARE
