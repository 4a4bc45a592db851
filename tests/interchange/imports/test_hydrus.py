"""What hydrus writes beside files, however its user has set it up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interchange.imports.hydrus import HydrusFacts, has_hydrus_sidecar, read_hydrus_sidecars
from storage.records import PostTags, Rating

LINES = "blue sky\ncharacter:Mona (genshin impact)\nseries:genshin impact\ncreator:some one\nrating:safe\n"
TAGS = PostTags(
    general=("blue_sky",),
    character=("mona_(genshin_impact)",),
    copyright=("genshin_impact",),
    artist=("some_one",),
)


@pytest.mark.parametrize("name", ["a.jpg.txt", "a.jpg.tags.txt", "a.txt", "a.tags.txt"])
def test_tags_are_read_whatever_the_sidecar_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LINES, encoding="utf-8-sig")

    assert has_hydrus_sidecar(tmp_path / "a.jpg")
    assert read_hydrus_sidecars(tmp_path / "a.jpg") == HydrusFacts(TAGS, Rating.GENERAL)


@pytest.mark.parametrize(
    "content",
    [
        {"metadata": {"tags": LINES.split("\n"), "urls": ["https://a.example/1"], "notes": ["title: no tag"]}},
        {"my tags": {"all known tags": LINES.split("\n")}, "file_info_urls": ["https://a.example/1"]},
        [*LINES.split("\n"), "https://a.example/1", 7, None],
    ],
)
def test_a_json_sidecar_is_understood_by_the_names_of_its_lists(tmp_path: Path, content: object) -> None:
    (tmp_path / "a.jpg.json").write_text(json.dumps(content))

    assert read_hydrus_sidecars(tmp_path / "a.jpg") == HydrusFacts(TAGS, Rating.GENERAL, ("https://a.example/1",))


def test_several_sidecars_say_one_thing_together(tmp_path: Path) -> None:
    (tmp_path / "a.jpg.txt").write_text("hat\nsource:danbooru\npost:12\n")
    (tmp_path / "a.jpg.urls.txt").write_text("https://a.example/1\nhttps://a.example/2\n")

    facts = read_hydrus_sidecars(tmp_path / "a.jpg")

    assert (facts.tags.general, facts.site, facts.post_id, len(facts.urls)) == (("hat",), "danbooru", 12, 2)


def test_a_colon_in_front_takes_away_the_namespace_and_unknown_ones_are_no_tags(tmp_path: Path) -> None:
    (tmp_path / "a.png.txt").write_text(":re:zero\n::d\ntitle:My Picture\npage:3\n^_^\n-no\n\n")

    assert read_hydrus_sidecars(tmp_path / "a.png").tags == PostTags(general=(":d", "^_^", "re:zero"))


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png.json").write_text("[" * 100_000)
    (tmp_path / "a.png.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.json").write_text('{"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"tags": ["deep"]}}}}}}}}}')

    assert read_hydrus_sidecars(tmp_path / "a.png").empty
    assert not has_hydrus_sidecar(tmp_path / "b.png")
