"""What pages name is there: tests, modules, versions and scripts, files and links."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "libraries.md").read_text(encoding="utf-8")
LIST = (ROOT / "findings" / "README.md").read_text(encoding="utf-8")
SCRIPTS = sorted((ROOT / "findings").glob("*.sh"))
ROWS = [
    line.strip("| ").split(" | ")
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| ---")
]
BEHAVIOURS = [row for row in ROWS if row[1] != "what it does"]
BY_NAME = {" ".join(row[:2])[:60]: row for row in BEHAVIOURS}


@pytest.mark.parametrize("row", BEHAVIOURS, ids=list(BY_NAME))
def test_every_behaviour_of_a_library_names_the_module_and_the_test_that_hold_it(row: list[str]) -> None:
    assert len(row) == 4
    modules = re.findall(r"\(`([a-z_/]+\.py)`\)", row[2])
    tests = re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", row[3])

    assert modules and all((ROOT / module).is_file() for module in modules)
    assert tests and all(name in _tests_of(ROOT / file) for file, name in tests)


def test_the_versions_are_those_of_the_lock_file() -> None:
    locks = [(ROOT / name).read_text("utf-8") for name in ("requirements-dev.lock", "requirements.lock")]  # extras too
    lock = dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\\n]+)", "\n".join(locks), re.MULTILINE))
    named = {pair for row in ROWS for pair in re.findall(r"([A-Za-z0-9-]+) ([0-9]+\.[0-9][0-9.]*)", row[0])}

    assert len(named) >= 6
    assert {(name, version) for name, version in named if lock.get(name.lower()) != version} == set()


def test_every_finding_is_in_the_list_and_can_be_run() -> None:
    listed = re.findall(r"^\| \[([a-z0-9-]+\.sh)\]\(([a-z0-9-]+\.sh)\)", LIST, re.MULTILINE)

    assert [name for name, _ in listed] == [link for _, link in listed] == [script.name for script in SCRIPTS]
    assert all(os.access(script, os.X_OK) for script in SCRIPTS)


FOR_DEVELOPERS = ("CONTRIBUTING.md", "docs/architecture.md", "docs/faults.md")
OF_A_GALLERY = {"staging/"}  # not of the repository
WITH_LINKS = (
    "README.md",
    "CONTRIBUTING.md",
    "findings/README.md",
    *(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")),
)


@pytest.mark.parametrize("page", FOR_DEVELOPERS)
def test_every_file_and_folder_that_developers_are_sent_to_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+/[a-z0-9_/]*(?:\.[a-z]+)?)`", text)) - OF_A_GALLERY

    assert len(named) >= 10
    assert {name for name in named if not (ROOT / name).exists() and not _is_a_wing(name)} == set()


@pytest.mark.parametrize("page", WITH_LINKS)
def test_no_page_links_to_a_file_or_a_heading_that_is_not_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    files = {file: (ROOT / page).parent / file if file else ROOT / page for file, _, _ in links}

    assert {file for file, path in files.items() if not path.exists()} == set()
    assert {(file, at) for file, _, at in links if at and at not in _headings(files[file])} == set()


def _is_a_wing(name: str) -> bool:
    """A wing is named without its room in the table of rooms: `rows/`."""
    return name.endswith("/") and any(ROOT.glob(f"*/{name}"))


def _headings(page: Path) -> set[str]:
    """The anchors that a page's headings get, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _tests_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
