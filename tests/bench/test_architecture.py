"""The picture of the rooms: read from the code, every room and every direct import in it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.figures.architecture import Room, arrows, draw, levels, main, room_names

SVG = "{http://www.w3.org/2000/svg}"
IMPORTS = {"top": {"middle": 3, "low": 2}, "middle": {"low": 1}, "beside": {"low": 1}, "low": {}}


def test_the_command_draws_every_room_with_a_title_and_a_description(tmp_path: Path) -> None:
    picture = tmp_path / "architecture.svg"

    assert main(["--output", str(picture)]) == 0

    svg = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    written = {text.text for text in svg.iter(f"{SVG}text")}
    described = svg.findtext(f"{SVG}desc") or ""
    assert svg.get("role") == "img" and svg.findtext(f"{SVG}title")
    assert len(room_names()) >= 8
    assert all(f"{room}/" in written and f"{room} imports " in described for room in room_names())
    assert "crawler imports storage, system;" in described


def test_a_room_stands_above_every_room_that_it_imports() -> None:
    assert levels(IMPORTS) == {"low": 0, "middle": 1, "beside": 1, "top": 2}


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    assert sorted(arrows(IMPORTS)) == [("beside", "low"), ("middle", "low"), ("top", "middle")]


def test_rooms_that_import_each_other_are_named() -> None:
    with pytest.raises(ValueError, match="in a circle: left, right"):
        levels({"left": {"right": 1}, "right": {"left": 1}, "low": {}})


def test_rooms_that_have_no_place_yet_are_drawn_side_by_side() -> None:
    rooms = [Room(name, f"{name} < purpose", (), IMPORTS[name]) for name in IMPORTS]

    svg = ElementTree.fromstring(draw(rooms))

    corners = [(box.get("x"), box.get("y")) for box in svg.iter(f"{SVG}rect")]
    assert len(set(corners)) == len(rooms)
    assert "low < purpose" in {text.text for text in svg.iter(f"{SVG}text")}
