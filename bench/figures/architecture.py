"""Draw the rooms of the program and which imports which, from the code as it is.

    python -m bench.figures.architecture [--output FILE]

Reads the import graph of the packages that import-linter watches (`root_packages` in pyproject.toml) and writes
docs/pictures/architecture.svg. A room is drawn above every room that it imports. Arrows that follow from others are
left out; what each room imports is written in its box, with the number of pairs of modules, one importing the other.
"""

from __future__ import annotations

import argparse
import ast
import textwrap
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from grimp import ImportGraph, build_graph

HERE = Path(__file__).parents[2]
PICTURE = HERE / "docs" / "pictures" / "architecture.svg"

COLUMNS, COLUMN, GAP, MARGIN = 3, 330, 22, 24  # of boxes; px
ROW_GAP, LINE, FONT = 44, 18, 13  # px
CHARACTER = 6.9  # px, width of a character of text, rather too much
PLACES = {  # room -> leftmost column, columns; a room that is not named takes the next free column of its row
    "commands": (0, 4),
    "review": (0, 2),
    "serving": (3, 1),
    "rounds": (0, 2),
    "classifier": (0, 1),
    "crawler": (1, 1),
    "interchange": (2, 1),
    "storage": (0, 2),
    "demo": (2, 1),
    "system": (0, 3),
}

