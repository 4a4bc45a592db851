"""Pictures converted for a reader: upright, on white where there is no transparency, never larger."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interchange.files.pictures import PictureSettings, UnreadablePicture, converted


def turned(path: Path, picture: Image.Image, ending: str = "jpg", **settings: int) -> Image.Image:
    picture.save(path, **({"exif": picture.getexif()} if picture.getexif() else {}))
    return Image.open(io.BytesIO(converted(path, ending, PictureSettings(**settings))))


def test_what_shines_through_is_white_in_a_jpeg_and_stays_in_a_png(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))

    assert min(turned(tmp_path / "a.png", clear).getpixel((4, 4))) > 250  # type: ignore[type-var]
    assert turned(tmp_path / "a.png", clear, "png").mode == "RGBA"


def test_sixteen_bits_of_grey_are_scaled_not_cut(tmp_path: Path) -> None:
    grey = Image.fromarray(np.full((8, 8), 128 * 257, np.uint16))

    assert turned(tmp_path / "a.png", grey, "png").getpixel((0, 0)) == (128, 128, 128)


def test_a_picture_that_lies_on_its_side_stands_up(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20))
    picture.getexif()[0x0112] = 6

    assert turned(tmp_path / "a.jpg", picture, "png").size == (20, 40)


def test_the_longer_side_is_cut_to_size_and_the_shape_stays(tmp_path: Path) -> None:
    assert turned(tmp_path / "a.jpg", Image.new("RGB", (400, 200)), most_side=100).size == (100, 50)
    assert turned(tmp_path / "b.jpg", Image.new("RGB", (40, 20)), "png", most_side=100).size == (40, 20)


def test_of_a_moving_picture_the_first_frame_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])

    picture = Image.open(io.BytesIO(converted(tmp_path / "a.gif", "png", PictureSettings())))

    assert picture.convert("RGB").getpixel((4, 4)) == (255, 0, 0)


def test_what_is_no_picture_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")

    with pytest.raises(UnreadablePicture, match="cannot be decoded"):
        converted(tmp_path / "a.jpg", "png", PictureSettings())
