"""The shipped code does nothing that would let data become code, leave its folder, or trust anybody unverified."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "telnetlib", "imp"}
UNSAFE_NAMES = {"eval", "exec", "execfile", "__import__"}  # called by their bare name
UNSAFE_METHODS = {"extractall", "extract", "unpack_archive", "_create_unverified_context"}  # called on anything
UNSAFE_CALLS = {"os.system", "os.popen", "os.execl", "os.execlp", "subprocess.getoutput", "subprocess.getstatusoutput"}
UNSAFE_KEYWORDS = {
    ("shell", True),
    ("verify", False),
    ("safe_mode", False),
    ("allow_pickle", True),
    ("check_hostname", False),
}
UNSAFE_SETTINGS = {"MAX_IMAGE_PIXELS", "LOAD_TRUNCATED_IMAGES", "verify_mode", "check_hostname"}  # assigned anywhere
READS_TENSORS = "classifier/backbones/torch_file.py"  # its unpicklers look names up in a list of four
SQL_METHODS = {"execute", "executemany", "executescript", "exec_driver_sql", "text"}
WITHOUT_PARAMETERS = (
    "PRAGMA ",
    "CREATE TRIGGER ",
    "DROP TRIGGER ",
    "ALTER TABLE ",
)  # nothing can be bound there; ours name our own things

Finding = tuple[int, str]


def shipped() -> list[Path]:
    """Every file of the packages that are installed."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    folders = [REPOSITORY / package.replace(".", "/") for package in project["tool"]["setuptools"]["packages"]]
    return [path for folder in folders for path in sorted(folder.glob("*.py"))]


def dangers(source: str) -> Iterator[Finding]:
    """What must not stand in shipped code: line and what it is."""
    for node in ast.walk(ast.parse(source)):
        yield from _imports(node)
        yield from _calls(node)
        yield from _settings(node)


def _imports(node: ast.AST) -> Iterator[Finding]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    yield from ((node.lineno, name) for name in names if name.split(".")[0] in UNSAFE_MODULES)  # type: ignore[attr-defined]  # an import has a line


def _calls(node: ast.AST) -> Iterator[Finding]:
    if not isinstance(node, ast.Call):
        return
    called = ast.unparse(node.func)
    method = called.rpartition(".")[2]
    if called in UNSAFE_NAMES | UNSAFE_CALLS or ("." in called and method in UNSAFE_METHODS):
        yield node.lineno, called
    for keyword in node.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if (keyword.arg, value) in UNSAFE_KEYWORDS:
            yield node.lineno, f"{keyword.arg}={value}"
    if method in SQL_METHODS and node.args and _is_put_together(node.args[0]):
        yield node.lineno, f"SQL put together: {ast.unparse(node.args[0])}"


def _is_put_together(text: ast.expr) -> bool:
    """Whether a text is made of parts that no reader of this line knows."""
    if isinstance(text, ast.JoinedStr):
        beginning = text.values[0].value if isinstance(text.values[0], ast.Constant) else ""
        if str(beginning).startswith(WITHOUT_PARAMETERS):
            return False
        return any(isinstance(part, ast.FormattedValue) for part in text.values)
    if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add | ast.Mod):
        return not all(isinstance(part, ast.Constant) for part in (text.left, text.right))
    return isinstance(text, ast.Call) and ast.unparse(text.func).rpartition(".")[2] in {"format", "join", "replace"}


def _settings(node: ast.AST) -> Iterator[Finding]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        if isinstance(target, ast.Attribute) and target.attr in UNSAFE_SETTINGS:
            yield target.lineno, ast.unparse(target)


@pytest.mark.fault("U18", "D15", "B12")
def test_no_shipped_line_runs_data_or_trusts_the_unverified() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}: {what}"
        for path in shipped()
        for line, what in dangers(path.read_text("utf-8"))
        if (path.relative_to(REPOSITORY).as_posix(), what) != (READS_TENSORS, "pickle")
    ]

    assert found == []


@pytest.mark.fault("U18")
def test_the_file_that_reads_tensors_uses_nothing_of_pickle_but_unpicklers_that_refuse_names() -> None:
    tree = ast.parse((REPOSITORY / READS_TENSORS).read_text("utf-8"))
    used = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    refusing = [
        one.name
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef) and any(getattr(part, "name", "") == "find_class" for part in one.body)
    ]

    assert [name for name in used if name.startswith("pickle.")] == ["pickle.Unpickler"]
    assert refusing == ["_Plain", "_Tensors"]


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from yaml import load",
        "value = eval(words)",
        "exec(words)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(name)",
        "subprocess.run(words, shell=True)",
        "os.system(words)",
        "client = Client(verify=False)",
        "load_model(path, safe_mode=False)",
        "numpy.load(path, allow_pickle=True)",
        "Image.MAX_IMAGE_PIXELS = None",
        "ImageFile.LOAD_TRUNCATED_IMAGES = True",
        "context.verify_mode = ssl.CERT_NONE",
        "connection.execute(f'SELECT {column} FROM post')",
        "connection.execute('SELECT * FROM post WHERE id = ' + str(number))",
        "connection.execute('SELECT * FROM %s' % table)",
        "connection.execute('SELECT {}'.format(column))",
        "connection.execute(text(f'DELETE FROM {table}'))",
    ],
)
def test_each_danger_would_be_noticed(line: str) -> None:
    assert list(dangers(line))


def test_the_whole_program_is_looked_at() -> None:
    names = {str(path.relative_to(REPOSITORY)) for path in shipped()}

    assert {
        "commands/app.py",
        "storage/archive.py",
        "classifier/pictures/preprocessing.py",
        "crawler/transport/http.py",
    } <= names
    assert len(names) > 200
