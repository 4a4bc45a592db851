"""The sizes that keep the source readable: folders, functions, annotations and docstrings, counted on the syntax."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
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
)
MOST_MODULES = 16  # side by side in a folder
ONE_FILE_A_COMMAND = "commands"  # the folder that may hold more
MOST_LINES = 60  # of a function's body, its docstring included
MOST_LINES_OF_MODULES = 340  # of all but one in twenty
LEAST_DOCUMENTED = 0.95  # share of the public modules, classes and functions
NOUNS = {"listing", "meaning", "opening", "pooling", "preprocessing", "ranking"}  # they name a thing, not an activity

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Definition:
    """One function, class or module of the source."""

    where: str  # path and dotted name
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
    public: bool  # neither it nor what it stands in has a name with an underscore in front
    method: bool


@cache
def definitions() -> tuple[Definition, ...]:
    """Everything that the rooms define, but not what is inside functions."""
    return tuple(found for path in modules() for found in of_module(path))


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "versions" not in path.parts)


def of_module(path: Path) -> Iterator[Definition]:
    where, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
    yield Definition(where, tree, public=True, method=False)
    yield from inside(tree, f"{where}:", public=True, method=False)


def inside(node: ast.AST, where: str, *, public: bool, method: bool) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            known = public and (not child.name.startswith("_") or child.name.endswith("__"))
            yield Definition(where + child.name, child, known, method)
            a_class = isinstance(child, ast.ClassDef)
            yield from inside(child, f"{where}{child.name}.", public=known and a_class, method=a_class)
        elif not isinstance(child, ast.expr):
            yield from inside(child, where, public=public, method=method)


def functions() -> list[tuple[Definition, AnyFunction]]:
    return [
        (found, found.node) for found in definitions() if isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def unannotated(function: AnyFunction, *, method: bool) -> list[str]:
    """The parameters without a type, and "return"."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    bound = method and not any(
        isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list
    )
    rest = [one for one in (given.vararg, given.kwarg) if one is not None]
    missing = [one.arg for one in [*positional[bound:], *given.kwonlyargs, *rest] if one.annotation is None]
    return missing if function.returns is not None else [*missing, "return"]


def test_no_folder_holds_more_modules_than_the_eye_takes_in() -> None:
    side_by_side = Counter(path.parent.relative_to(ROOT).as_posix() for path in modules() if path.name != "__init__.py")

    assert side_by_side[ONE_FILE_A_COMMAND] > MOST_MODULES, "the exception is needed no more"
    del side_by_side[ONE_FILE_A_COMMAND]
    assert {folder: count for folder, count in side_by_side.items() if count > MOST_MODULES} == {}


def test_no_module_is_named_by_a_bare_gerund() -> None:
    gerunds = {path.stem for path in modules() if re.fullmatch(r"[a-z]+ing", path.stem)}

    assert gerunds - NOUNS == set()
    assert NOUNS - gerunds == set(), "listed, and there is no such module"


def test_no_function_is_longer_than_a_page() -> None:
    lengths = {found.where: (node.end_lineno or 0) - node.body[0].lineno + 1 for found, node in functions()}

    assert len(lengths) > 2000
    assert {where: lines for where, lines in lengths.items() if lines > MOST_LINES} == {}


def test_hardly_a_module_is_longer_than_its_subject() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8").count("\n") for path in modules()}
    long = {path: lines for path, lines in lengths.items() if lines > MOST_LINES_OF_MODULES}

    assert len(lengths) > 400
    assert len(long) <= 0.05 * len(lengths), long


def test_every_parameter_and_every_result_has_a_type() -> None:
    missing = {found.where: unannotated(node, method=found.method) for found, node in functions()}

    assert {where: names for where, names in missing.items() if names} == {}


def test_public_things_are_documented() -> None:
    special = re.compile(r"\.__\w+__$")  # the class describes them
    public = [found for found in definitions() if found.public and not special.search(found.where)]
    bare = [found.where for found in public if ast.get_docstring(found.node) is None]

    assert len(bare) <= (1 - LEAST_DOCUMENTED) * len(public), "\n".join(bare)


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("def f(a: int, *rest: str) -> None: ...", []),
        ("def f(a, *, b=1): ...", ["a", "b", "return"]),
        ("class C:\n    def m(self, a) -> None: ...", ["a"]),
        ("class C:\n    @staticmethod\n    def m(a) -> None: ...", ["a"]),
        ("if True:\n    def f(*rest): ...", ["rest", "return"]),
    ],
)
def test_a_missing_type_is_found_wherever_it_is_missing(source: str, missing: list[str]) -> None:
    found = [one for one in inside(ast.parse(source), "", public=True, method=False) if one.where[-1] in "fm"]

    assert [
        unannotated(one.node, method=one.method) for one in found if not isinstance(one.node, ast.ClassDef | ast.Module)
    ] == [missing]
