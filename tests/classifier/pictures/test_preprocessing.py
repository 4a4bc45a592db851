"""Bytes of every kind become the network's input, or a fault with a reason; nothing else ever comes out."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from classifier.errors import PictureFault
from classifier.pictures.preprocessing import (
    PictureLimits,
    Preprocessing,
    decode,
    picture_array,
    prepare,
    prepare_windows,
    sniff,
)

SIZE = Preprocessing(size=32)
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")


def painting(width: int = 96, height: int = 64) -> Image.Image:
    """Smooth colours, so that lossy formats keep them."""
    across = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    down = np.linspace(255, 0, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, np.full_like(across, 90)], axis=2).astype(np.uint8))


def encoded(image: Image.Image, name: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)  # type: ignore[arg-type] # options are the format's own
    return out.getvalue()


def reason_of(data: bytes, limits: PictureLimits | None = None) -> str:
    with pytest.raises(PictureFault) as caught:
        picture_array(data, SIZE, limits or PictureLimits())
    assert caught.value.reason in PictureFault.REASONS
    return caught.value.reason


@pytest.mark.fault("B04")
@pytest.mark.parametrize("name", FORMATS)
def test_the_five_formats_are_known_by_content_and_give_nearly_the_same_pixels(name: str) -> None:
    data = encoded(painting(), name)
    reference = picture_array(encoded(painting()), SIZE).astype(int)

    prepared = prepare(data, SIZE)

    assert sniff(data) == name
    assert (prepared.width, prepared.height) == (96, 64)
    assert prepared.pixels.shape == (32, 32, 3)
    assert prepared.pixels.dtype == np.uint8
    assert np.abs(prepared.pixels.astype(int) - reference).mean() < 6


@pytest.mark.fault("B02")
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_cut_short_is_refused_by_the_full_load(name: str, share: float) -> None:
    whole = encoded(Image.effect_noise((200, 150), 80).convert("RGB"), name)

    assert reason_of(whole[: int(len(whole) * share)]) in {"truncated", "undecodable"}


@pytest.mark.fault("B05", "B12")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><body>rate limited</body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + bytes(40),
        b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41",
        b"CWS\x0a" + bytes(40),
        b"BM" + bytes(60),
    ],
    ids=["empty", "html", "svg", "eps", "pdf", "zip", "mp4", "swf", "bmp"],
)
def test_anything_but_the_five_formats_is_unsupported(data: bytes) -> None:
    assert reason_of(data) == "unsupported"


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")


@pytest.mark.fault("B06")
@pytest.mark.parametrize("side", [7_000, 9_200, 12_000, 30_000])
def test_a_pixel_bomb_is_refused_from_its_header(side: int) -> None:
    assert reason_of(bomb(side, side)) == "too large"


@pytest.mark.fault("B06")
def test_a_jpeg_is_refused_by_what_it_declares_although_it_could_be_decoded_small() -> None:
    content = bytearray(encoded(painting(), "JPEG"))
    frame = content.index(b"\xff\xc0")  # the header of the frame: length, bits, height, width
    content[frame + 5 : frame + 9] = struct.pack(">HH", 9_200, 9_200)

    assert reason_of(bytes(content)) == "too large"


def test_more_bytes_than_allowed_are_not_even_opened() -> None:
    assert reason_of(encoded(painting()), PictureLimits(max_bytes=100)) == "too large"


@pytest.mark.fault("B06")
def test_a_large_jpeg_is_decoded_at_reduced_scale_within_the_limit() -> None:
    data = encoded(painting(1600, 1200), "JPEG")

    prepared = prepare(data, SIZE, PictureLimits(max_pixels=200_000))

    assert (prepared.width, prepared.height) == (1600, 1200)
    with pytest.raises(PictureFault, match="too large"):
        prepare(encoded(painting(1600, 1200)), SIZE, PictureLimits(max_pixels=200_000))


def test_reduced_scale_changes_a_jpeg_by_little() -> None:
    image = painting(1600, 1200)
    plain = picture_array(encoded(Image.open(io.BytesIO(encoded(image, "JPEG")))), SIZE).astype(int)

    drafted = picture_array(encoded(image, "JPEG"), SIZE).astype(int)

    assert np.abs(drafted - plain).mean() < 1.5


@pytest.mark.fault("B09")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_undone(orientation: int) -> None:
    upright = painting(96, 64)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that makes the stored picture
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation

    prepared = prepare(encoded(stored, "PNG", exif=exif), SIZE)

    assert (prepared.width, prepared.height) == (96, 64)
    assert np.array_equal(prepared.pixels, picture_array(encoded(upright), SIZE))


@pytest.mark.fault("B09")
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_odd_modes_look_like_the_same_picture_in_rgb(mode: str) -> None:
    grey = painting().convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = (painting() if mode in {"P", "RGBA", "CMYK"} else grey).convert(mode)
    expected = image.convert("RGB") if mode != "I;16" else grey.convert("RGB")

    pixels = picture_array(encoded(image, "JPEG" if mode == "CMYK" else "PNG", **{}), SIZE).astype(int)

    assert np.abs(pixels - picture_array(encoded(expected), SIZE)).mean() < 3


def test_transparency_becomes_white() -> None:
    clear = Image.new("RGBA", (40, 40), (10, 20, 30, 0))
    palette = Image.new("P", (40, 40), 3)
    palette.putpalette([7] * 768)

    assert (decode(encoded(clear)) == 255).all()
    assert (decode(encoded(palette, "GIF", transparency=3)) == 255).all()


@pytest.mark.fault("B09")
@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1)])
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_extreme_shapes_are_fitted(size: tuple[int, int], fit: str) -> None:
    data = encoded(Image.new("RGB", size, (200, 0, 0)))

    assert picture_array(data, Preprocessing(32, fit)).shape == (32, 32, 3)


@pytest.mark.fault("B08")
def test_only_the_first_frame_of_an_animation_is_looked_at() -> None:
    red, others = Image.new("RGB", (20, 20), (255, 0, 0)), [Image.new("RGB", (20, 20), (0, 0, n)) for n in range(99)]

    for name in ("GIF", "WEBP", "PNG"):
        data = encoded(red, name, save_all=True, append_images=others)
        pixels = decode(data)
        assert pixels[..., 0].min() > 240, name
        assert pixels[..., 2].max() < 15, name


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
def test_broken_exif_does_not_spoil_good_pixels() -> None:
    data = encoded(painting(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + bytes(range(200)))

    assert picture_array(data, SIZE).shape == (32, 32, 3)


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_bytes_give_pixels_or_a_fault_and_nothing_else(name: str) -> None:
    rng = random.Random(f"mutations of {name}")
    whole = encoded(painting(48, 40), name)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            assert picture_array(bytes(data), SIZE).shape == (32, 32, 3)
        except PictureFault as fault:
            assert fault.reason in PictureFault.REASONS


def test_preprocessing_survives_its_json_and_keeps_its_hash() -> None:
    preprocessing = Preprocessing(96, "crop", "bicubic")

    again = Preprocessing.from_json(preprocessing.to_json())

    assert again == preprocessing
    assert again.hash == preprocessing.hash != Preprocessing(96, "crop", "bilinear").hash
    assert Preprocessing(96, version=1).hash == "0df4c483347546af"
    assert Preprocessing(96, version=2).hash == "432ada2af21a902b"
    assert Preprocessing(96).version == 3


@pytest.mark.parametrize(("version", "gap"), [(1, 2.0), (2, 2.0), (3, 1.8)])
def test_a_model_sees_pictures_as_its_version_made_them_small(version: int, gap: float) -> None:
    noise = Image.effect_noise((720, 720), 80).convert("RGB")

    pixels = picture_array(encoded(noise), Preprocessing(128, version=version))

    expected = noise.resize((128, 128), Image.Resampling.BILINEAR, reducing_gap=gap)
    assert np.array_equal(pixels, np.asarray(expected))


@pytest.mark.parametrize(("version", "as_version"), [(1, 2), (2, 2), (3, 3)])
def test_parts_of_a_picture_are_made_small_as_the_whole_one_but_for_the_first_version(
    version: int, as_version: int
) -> None:
    page = Image.effect_noise((720, 2000), 80).convert("RGB")

    (part,) = prepare_windows(encoded(page), Preprocessing(128, version=version), [(0, 0, 720, 720)])

    whole = picture_array(encoded(page.crop((0, 0, 720, 720))), Preprocessing(128, version=as_version))
    assert np.array_equal(part[:-2], whole[:-2])  # the last rows see what lies below


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"size": 0},
        {"size": 1025},
        {"size": 96, "version": 4},
        {"size": "96"},
        {"size": 96, "fit": "squeeze"},
        {"size": 96, "colour": "bgr"},
    ],
)
def test_unknown_preprocessing_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="preprocessing"):
        Preprocessing.from_json(values)


@pytest.mark.fault("B11")
@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_thousand_mutations_of_each_format_decode_or_are_faults(name: str) -> None:
    rng = random.Random(f"many mutations of {name}")
    whole = encoded(Image.effect_noise((120, 90), 60).convert("RGB"), name)
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 40)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        del data[rng.randint(1, len(data)) :]
        try:
            assert picture_array(bytes(data), SIZE).shape == (32, 32, 3)
        except PictureFault as fault:
            assert fault.reason in PictureFault.REASONS
