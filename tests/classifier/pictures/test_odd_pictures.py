"""Whole pictures in odd clothes are decoded as what they are; broken ones stay broken, and nothing eats the memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image, ImageFile

from classifier.errors import PictureFault
from classifier.pictures import png_chunks
from classifier.pictures.preprocessing import Preprocessing, decode, picture_array, prepare

SIZE = Preprocessing(96)
RED, DARK = (200, 60, 40), (30, 30, 30)


def encoded(image: Image.Image, name: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)  # type: ignore[arg-type] # options are the format's own
    return out.getvalue()


def drawing(width: int = 120, height: int = 90) -> Image.Image:
    """Edges and noise: whatever is missing shows."""
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    image.paste(RED, (width // 4, height // 4, width // 2, height // 2))
    return image


def chunk(kind: bytes, body: bytes, *, right: bool = True) -> bytes:
    checksum = zlib.crc32(kind + body) ^ (0 if right else 1)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def with_chunk(extra: bytes, image: Image.Image | None = None) -> bytes:
    """A good PNG with something more behind its header."""
    plain = encoded(image or drawing())
    return plain[:33] + extra + plain[33:]


# --- the same geometry from any format -------------------------------------------------------------------------------


def borders(pixels: np.ndarray) -> np.ndarray:
    return (pixels > 128).all(axis=2)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_jpeg_lies_in_the_input_exactly_as_the_same_picture_in_png(fit: str) -> None:
    preprocessing = Preprocessing(96, fit)
    sizes = [(width, 700) for width in range(290, 1500, 61)] + [(613, height) for height in range(291, 1400, 67)]
    different = []
    for size in sizes:
        image = Image.new("RGB", size, DARK)
        of_png = picture_array(encoded(image), preprocessing)
        of_jpeg = picture_array(encoded(image, "JPEG", quality=95), preprocessing)
        if not np.array_equal(borders(of_png), borders(of_jpeg)):
            different.append(size)

    assert different == []


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_turned_jpeg_shows_the_same_place_as_the_same_picture_in_png(fit: str, orientation: int) -> None:
    across, down = np.meshgrid(np.linspace(0, 120, 1001), np.linspace(0, 120, 903))
    steep = Image.fromarray(np.stack([across, down, across * 0 + 60], axis=2).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation

    of_png = prepare(encoded(steep, exif=exif), Preprocessing(96, fit))
    of_jpeg = prepare(encoded(steep, "JPEG", quality=98, subsampling=0, exif=exif), Preprocessing(96, fit))

    assert (of_jpeg.width, of_jpeg.height) == (of_png.width, of_png.height)
    assert np.abs(of_png.pixels.astype(int) - of_jpeg.pixels).mean() < 0.5


def test_a_model_of_before_sees_pictures_as_it_was_calibrated_on() -> None:
    old, new = Preprocessing(96, version=1), Preprocessing(96)
    jpeg = encoded(Image.new("RGB", (1009, 691), DARK), "JPEG")
    with Image.open(io.BytesIO(jpeg)) as image:
        image.draft(None, (144, 98))
        reduced = image.size

    assert reduced == (253, 173)
    rows_of = [int((~borders(picture_array(jpeg, one))).any(axis=1).sum()) for one in (old, new)]
    assert rows_of == [round(173 * 96 / 253), round(691 * 96 / 1009)]
    assert old.hash != new.hash
    png = encoded(drawing())
    assert np.array_equal(picture_array(png, old), picture_array(png, new))


# --- transparency is white -------------------------------------------------------------------------------------------


def raw_png(samples: np.ndarray, bits: int, colour_type: int, clear: bytes) -> bytes:
    """A PNG of big-endian samples, shape (height, width) or (height, width, 3), with a transparent colour."""
    height, width = samples.shape[:2]
    rows = []
    for row in samples.reshape(height, -1):
        if bits == 16:
            packed = row.astype(">u2").tobytes()
        elif bits == 8:
            packed = row.astype(np.uint8).tobytes()
        else:
            digits = "".join(f"{value:0{bits}b}" for value in row.tolist())
            digits += "0" * (-len(digits) % 8)
            packed = int(digits, 2).to_bytes(len(digits) // 8, "big")
        rows.append(b"\0" + packed)
    head = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"tRNS", clear) + chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return png_chunks.SIGNATURE + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_grey_png_of_any_depth_shows_its_transparent_grey_as_white(bits: int) -> None:
    most = 2**bits - 1
    clear, kept = most // 3, 0
    samples = np.full((6, 9), kept)
    samples[:, 3:] = clear
    samples[5, 5] = kept if bits == 1 else clear + 1

    pixels = decode(raw_png(samples, bits, 0, struct.pack(">H", clear)))

    expected = np.where(samples == clear, 255, samples * 255 // most)
    assert np.array_equal(pixels, np.repeat(expected[..., None], 3, axis=2))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_coloured_png_of_any_depth_shows_its_transparent_colour_as_white(bits: int) -> None:
    shift = bits - 8
    clear = np.array([10, 200, 30]) << shift
    samples = np.zeros((6, 9, 3), dtype=int) + (np.array([90, 80, 70]) << shift)
    samples[:, 3:] = clear
    samples[5, 5] = clear + np.array([0, 0, 1])  # in 16 bits: the same in its upper half

    pixels = decode(raw_png(samples, bits, 2, struct.pack(">HHH", *clear.tolist())))

    hidden = (samples == clear).all(axis=2, keepdims=True)
    assert np.array_equal(pixels, np.where(hidden, 255, samples >> shift))


def translucent(mode: str) -> Image.Image:
    """Black at half strength on the left, nothing on the right."""
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 128))
    image.paste((9, 9, 9, 0), (20, 0, 40, 40))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("RGBA", "WEBP", {"quality": 90}),
        ("RGBA", "AVIF", {"quality": 95}),
    ],
)
def test_partial_transparency_is_mixed_with_white(mode: str, name: str, options: dict[str, object]) -> None:
    pixels = decode(encoded(translucent(mode), name, **options)).astype(int)

    assert abs(pixels[:, :16] - 127).max() <= 4
    assert pixels[:, 24:].min() >= 251


def test_a_palette_with_partial_transparency_is_mixed_with_white() -> None:
    image = Image.new("P", (40, 40), 1)
    image.putpalette([9, 9, 9, 0, 0, 0, 50, 60, 70])
    image.paste(0, (20, 0, 40, 40))

    pixels = decode(encoded(image, transparency=bytes([0, 128, 255]))).astype(int)

    assert abs(pixels[:, :20] - 127).max() <= 1
    assert pixels[:, 20:].min() == 255


def test_sixteen_bits_with_transparency_are_mixed_with_white() -> None:
    head = struct.pack(">IIBBBBB", 2, 1, 16, 6, 0, 0, 0)
    row = b"\0" + struct.pack(">8H", 0, 0, 0, 0x8080, 0, 0, 0, 0)
    png = png_chunks.SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")

    assert decode(png)[0, :, 0].tolist() == [127, 255]


def test_a_gif_shows_its_transparent_colour_as_white() -> None:
    image = Image.new("P", (40, 40), 1)
    image.putpalette([9, 9, 9, 0, 0, 0])
    image.paste(0, (20, 0, 40, 40))

    pixels = decode(encoded(image, "GIF", transparency=0))

    assert pixels[:, :20].max() == 0
    assert pixels[:, 20:].min() == 255


@pytest.mark.parametrize("at", [(0, 0), (3, 5)])
def test_around_a_small_first_frame_a_gif_is_white(at: tuple[int, int]) -> None:
    """Browsers show nothing there; Pillow would paint the palette's first colour."""
    image = Image.new("P", (40, 40), 1)
    image.putpalette([9, 9, 200, 0, 0, 0])
    image.putpixel((39, 39), 0)
    gif = bytearray(encoded(image, "GIF", optimize=False))
    frame = gif.index(struct.pack("<HHHH", 0, 0, 40, 40), 13)
    gif[6:10] = struct.pack("<HH", 60, 50)  # a larger canvas
    gif[frame : frame + 4] = struct.pack("<HH", *at)

    pixels = decode(bytes(gif))

    whole = np.full((50, 60, 3), 255, dtype=np.uint8)
    whole[at[1] : at[1] + 40, at[0] : at[0] + 40] = 0
    whole[at[1] + 39, at[0] + 39] = (9, 9, 200)
    assert np.array_equal(pixels, whole)


