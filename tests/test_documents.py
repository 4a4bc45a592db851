"""The pages about outside libraries name tests, modules, versions and scripts that there are."""

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
    lock = dict(
        re.findall(r"^([a-z0-9-]+)==([^ ;\\\n]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    )
    named = {pair for row in ROWS for pair in re.findall(r"([A-Za-z0-9]+) ([0-9]+\.[0-9][0-9.]*)", row[0])}

    assert len(named) >= 6
    assert {(name, version) for name, version in named if lock.get(name.lower()) != version} == set()


def test_every_finding_is_in_the_list_and_can_be_run() -> None:
    listed = re.findall(r"^\| \[([a-z0-9-]+\.sh)\]\(([a-z0-9-]+\.sh)\)", LIST, re.MULTILINE)

    assert [name for name, _ in listed] == [link for _, link in listed] == [script.name for script in SCRIPTS]
    assert all(os.access(script, os.X_OK) for script in SCRIPTS)


def test_a_page_links_to_nothing_that_is_not_there() -> None:
    targets = {
        link for page in (PAGE, LIST) for link in re.findall(r"\]\((?:\.\./findings/|\.\./docs/)?([^):#]+)\)", page)
    }

    assert {link for link in targets if not any((ROOT / at / link).exists() for at in ("findings", "docs"))} == set()


def _tests_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
