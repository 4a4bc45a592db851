"""A name of an array type, or of a callback's, means one thing in the whole program."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("classifier", "rounds", "commands", "review", "bench")
DEFINED_IN = {
    "FloatArray": "classifier/arrays.py",
    "Float32Array": "classifier/arrays.py",
    "IntArray": "classifier/arrays.py",
    "BoolArray": "classifier/arrays.py",
    "ProgressCallback": "classifier/progress.py",
}


def test_a_type_that_rooms_share_is_defined_once() -> None:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in (path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))):
        for node in ast.parse(path.read_text("utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            for name in (target.id for target in targets if isinstance(target, ast.Name)):
                found[name].append(path.relative_to(REPOSITORY).as_posix())

    assert {name: found[name] for name in DEFINED_IN} == {name: [place] for name, place in DEFINED_IN.items()}
