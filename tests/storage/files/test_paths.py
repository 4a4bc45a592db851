"""Paths below `gallery/` and `models/` are put together in one module, from checked names."""

import ast
from pathlib import Path

import pytest

from storage.errors import BadName
from storage.files.paths import gallery_folder, model_folder, models_folder, original_path, target_models

pytestmark = pytest.mark.no_gallery

REPOSITORY = Path(__file__).parents[3]
ROOMS = ("commands", "crawler", "classifier", "storage", "rounds", "review")
FOLDERS = ("models", "gallery")
THE_PLACE = "storage/files/paths.py"


def _is_folder(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in FOLDERS


def _begins_below(text: object) -> bool:
    return isinstance(text, str) and text.startswith(tuple(f"{folder}/" for folder in FOLDERS))


def _builds_a_path(node: ast.AST) -> bool:
    """`x / "models"`, `joinpath("models")`, `Path("models")`, `f"gallery/{x}"`, `"models/" + x`, `"models/%s" % x`."""
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Div):
            return _is_folder(node.right) or (isinstance(node.right, ast.Constant) and _begins_below(node.right.value))
        return isinstance(node.left, ast.Constant) and _begins_below(node.left.value)
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("joinpath", "Path", "PurePosixPath", "join"):
            return any(_is_folder(argument) for argument in node.args)
        return called == "format" and isinstance(node.func, ast.Attribute) and _of_a_folder(node.func.value)
    if isinstance(node, ast.JoinedStr) and node.values:
        first = node.values[0]
        return len(node.values) > 1 and isinstance(first, ast.Constant) and _begins_below(first.value)
    return False


def _of_a_folder(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and _begins_below(node.value)


def _places(source: str) -> list[int]:
    return [node.lineno for node in ast.walk(ast.parse(source)) if _builds_a_path(node)]


def test_only_one_module_puts_paths_of_models_and_originals_together() -> None:
    elsewhere = [
        f"{path.relative_to(REPOSITORY)}:{line}"
        for room in ROOMS
        for path in sorted((REPOSITORY / room).rglob("*.py"))
        if path.relative_to(REPOSITORY).as_posix() != THE_PLACE
        for line in _places(path.read_text(encoding="utf-8"))
    ]

    assert elsewhere == []


@pytest.mark.parametrize(
    "source",
    [
        'root / "models" / name', 'root / f"models/{name}"', 'f"gallery/{name}"', 'root.joinpath("models", name)',
        '"gallery/" + name', '"models/%s" % name', '"models/{}".format(name)', 'Path("gallery", name)',
        'root / "models/x"', 'os.path.join(root, "models")',
    ],
)  # fmt: skip
def test_the_search_for_such_places_finds_them(source: str) -> None:
    assert _places(source) == [1]


@pytest.mark.parametrize("name", ["..", "../../../x", "a/b", "", ".", "A", "a\0"])
def test_a_name_that_leads_elsewhere_makes_no_path(name: str, tmp_path: Path) -> None:
    for make in (
        lambda: gallery_folder(name),
        lambda: original_path(name, 1, "0" * 32, "png"),
        lambda: target_models(models_folder(tmp_path), name),
    ):
        with pytest.raises(BadName):
            make()


def test_a_model_lies_in_its_targets_folder(tmp_path: Path) -> None:
    from storage.names import ModelName

    assert model_folder(models_folder(tmp_path), ModelName.parse("mona/3")) == tmp_path / "models" / "mona" / "3"