# --- pixels that are whole are decoded -------------------------------------------------------------------------------

TEXT = zlib.compress(b'{"nodes": "x"} ' * 100_000, 9)  # 1.5 MB in 3 kB, as workflows of picture generators are
ODD_BUT_WHOLE: dict[str, Callable[[], bytes]] = {
    "a colour profile of 2 MB": lambda: with_chunk(chunk(b"iCCP", b"display\0\0" + zlib.compress(bytes(2_000_000), 9))),
    "a colour profile that is none": lambda: with_chunk(chunk(b"iCCP", b"display\0\0" + b"no stream")),
    "packed text of 1.5 MB": lambda: with_chunk(chunk(b"zTXt", b"workflow\0\0" + TEXT)),
    "packed international text": lambda: with_chunk(chunk(b"iTXt", b"workflow\0\1\0en\0\0" + TEXT)),
    "plain text of 2 MB": lambda: with_chunk(chunk(b"tEXt", b"prompt\0" + b"x" * 2_000_000)),
    "packed XMP of 1.5 MB": lambda: with_chunk(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + TEXT)),
    "text with a wrong checksum": lambda: with_chunk(chunk(b"tEXt", b"Comment\0hello", right=False)),
    "a time with a wrong checksum": lambda: with_chunk(chunk(b"tIME", bytes(7), right=False)),
    "EXIF with a wrong checksum": lambda: with_chunk(chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0", right=False)),
    "EXIF that is none": lambda: with_chunk(chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff" + bytes(range(200)))),
    "transparency of a wrong length": lambda: with_chunk(chunk(b"tRNS", b"\0")),
    "a private chunk with an odd name": lambda: with_chunk(chunk(b"a\x00b1", b"?")),
    "a hundred thousand comments": lambda: with_chunk(chunk(b"tEXt", b"Comment\0hello") * 100_000),
    "a background of a wrong length": lambda: with_chunk(chunk(b"bKGD", b"")),
    "no end chunk": lambda: encoded(drawing())[:-12],
    "rubbish behind the end": lambda: encoded(drawing()) + b"<html>" * 99,
    "an animation cut after its first picture": lambda: _cut_animation(),
}


def _cut_animation() -> bytes:
    others = [drawing().rotate(angle) for angle in (90, 180)]
    whole = encoded(drawing(), save_all=True, append_images=others)
    return whole[: whole.index(b"fdAT") + 500]


@pytest.mark.parametrize("make", ODD_BUT_WHOLE.values(), ids=ODD_BUT_WHOLE.keys())
def test_a_png_whose_pixels_are_whole_is_decoded_whatever_else_is_in_it(make: Callable[[], bytes]) -> None:
    assert np.array_equal(decode(make()), np.asarray(drawing()))


def test_a_png_with_a_damaged_pixel_chunk_stays_undecodable() -> None:
    plain = bytearray(encoded(drawing()))
    plain[len(plain) // 2] ^= 0xFF

    with pytest.raises(PictureFault):
        decode(bytes(plain))


@pytest.mark.parametrize("how", ["tEXt", "zTXt", "iTXt", "eXIf"])
def test_a_png_is_turned_by_what_its_metadata_say(how: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = exif.tobytes()
    raw = raw if raw.startswith(b"Exif\0\0") else b"Exif\0\0" + raw
    profile = b"\nexif\n%8d\n" % len(raw) + raw.hex().encode() + b"\n"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    chunks = {
        "tEXt": chunk(b"tEXt", b"Raw profile type exif\0" + profile),
        "zTXt": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile)),
        "iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
        "eXIf": chunk(b"eXIf", raw[6:]),
    }

    pixels = decode(with_chunk(chunks[how]))

    assert np.array_equal(pixels, np.asarray(drawing().transpose(Image.Transpose.ROTATE_270)))


JPEGS = {
    "plain": {"quality": 90},
    "fine": {"quality": 98, "subsampling": 0},
    "progressive": {"quality": 85, "progressive": True},
    "with restart markers": {"quality": 85, "restart_marker_blocks": 7},
    "with restart markers by rows": {"quality": 85, "restart_marker_rows": 1},
    "optimised": {"quality": 75, "optimize": True},
}
MODES = ("RGB", "L", "CMYK")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS.keys())
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_marker_is_decoded(options: dict[str, object], mode: str, cut: int) -> None:
    whole = encoded(drawing().convert(mode), "JPEG", **options)

    assert np.array_equal(decode(whole[:-cut]), decode(whole))
    assert np.array_equal(picture_array(whole[:-cut], SIZE), picture_array(whole, SIZE))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS.keys())
