"""A post that was withdrawn is gone, and stays away."""

from __future__ import annotations

import shutil

import pytest

from tests.interchange.small_gallery import SmallGallery


@pytest.mark.parametrize("format_", ["kohya", "imagefolder", "hydrus", "csv"])
def test_nothing_of_a_withdrawn_post_is_left_and_the_gallery_is_not_needed(gallery: SmallGallery, format_: str) -> None:
    gallery.add(1, 2)
    gallery.export(format_)
    gallery.root.rename(gallery.root.with_name("away"))

    done = gallery.export(format_, "--withdraw", "1")

    assert (done.exit_code, done.stdout) == (0, "withdrawn: demo 1\n"), done.stderr
    left = " ".join(gallery.files()) + "".join(
        gallery.read(name) for name in gallery.files() if name.endswith(("json", "jsonl", "csv", "txt", "toml"))
    )
    assert "demo_1" not in left and "/1_" not in left.replace("img/1_", "")
    assert [row["post_id"] for row in gallery.manifest()] == [2]
    gallery.root.with_name("away").rename(gallery.root)
    assert gallery.record(format_)["left_out"] == {"withdrawn from this export": 1}


def test_a_caption_that_was_corrected_is_named(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    gallery.export("kohya")
    (gallery.out / "img/1_mona/demo_1.txt").write_text("mine", encoding="utf-8")

    done = gallery.export("kohya", "--withdraw", "1")

    assert done.exit_code == 3
    assert "img/1_mona/demo_1.txt was changed by hand, and stays" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("kohya", "--withdraw", "7"), 3, "post 7 is not in this export"),
        (("hydrus", "--withdraw", "1"), 2, "holds an export for kohya"),
        (("kohya", "--withdraw", "one"), 2, "'one' is not a post id"),
        (("kohya", "hat", "--withdraw", "1"), 2, "takes posts by their numbers"),
    ],
)
def test_what_cannot_be_withdrawn_is_said(gallery: SmallGallery, words: tuple[str, ...], code: int, line: str) -> None:
    gallery.add(1)
    gallery.export("kohya")

    done = gallery.export(*words)

    assert done.exit_code == code
    assert line in done.stderr
    assert len(gallery.manifest()) == 1


def test_without_an_export_there_is_nothing_to_withdraw_from(gallery: SmallGallery) -> None:
    assert "is not there" in gallery.export("kohya", "--withdraw", "1").stderr
    gallery.out.mkdir()
    assert "holds no export" in gallery.export("kohya", "--withdraw", "1").stderr
    shutil.rmtree(gallery.out)


def test_for_programs_there_is_an_object(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.export("kohya")

    assert gallery.record("kohya", "--withdraw", "1", "--withdraw", "7") == {
        "withdrawn": ["demo 1"], "unknown": [7], "stay": [], "exit": 3, "error": "post 7 is not in this export",
        "open": [{"what": "posts", "count": 1, "why": "not in this export"}],
    }  # fmt: skip
