"""OneTrainer's concepts and ai-toolkit's datasets name the folders that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interchange.small_gallery import SmallGallery


def captioned(folder: Path) -> dict[str, str]:
    """Pictures with the text beside them, as both trainers pair them."""
    return {path.name: path.with_suffix(".txt").read_text("utf-8").strip() for path in folder.glob("*.[pjw][npe][gb]*")}


@pytest.fixture
def two_classes(gallery: SmallGallery) -> SmallGallery:
    gallery.add(1, 2)
    gallery.add(3, ext="webp")
    gallery.add(4, decision="delete")
    gallery.assign(validation=[2])
    return gallery


def test_onetrainer_s_concepts(two_classes: SmallGallery) -> None:
    two_classes.export("onetrainer", "decision:keep,delete", "--renditions", "--split", "--repeats", "5")

    concepts = {one["path"]: one for one in json.loads(two_classes.read("concepts.json"))}

    train, other, validation = (
        str(two_classes.out / place) for place in ("train/mona", "train/other", "validation/mona")
    )
    assert {path: (one["type"], one["balancing"]) for path, one in concepts.items()} == {
        train: ("STANDARD", 5.0), other: ("PRIOR_PREDICTION", 1.0), validation: ("VALIDATION", 5.0),
    }  # fmt: skip
    assert captioned(Path(train)).keys() == {"demo_1.png", "demo_3.webp"}
    assert all(one["text"]["prompt_source"] == "sample" for one in concepts.values())


def test_ai_toolkit_s_datasets(two_classes: SmallGallery) -> None:
    import yaml

    two_classes.export("ai-toolkit", "--trigger", "m0na", "--keep", "mona", "--repeats", "2")

    folder = two_classes.out / "train/m0na"
    assert yaml.safe_load(two_classes.read("datasets.yaml")) == {
        "datasets": [
            {
                "folder_path": str(folder), "caption_ext": "txt", "num_repeats": 2, "shuffle_tokens": True,
                "keep_tokens": 2, "resolution": [1024],
            }
        ]
    }  # fmt: skip
    assert captioned(folder).keys() == {"demo_1.png", "demo_2.png", "demo_3.png"}  # its README warns of webp
    assert captioned(folder)["demo_1.png"].startswith("m0na, mona (genshin impact), ")