def test_a_jpeg_that_lacks_pixels_stays_undecodable(options: dict[str, object], mode: str) -> None:
    whole = encoded(drawing().convert(mode), "JPEG", **options)
    taken_for_whole = []
    for left in (*range(len(whole) // 4, len(whole) - 6, 41), len(whole) - 6):
        try:
            decode(whole[:left])
        except PictureFault as fault:
            assert fault.reason in {"truncated", "undecodable"}
        else:
            taken_for_whole.append(left)

    assert taken_for_whole == []


def test_a_jpeg_cut_exactly_at_a_restart_marker_stays_undecodable() -> None:
    whole = encoded(drawing(), "JPEG", quality=85, restart_marker_blocks=7)
    cuts = [at for at in range(len(whole) - 2) if whole[at] == 0xFF and 0xD0 <= whole[at + 1] <= 0xD7]

    assert len(cuts) > 3
    for at in (*cuts, *(cut + 2 for cut in cuts)):
        with pytest.raises(PictureFault):
            decode(whole[:at])


def test_a_progressive_jpeg_cut_exactly_between_two_scans_stays_undecodable() -> None:
    whole = encoded(drawing(), "JPEG", quality=85, progressive=True)
    scans = [at for at in range(2, len(whole) - 2) if whole[at : at + 2] in (b"\xff\xda", b"\xff\xc4")]

    assert len(scans) > 5
    for at in scans[1:]:
        with pytest.raises(PictureFault):
            decode(whole[:at])


@pytest.mark.parametrize("name", ["GIF", "WEBP", "JPEG", "AVIF"])
def test_rubbish_behind_the_end_changes_nothing(name: str) -> None:
    data = encoded(drawing(), name)

    assert np.array_equal(decode(data + b"<html>" * 99), decode(data))


def test_a_gif_without_its_trailer_is_decoded() -> None:
    data = encoded(drawing().convert("P"), "GIF")

    assert data[-1:] == b";"
    assert np.array_equal(decode(data[:-1]), decode(data))


ODD_WEBP: dict[str, tuple[dict[str, object], int]] = {  # how it is written, and how many bytes are cut
    "in its metadata": ({"quality": 80, "exif": b"Exif\0\0" + bytes(3000), "xmp": b"x" * 50}, 1000),
    "in the metadata of a lossless one": ({"lossless": True, "xmp": b"x" * 3001}, 1000),
    "in a later frame": ({"quality": 80, "save_all": True, "append_images": [drawing().rotate(90)]}, 3000),
}


@pytest.mark.parametrize(("options", "cut"), ODD_WEBP.values(), ids=ODD_WEBP.keys())
def test_a_webp_that_was_cut_behind_its_pixels_is_decoded(options: dict[str, object], cut: int) -> None:
    whole = encoded(drawing(), "WEBP", **options)

    assert np.array_equal(decode(whole[:-cut]), decode(whole))


def test_a_webp_that_lacks_only_the_byte_that_fills_it_up_is_decoded() -> None:
    odd = [encoded(drawing(size, 40), "WEBP", lossless=True) for size in range(40, 60)]
    odd = [data for data in odd if int.from_bytes(data[16:20], "little") % 2]

    assert odd
    for data in odd:
        assert np.array_equal(decode(data[:-1]), decode(data))
        with pytest.raises(PictureFault):
            decode(data[:-2])


@pytest.mark.parametrize(
    "options", [{"quality": 80}, {"lossless": True}, {"quality": 80, "exif": b"Exif\0\0" + bytes(99)}]
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_that_lacks_pixels_stays_undecodable(options: dict[str, object], mode: str) -> None:
    data = encoded(translucent("RGBA") if mode == "RGBA" else drawing(), "WEBP", **options)
    end = data.index(b"EXIF") if b"EXIF" in data else len(data)

    for left in range(16, end - 2, 53):
        with pytest.raises(PictureFault):
            decode(data[:left])


def test_nothing_is_ever_decoded_that_pillow_calls_truncated_by_a_switch_for_all() -> None:
    decode(encoded(drawing(), "JPEG")[:-2])

    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


# --- metadata cost nothing -------------------------------------------------------------------------------------------


@contextmanager
def at_most(megabytes: float) -> Iterator[None]:
    """What Python and NumPy allocate during the block, at its highest point."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


ZEROS = zlib.compress(bytes(80_000_000), 9)  # 80 kB
BOMBS: dict[str, Callable[[], bytes]] = {
    "zTXt": lambda: with_chunk(chunk(b"zTXt", b"bomb\0\0" + ZEROS)),
    "iTXt": lambda: with_chunk(chunk(b"iTXt", b"bomb\0\1\0\0\0" + ZEROS)),
    "iCCP": lambda: with_chunk(chunk(b"iCCP", b"bomb\0\0" + ZEROS)),
    "many": lambda: with_chunk(b"".join(chunk(b"zTXt", b"bomb%d\0\0" % n + ZEROS[:20_000]) for n in range(100))),
    "a text that may tell the orientation": lambda: with_chunk(chunk(b"zTXt", b"Raw profile type exif\0\0" + ZEROS)),
    "many such texts": lambda: with_chunk(chunk(b"zTXt", b"Raw profile type exif\0\0" + ZEROS[:900]) * 1000),
    "packed XMP": lambda: with_chunk(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + ZEROS)),
    "comments": lambda: with_chunk(chunk(b"tEXt", b"Comment\0hello") * 100_000),
    "EXIF": lambda: with_chunk(chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff" + bytes(3_000_000))),
}


@pytest.mark.fault("B07")
@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS.keys())
def test_metadata_that_unpack_to_much_are_left_out_unread(make: Callable[[], bytes]) -> None:
    data = make()

    with at_most(12 + 2 * len(data) / 1e6):
        pixels = decode(data)

    assert np.array_equal(pixels, np.asarray(drawing()))


@pytest.mark.fault("B07")
def test_chunks_without_end_are_a_fault() -> None:
    most = 1000

    with pytest.raises(PictureFault) as caught:
        png_chunks.without_metadata(with_chunk(chunk(b"tEXt", b"a\0b") * (most + 1)), most)

    assert caught.value.reason == "undecodable"


SEGMENTS = {
    0xE1: b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
    0xE2: b"ICC_PROFILE\0\1\1",
    0xED: b"Photoshop 3.0\0",
    0xFE: b"",
}


@pytest.mark.fault("B07")
@pytest.mark.filterwarnings("ignore::UserWarning")  # as in a decoder process
@pytest.mark.parametrize("marker", SEGMENTS, ids=["EXIF", "profile", "Photoshop", "comment"])
def test_a_jpeg_with_a_thousand_odd_segments_is_decoded(marker: int) -> None:
    plain = encoded(drawing(), "JPEG")
    body = SEGMENTS[marker]
    segment = bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body) + 5000) + body + bytes(5000)

    data = plain[:2] + segment * 1000 + plain[2:]

    with at_most(60):
        assert np.array_equal(decode(data), decode(plain))
