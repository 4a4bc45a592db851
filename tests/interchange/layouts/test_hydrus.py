"""Sidecars as hydrus reads them: a tag a line, behind the file's whole name."""

from __future__ import annotations

import re

from interchange.layouts.hydrus import unnamespaced
from storage.records import PostTags
from tests.interchange.small_gallery import MONA, SmallGallery


def as_hydrus_reads(line: str) -> tuple[str, str]:
    """Namespace and tag, by the rules of `CleanTag` and `SplitTag`."""
    if re.match("^:(?=[^:]+$)", line):
        line = ":" + line
    namespace, colon, tag = line.partition(":")
    return (namespace, tag) if colon else ("", line)


def test_tags_have_the_namespaces_of_hydrus(gallery: SmallGallery) -> None:
    tags = PostTags(
        ("1girl", ":d", "long_hair", "re:zero"), ("some_artist",), ("fate/stay_night",), (MONA.tag,), ("highres",)
    )
    gallery.add(1, tags=tags, source="https://www.pixiv.net/artworks/1")

    done = gallery.export("hydrus")

    assert done.exit_code == 0, done.stderr
    assert {as_hydrus_reads(line) for line in gallery.read("demo_1.png.txt").splitlines()} == {
        ("character", "mona (genshin impact)"),
        ("series", "fate/stay night"),
        ("creator", "some artist"),
        ("meta", "highres"),
        ("rating", "general"),
        ("source", "demo"),
        ("post", "1"),
        ("", "1girl"),
        ("", "long hair"),
        ("", ":d"),
        ("", "re:zero"),
    }
    assert gallery.read("demo_1.png.urls.txt") == "https://www.pixiv.net/artworks/1\n"


def test_files_of_every_type_stay_as_they_are(gallery: SmallGallery) -> None:
    gallery.add(1, ext="mp4")
    gallery.add(2, ext="avif", source="a book")

    gallery.export("hydrus")

    assert gallery.files() == ["demo_1.mp4", "demo_1.mp4.txt", "demo_2.avif", "demo_2.avif.txt", "manifest.jsonl"]
    assert (gallery.out / "demo_1.mp4").read_bytes() == gallery.contents[1]


def test_only_what_a_colon_would_turn_into_a_namespace_is_marked() -> None:
    assert [unnamespaced(tag) for tag in ("hat", ":d", "re:zero", "Long Hair")] == [
        "hat",
        "::d",
        ":re:zero",
        "long hair",
    ]
