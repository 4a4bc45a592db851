"""kohya's folders, read by the rules of sd-scripts."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.interchange.small_gallery import SmallGallery, picture

IMAGES = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".PNG", ".JPG", ".JPEG", ".WEBP", ".BMP"]


def read_by_kohya(folder: Path, extension: str = ".txt") -> dict[str, tuple[int, str]]:
    """Pictures with their repeats and captions, as sd-scripts finds them in `--train_data_dir`."""
    found = {}
    for subset in sorted(folder.iterdir()):
        repeats = int(subset.name.split("_")[0])  # sd-scripts skips folders where this is no number
        for path in subset.iterdir():
            if path.suffix in IMAGES:
                lines = path.with_suffix(extension).read_text(encoding="utf-8").splitlines()
                assert lines[0].strip(), "sd-scripts fails at an empty caption"
                found[path.name] = (repeats, lines[0])
    return found


def test_every_kept_picture_is_read_with_its_caption(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    gallery.add(3, decision="delete")

    done = gallery.export("kohya", "decision:keep", "--keep", "mona", "--trigger", "m0na", "--repeats", "10")

    assert done.exit_code == 0, done.stderr
    caption = "m0na, mona (genshin impact), genshin impact, 1girl, ^_^, hat, long hair, smile"
    assert read_by_kohya(gallery.out / "img") == {"demo_1.png": (10, caption), "demo_2.png": (10, caption)}
    assert (gallery.out / "img/10_m0na/demo_1.png").read_bytes() == gallery.contents[1]


@pytest.mark.parametrize("captions", ["txt", "caption"])
def test_the_configuration_names_folders_repeats_and_the_ending_of_captions(
    gallery: SmallGallery, captions: str
) -> None:
    gallery.add(1)

    gallery.export("kohya", "--repeats", "3", "--captions", captions, "--max-side", "768")

    config = tomllib.loads(gallery.read("dataset.toml"))
    assert config["general"] == {"caption_extension": f".{captions}", "shuffle_caption": True, "keep_tokens": 1}
    subsets = config["datasets"][0].pop("subsets")
    assert config["datasets"] == [{"resolution": 768, "enable_bucket": True, "bucket_no_upscale": True}]
    assert subsets == [{"image_dir": str(gallery.out / "img/3_mona"), "num_repeats": 3, "class_tokens": "mona"}]
    assert read_by_kohya(gallery.out / "img", f".{captions}").keys() == {"demo_1.png"}


def test_what_is_not_kept_becomes_regularisation_and_what_nobody_knows_is_left_out(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.add(2, decision="delete")
    gallery.add(3, decision="undecided")

    record = gallery.record("kohya", "decision:keep,delete,undecided")

    assert record["left_out"] == {
        "its original was not downloaded; crawl apply fetches what is kept, --renditions takes the smaller copy": 1,
        "undecided, so no trainer should learn from it": 1,
    }
    assert record["exit"] == 3


def test_captions_for_fine_tuning_go_by_the_stem(gallery: SmallGallery) -> None:
    gallery.add(1)

    gallery.export("kohya")

    assert json.loads(gallery.read("metadata_mona.json")) == {
        "demo_1": {
            "caption": "mona (genshin impact), genshin impact, 1girl, ^_^, hat, long hair, smile",
            "tags": "mona_(genshin_impact), genshin_impact, 1girl, ^_^, hat, long_hair, smile",
        }
    }


@pytest.mark.parametrize("ext", ["gif", "avif"])
def test_pictures_that_kohya_passes_over_become_png(gallery: SmallGallery, ext: str) -> None:
    gallery.add(1, ext=ext)
    gallery.add(2, ext="mp4")

    record = gallery.record("kohya")

    assert read_by_kohya(gallery.out / "img").keys() == {"demo_1.png"}
    assert record["left_out"] == {"no picture (mp4)": 1}
    assert record["exit"] == 0


def test_captions_with_groups_have_the_same_keys_and_types_everywhere(gallery: SmallGallery) -> None:
    gallery.add(1)

    gallery.export("kohya", "--captions", "json", "--trigger", "m0na")

    assert json.loads(gallery.read("img/1_m0na/demo_1.json")) == {
        "quality": "general",
        "count": "1girl",
        "character": "m0na, mona (genshin impact)",
        "series": "genshin impact",
        "artist": "@some artist",
        "appearance": ["long hair"],
        "tags": ["^_^", "hat", "smile"],
        "environment": [],
        "nl": "",
    }


def test_pictures_are_made_smaller_and_never_larger(gallery: SmallGallery) -> None:
    gallery.add(1, size=(80, 40))
    gallery.add(2, size=(20, 10))

    gallery.export("kohya", "--max-side", "40", "--min-side", "10")

    assert [(row["width"], row["height"]) for row in gallery.manifest()] == [(40, 20), (20, 10)]
    assert (gallery.out / "img/1_mona/demo_2.png").read_bytes() == picture(2, size=(20, 10))
    assert gallery.record("kohya", "--min-side", "11")["left_out"] == {"its shorter side is below 11 pixels": 1}
