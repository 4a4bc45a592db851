"""The table of docs/faults.md: every row of the fault suite and the tests that hold it.

    python -m tests.faults.table           print it
    python -m tests.faults.table --write   put it into docs/faults.md
    python -m tests.faults.table --missing list the rows that no test holds

Marks are read from the source, so no test has to be run or even imported: `@pytest.mark.fault("F03")` on a test or a
parameter of it, in `pytestmark`, and the names of the data rows.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.catalogue import GROUPS, NOT_APPLICABLE, ROWS

TESTS = Path(__file__).resolve().parents[1]
DOCUMENT = TESTS.parent / "docs" / "faults.md"
BEGIN, END = "<!-- rows: begin (python -m tests.faults.table --write) -->", "<!-- rows: end -->"
DATA_ROW_IDS = re.compile(r"(?:[A-Z]\d\d )+")


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """A test that holds rows of the suite."""

    file: str  # below tests/
    test: str  # its function's name, or the name of a data row
    rows: tuple[str, ...]
    slow: bool

    def __str__(self) -> str:
        return f"`{self.test}`" + (" (slow)" if self.slow else "")


def holders(tests: Path = TESTS) -> list[Holder]:
    """Everything that says of itself which rows it holds."""
    found = [one for path in sorted(tests.rglob("test_*.py")) for one in _marked(path, tests)]
    data = [one for path in sorted(tests.rglob("rows_*.py")) for one in _data_rows(path, tests)]
    return sorted({*found, *data})


def _marked(path: Path, tests: Path) -> Iterator[Holder]:
    """The tests of one file that carry the mark, themselves or through their module."""
    tree = ast.parse(path.read_text("utf-8"))
    of_module = [node.value for node in tree.body if isinstance(node, ast.Assign) and _is_pytestmark(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            marks = [*of_module, *node.decorator_list]
            rows = tuple(row for mark in marks for row in _rows_named_in(mark))
            if rows:
                slow = any(_is_slow(mark) for mark in marks)
                yield Holder(str(path.relative_to(tests)), node.name, rows, slow)


def _is_pytestmark(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def _is_slow(mark: ast.expr) -> bool:
    """Whether `pytest.mark.slow` stands there for the whole test, not for one of its parameters."""
    return ast.unparse(mark).startswith("pytest.mark.slow") or (
        isinstance(mark, ast.List | ast.Tuple) and any(map(_is_slow, mark.elts))
    )


def _rows_named_in(mark: ast.expr) -> Iterator[str]:
    for call in ast.walk(mark):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault":
            yield from (
                str(ast.literal_eval(row)) for row in call.args if not isinstance(row, ast.Starred)
            )  # *: data rows


def _data_rows(path: Path, tests: Path) -> Iterator[Holder]:
    """Rows that are lines of data: `Row("H03 429 with Retry-After", …)`."""
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Row" and call.args:
            name = _beginning(call.args[0])
            yield Holder(str(path.relative_to(tests)), name, rows_in_name(name), slow=False)


def rows_in_name(name: str) -> tuple[str, ...]:
    """The rows that a data row holds: the ids at the beginning of its name.

    Raises:
        ValueError: it begins with none.
    """
    ids = DATA_ROW_IDS.match(name)
    if ids is None:
        raise ValueError(f"{name!r} begins with no row of the fault suite")
    return tuple(ids[0].split())


def _beginning(name: ast.expr) -> str:
    """A name's text; where a part of it is filled in, an ellipsis."""
    if isinstance(name, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in name.values)  # type: ignore[misc]  # constants of an f-string are text
    return str(name.value) if isinstance(name, ast.Constant) else ""


def by_row(found: Sequence[Holder]) -> Mapping[str, list[Holder]]:
    """Who holds each row."""
    held = defaultdict(list)
    for holder in found:
        for row in dict.fromkeys(holder.rows):
            held[row].append(holder)
    return held


def unknown(found: Sequence[Holder]) -> list[str]:
    """Marks that name no row of the suite."""
    return [f"{one.file}: {one.test}: {row}" for one in found for row in one.rows if row not in ROWS]


def missing(found: Sequence[Holder]) -> list[str]:
    """Rows to be tested before a release that have neither a test nor a reason."""
    held = by_row(found)
    return [row.id for row in ROWS.values() if row.first and row.id not in held and row.id not in NOT_APPLICABLE]


def table(found: Sequence[Holder]) -> str:
    """The generated part of the document."""
    held = by_row(found)
    first = [row.id for row in ROWS.values() if row.first]
    tested, excused = sum(row in held for row in first), sum(row in NOT_APPLICABLE for row in first)
    lines = [
        BEGIN,
        "",
        f"{len(first)} rows must be held before a release: {tested} are tested, {excused} not applicable,"
        f" {len(missing(found))} missing."
        f" Of the {len(ROWS) - len(first)} later rows {sum(row not in first for row in held)} are tested too.",
    ]
    for letter, title in GROUPS.items():
        lines += ["", f"### {title} ({letter})", "", "| Row | What goes wrong | Held by |", "| --- | --- | --- |"]
        lines += [
            f"| {row.id} | {row.fault} | {_state(row.id, row.first, held.get(row.id, []))} |"
            for row in ROWS.values()
            if row.group == letter
        ]
    return "\n".join([*lines, "", END])


def _state(row: str, first: bool, by: Sequence[Holder]) -> str:
    """Where a row is tested, or why it is not."""
    if by:
        files: dict[str, list[Holder]] = defaultdict(list)
        for holder in by:
            files[holder.file].append(holder)
        return "; ".join(f"{file}: {', '.join(map(str, tests))}" for file, tests in files.items())
    if row in NOT_APPLICABLE:
        return f"not applicable: {NOT_APPLICABLE[row]}"
    return "**missing**" if first else "later"


def with_table(document: str, generated: str) -> str:
    """The document with its generated part replaced.

    Raises:
        ValueError: the document has no place for it.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return before + generated + after


def main(arguments: Sequence[str]) -> int:
    """Print, write, or say what is missing."""
    found = holders()
    if "--missing" in arguments:
        print(" ".join(missing(found)))
    elif "--write" in arguments:
        DOCUMENT.write_text(with_table(DOCUMENT.read_text("utf-8"), table(found)), "utf-8")
    else:
        print(table(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
