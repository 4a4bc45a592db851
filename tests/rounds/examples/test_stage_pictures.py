"""Pictures of a recipe's stages: what is found, what is left out, and in which order they are handed on."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.errors import ClassFolderError, PictureFault
from classifier.pictures.preprocessing import Preprocessing
from classifier.training.job import stage_file
from rounds.errors import TooLittleToLearn
from rounds.examples.stage_pictures import Stage, decode_stage, pictures_below, stored_pictures, without_both
from rounds.folder_round import FolderSettings
from storage.gallery_view import FoundPicture

pytestmark = pytest.mark.no_gallery


def png(level: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (level, level, level)).save(stream, "PNG")
    return stream.getvalue()


def found(*numbers: int) -> list[FoundPicture]:
    return [FoundPicture(one, "demo", 100 + one, None, f"{one:032x}") for one in numbers]


def side(*numbers: int) -> list:
    return stored_pictures(found(*numbers), png)


class Decoded:
    def __init__(self, content: bytes) -> None:
        self.pixels = (np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.uint8),)
        self.hash = int(self.pixels[0][0, 0, 0])


class Decoder:
    """Decodes all but pictures of one level."""

    def __init__(self, broken: int = -1) -> None:
        self.broken = broken

    async def decode(self, picture: bytes) -> Decoded:
        seen = Decoded(picture)
        if seen.hash == self.broken:
            raise PictureFault("truncated")
        return seen


async def test_a_stage_is_decoded_in_its_order_and_keeps_what_tells_copies(tmp_path: Path) -> None:
    stage = Stage("sex", side(*range(1, 31)), side(*range(101, 131)))
    settings = FolderSettings(backbone="mona_cnn", preprocessing=Preprocessing(8))

    order = await decode_stage(stage, (tmp_path, 2), settings, Decoder(broken=4), lambda *_: None)

    array = np.load(tmp_path / stage_file(2))[: len(order.identities)]
    levels = [*range(1, 4), *range(5, 31), *range(101, 131)]
    assert (order.name, order.positives) == ("sex", 29)
    assert array[:, 0, 0, 0].tolist() == levels == [one.picture_hash for one in order.identities]
    assert [(one.site, one.post_id) for one in order.identities[:1]] == [("demo", 101)]


def test_pictures_that_both_sides_name_are_in_neither() -> None:
    stage = without_both("sex", side(*range(1, 31)), side(*range(30, 60)))

    assert (len(stage.positives), len(stage.negatives)) == (29, 29)


def test_a_side_with_too_few_pictures_is_refused_with_its_count() -> None:
    with pytest.raises(TooLittleToLearn, match="stage sex has 3 pictures that do not; at least 20"):
        without_both("sex", side(*range(1, 31)), side(101, 102, 103))


def test_every_picture_below_a_folder_is_found_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("a.png", "deep/b.jfif", "deep/er/c.webp"):
        (tmp_path / name).write_bytes(png(len(name)))
    (tmp_path / "notes.png").write_text("no picture")

    pictures = pictures_below(tmp_path)

    contents = [one.read() for one in pictures]
    assert sorted(len(one) for one in contents) == sorted(
        len(png(len(n))) for n in ("a.png", "deep/b.jfif", "deep/er/c.webp")
    )
    assert [one.identity.md5 for one in pictures] == [hashlib.md5(one).hexdigest() for one in contents]


def test_a_folder_that_is_not_there_and_a_picture_that_is_gone_are_named(tmp_path: Path) -> None:
    with pytest.raises(ClassFolderError, match="there is no folder"):
        pictures_below(tmp_path / "nowhere")
    (gone,) = stored_pictures(found(1), lambda version: None)

    with pytest.raises(PictureFault, match="not there any more"):
        gone.read()