Imports = Mapping[str, Mapping[str, int]]  # room -> room that it imports -> pairs of modules

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.name { font-weight: 700; font-size: 15px; }
.quiet { fill: #59636e; }
rect { fill: #f6f8fa; stroke: #6e7781; }
path { stroke: #0550ae; stroke-width: 1.6; fill: none; }
marker path { fill: #0550ae; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet { fill: #9da7b3; }
  rect { fill: #161b22; stroke: #8b949e; }
  path { stroke: #79c0ff; }
  marker path { fill: #79c0ff; }
}
"""


@dataclass(frozen=True, slots=True)
class Room:
    """A package at the top, as it is shown."""

    name: str
    purpose: str  # first sentence of its docstring
    wings: Sequence[str]  # packages in it, by name
    imports: Mapping[str, int]  # other room -> pairs of modules


@dataclass(frozen=True, slots=True)
class Box:
    """Where a room is drawn; px."""

    left: float
    top: float
    width: float
    height: float
    lines: Sequence[tuple[str, str]]  # CSS class, text


def room_names() -> Sequence[str]:
    """The packages that import-linter watches."""
    settings = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(name) for name in settings["tool"]["importlinter"]["root_packages"]]


def rooms_of(names: Sequence[str]) -> Sequence[Room]:
    """The rooms with what they import of each other."""
    graph = build_graph(*names, cache_dir=None)
    imports = imports_between(graph, names)
    return [Room(name, _purpose(name), _wings(graph, name), imports[name]) for name in names]


def imports_between(graph: ImportGraph, names: Sequence[str]) -> Imports:
    """How many modules of each other room are imported by how many of this one: pairs, each once."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for module in graph.modules:
        room = module.partition(".")[0]
        for imported in graph.find_modules_directly_imported_by(module):
            counts[room][imported.partition(".")[0]] += 1
    return {room: {other: n for other, n in sorted(others.items()) if other != room} for room, others in counts.items()}


def _purpose(name: str) -> str:
    text = ast.get_docstring(ast.parse((HERE / name / "__init__.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].replace("`", "").split())


def _wings(graph: ImportGraph, name: str) -> Sequence[str]:
    return sorted(child.rpartition(".")[2] for child in graph.find_children(name) if graph.find_children(child))


def levels(imports: Imports) -> dict[str, int]:
    """How many rooms lie below each at most; 0 imports no other.

    Raises:
        ValueError: rooms import each other in a circle.
    """
    known: dict[str, int] = {}
    while len(known) < len(imports):
        ready = {room for room, others in imports.items() if room not in known and known.keys() >= others.keys()}
        if not ready:
            raise ValueError(f"rooms import each other in a circle: {', '.join(sorted(imports.keys() - known.keys()))}")
        known |= {room: 1 + max((known[other] for other in imports[room]), default=-1) for room in ready}
    return known


def arrows(imports: Imports) -> Sequence[tuple[str, str]]:
    """The imports that do not follow from others (transitive reduction)."""
    below: dict[str, set[str]] = {}
    for room in sorted(imports, key=levels(imports).__getitem__):
        below[room] = set(imports[room]).union(*(below[other] for other in imports[room]))
    return [
        (room, other)
        for room, others in imports.items()
        for other in others
        if not any(other in below[third] for third in others)
    ]


def draw(rooms: Sequence[Room]) -> str:
    """The picture as SVG."""
    imports = {room.name: room.imports for room in rooms}
    boxes = _boxes(rooms, levels(imports))
    width = max(box.left + box.width for box in boxes.values()) + MARGIN
    height = max(box.top + box.height for box in boxes.values()) + MARGIN
    summary = "; ".join(f"{room.name} imports {', '.join(room.imports) or 'no other'}" for room in rooms)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-labelledby="title desc">',
        '<title id="title">The rooms of the program and which imports which</title>',
        f'<desc id="desc">{escape(summary)}.</desc>',
        f"<style>{_STYLE}</style>",
        '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L10 5L0 10z"/></marker>',
        *(_arrow(boxes[room], boxes[other]) for room, other in arrows(imports)),
        *(_drawn(box) for box in boxes.values()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _boxes(rooms: Sequence[Room], level: Mapping[str, int]) -> Mapping[str, Box]:
    """A row a level, the highest on top; as high as its fullest box."""
    boxes: dict[str, Box] = {}
    top = float(MARGIN)
    for row in sorted(set(level.values()), reverse=True):
        there = [room for room in rooms if level[room.name] == row]
        free, texts = 0, {}
        for room in sorted(there, key=lambda room: PLACES.get(room.name, (COLUMNS, 1))):
            column, span = PLACES.get(room.name, (free, 1))
            free = max(free, column + span)
            width = span * COLUMN + (span - 1) * GAP
            texts[room.name] = (MARGIN + column * (COLUMN + GAP), width, _lines(room, width))
        height = (max(len(lines) for _, _, lines in texts.values()) + 0.9) * LINE
        boxes |= {name: Box(left, top, width, height, lines) for name, (left, width, lines) in texts.items()}
        top += height + ROW_GAP
    return boxes


def _lines(room: Room, width: float) -> Sequence[tuple[str, str]]:
    """What is written in a box."""
    characters = int((width - 2 * FONT) / CHARACTER)
    imported = ", ".join(f"{other} {count}" for other, count in room.imports.items())
    paragraphs = [
        ("", room.purpose),
        ("quiet", f"wings: {', '.join(room.wings)}" if room.wings else ""),
        ("quiet", f"imports: {imported}" if imported else "imports no other room"),
    ]
    wrapped = [(kind, line) for kind, text in paragraphs for line in textwrap.wrap(text, characters)]
    return [("name", f"{room.name}/"), *wrapped]


def _drawn(box: Box) -> str:
    left, top = box.left + FONT, box.top + 1.1 * LINE
    texts = [
        f'<text class="{kind}" x="{left:.0f}" y="{top + number * LINE:.0f}">{escape(text)}</text>'
        for number, (kind, text) in enumerate(box.lines)
    ]
    frame = f'<rect x="{box.left:.0f}" y="{box.top:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" rx="6"/>'
    return "\n".join([frame, *texts])


def _arrow(above: Box, below: Box) -> str:
    """Straight down, in the middle of what both boxes cover; between the middles where they cover nothing together."""
    left = max(above.left, below.left)
    right = min(above.left + above.width, below.left + below.width)
    start = end = (left + right) / 2
    if left >= right:
        start, end = above.left + above.width / 2, below.left + below.width / 2
    return f'<path d="M{start:.0f} {above.top + above.height:.0f}L{end:.0f} {below.top:.0f}" marker-end="url(#tip)"/>'


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=PICTURE, help="where to write the picture")
    output: Path = parser.parse_args(arguments).output
    output.write_text(draw(rooms_of(room_names())), encoding="utf-8")
    print(f"wrote {output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
