"""No test replaces a part of the program behind its back: what a test wants otherwise, the code takes as a parameter.

Objects of the standard library and of other libraries may be replaced, and so may the environment.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = frozenset(
    {
        "bench",
        "classifier",
        "commands",
        "crawler",
        "demo",
        "distributed",
        "interchange",
        "migrations",
        "review",
        "serving",
        "rounds",
        "storage",
        "system",
        "tests",
    }
)
SETTERS = ("setattr", "delattr", "object")  # of `monkeypatch`, of a context of it, of `unittest.mock.patch`

# Still there, how often by file. Take one away with its last patch; none comes in.
REMAINING: Mapping[str, int] = {
    "tests/faults/stubs/crawl.py": 1,  # posts in a transaction of a rescoring: train, rescore and models would carry it
}


def is_ours(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in OURS


def our_names(tree: ast.AST) -> set[str]:
    """What a file calls our modules and what it imports from them, what it makes of these, and loops over them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {(one.asname or one.name).partition(".")[0] for one in node.names if is_ours(one.name)}
        elif isinstance(node, ast.ImportFrom) and is_ours(node.module):
            names |= {one.asname or one.name for one in node.names}
    made = [node for node in ast.iter_child_nodes(tree) if isinstance(node, ast.Assign | ast.AnnAssign)]
    for one in made:
        targets = one.targets if isinstance(one, ast.Assign) else [one.target]
        if one.value is not None and uses(one.value, names):
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For) and isinstance(node.target, ast.Name)]
    return names | {loop.target.id for loop in loops if isinstance(loop.target, ast.Name) and uses(loop.iter, names)}


def uses(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))


def patches(tree: ast.AST) -> Iterator[int]:
    """Lines on which a part of the program is replaced."""
    names = our_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called, target = node.func, node.args[0]
            setter = isinstance(called, ast.Attribute) and called.attr in SETTERS
            by_name = isinstance(called, ast.Name) and called.id in ("setattr", "delattr", "patch")
            text = isinstance(target, ast.Constant) and isinstance(target.value, str)
            if (setter or by_name) and (is_ours(target.value) if text else uses(target, names)):  # type: ignore[attr-defined]  # a constant
                yield node.lineno
        if isinstance(node, ast.Assign):
            yield from (
                node.lineno
                for target in node.targets
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id in names
            )


@pytest.mark.parametrize(
    "code",
    [
        "from rounds import head_round\nmonkeypatch.setattr(head_round, 'rescore', None)",
        "monkeypatch.setattr('rounds.head_round.rescore', None)",
        "import classifier.judge\nmonkeypatch.setattr(classifier.judge, 'NetworkJudge', None)",
        "from storage.archive import Archive\nwith context() as patch:\n  patch.setattr(Archive, 'open', None)",
        "from commands.app import PROGRAM\nmonkeypatch.setattr(type(PROGRAM), 'main', None)",
        "from storage import a, b\nfor module in (a, b):\n  monkeypatch.setattr(module, 'HEAD', 1)",
        "from commands.app import app\nONE: Any = built(app)\nmonkeypatch.setattr(type(ONE), 'main', None)",
        "from crawler import budget\nbudget.LONGEST_S = 1.0",
        "def test():\n  from crawler import budget as one\n  setattr(one, 'LONGEST_S', 1.0)",
        "from unittest.mock import patch\nwith patch('demo.server.serve'):\n  pass",
    ],
)
def test_the_search_for_patches_finds_them(code: str) -> None:
    assert len(list(patches(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "import os\nmonkeypatch.setattr(os, 'fsync', failing)",
        "monkeypatch.setattr('sys.stdin', None)",
        "monkeypatch.setenv('COLUMNS', '80')",
        "from storage.records import Post\nmonkeypatch.setattr(os, 'link', Post)",
    ],
)
def test_what_is_not_ours_may_be_replaced(code: str) -> None:
    assert list(patches(ast.parse(code))) == []


def test_no_test_replaces_a_part_of_the_program() -> None:
    found = Counter(
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for _ in patches(ast.parse(path.read_text(encoding="utf-8")))
    )

    assert found == REMAINING, "a parameter with a default takes its place; see CONTRIBUTING.md"
