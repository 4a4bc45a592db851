"""Row C08: a dry run reads, and what it says is what the run does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, run_here

# Opened to be read too: they are how SQLite's readers and its writer know of each other.
_OF_SQLITE = re.compile(r"crawl\.db-(wal|shm)")
_LOG = re.compile(r"crawl\.log(\.\d)?")
_CHANGES = "open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,symlink,truncate"
FIGURES = ("listed", "kept", "deleted", "undecided", "failed", "gone", "hidden", "gaps")


def run_json(*words: str) -> dict[str, Any]:
    ended = run_here([*words, "--json"], environment=LOGGED_IN)
    record: dict[str, Any] = json.loads(ended.stdout)
    assert record["exit"] == ended.code == 0, ended.output
    return record


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below the root: its content, and when it was changed."""
    files = (path for path in root.rglob("*") if path.is_file() and not _OF_SQLITE.fullmatch(path.name))
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def changed_files(trace: Path, root: Path) -> list[str]:
    """Calls that make, move, remove or cut something below the root, the log and SQLite's own two files apart."""
    makes = re.compile(r"O_CREAT|O_TRUNC|O_WRONLY|^\d+ +(creat|rename|unlink|mkdir|link|symlink|truncate)")
    calls = [line for line in trace.read_text().splitlines() if makes.search(line) and str(root) in line]
    names = [re.findall(r'"([^"]*)"', line)[0].rpartition("/")[2] for line in calls]
    return [
        line
        for line, name in zip(calls, names, strict=True)
        if not (_OF_SQLITE.fullmatch(name) or _LOG.fullmatch(name))
    ]


@pytest.mark.fault("C08")
@pytest.mark.skipif(driver.cannot_trace() is not None, reason=str(driver.cannot_trace()))
@pytest.mark.parametrize("kind", slow_after(1, ["crawl", "crawl without a gallery", "apply"]))
def test_a_dry_run_makes_moves_and_removes_nothing(laboratory: Laboratory, place: Path, kind: str) -> None:
    root, trace = place / "root", place / "trace"
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))
        config = ["--root", str(root), "--config", str(place / "crawl.toml")]
        if kind != "crawl without a gallery":
            assert run_here(arguments, environment=LOGGED_IN).code == 0
            assert run_here(["relabel", "delete", "10", *config]).code == 0
        before = snapshot(root)

        words = ["apply", *config] if kind == "apply" else arguments
        traced = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={_CHANGES}"]
        ended = driver.run([*words, "--dry-run"], before=traced, environment=LOGGED_IN)

    assert ended.code == 0, ended.output
    assert changed_files(trace, root) == []
    assert snapshot(root) == before


@pytest.mark.fault("C08")
def test_the_figures_of_a_dry_run_are_those_of_the_run(laboratory: Laboratory, place: Path) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(place / "root", simulator.configuration(place, site.url))

        planned, done = run_json(*arguments, "--dry-run"), run_json(*arguments)

    assert {name: planned[name] for name in FIGURES} == {name: done[name] for name in FIGURES}
    assert done["kept"] and done["deleted"]


@pytest.mark.fault("C08")
def test_what_apply_says_it_would_do_is_what_it_does(laboratory: Laboratory, place: Path) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(place / "root", simulator.configuration(place, site.url))
        config = ["--root", str(place / "root"), "--config", str(place / "crawl.toml")]
        run_json(*arguments)
        run_json("relabel", "delete", "10", *config)
        run_json("relabel", "keep", "20", *config)
        before = snapshot(place / "root")

        steps = run_json("apply", "--dry-run", *config)["would_do"]
        done = run_json("apply", *config)

    after = snapshot(place / "root")
    assert [step["do"] for step in steps] == ["trash", "fetch"]
    assert (done["trashed"], done["back"], done["fetched"]) == (1, 0, 1)
    gone, come = set(before) - set(after), set(after) - set(before)
    assert gone == {steps[0]["from"]}
    assert {Path(name).parts[0] for name in come if "crawl.log" not in name} == {"trash", "gallery"}
    assert all(name.startswith(steps[1]["to"]) for name in come if name.startswith("gallery"))
