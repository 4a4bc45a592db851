import hashlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.errors import PictureFault
from classifier.pictures import preprocessing as pictures
from classifier.pictures.preprocessing import Preprocessing, decode, prepare

ROOT = Path(__file__).parents[3]


def lossy(size: tuple[int, int] = (90, 61), **options: object) -> bytes:
    random = np.random.default_rng(1)
    coarse = Image.fromarray(random.integers(0, 255, (9, 9, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize(size).save(file, "WEBP", **options)  # type: ignore[arg-type]  # plain keyword options
    return file.getvalue()


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_the_short_way_gives_pillows_pixels_exactly() -> None:
    data = lossy(quality=75)

    assert data[12:16] == b"VP8 "
    assert pictures._plain_webp(data) is not None
    assert np.array_equal(decode(data), by_pillow(data))


WITHOUT = """
import hashlib, sys
sys.modules["webp"] = None  # as if it were not installed
from classifier.pictures.preprocessing import Preprocessing, prepare
picture = prepare(sys.stdin.buffer.read(), Preprocessing(24))
print(hashlib.sha256(picture.pixels.tobytes()).hexdigest(), picture.width, picture.height)
"""


def test_without_the_library_the_result_is_the_same() -> None:
    data = lossy(quality=75)
    with_it = prepare(data, Preprocessing(24))

    without = subprocess.run([sys.executable, "-c", WITHOUT], input=data, capture_output=True, check=True, cwd=ROOT)

    assert without.stdout.decode().split() == [hashlib.sha256(with_it.pixels.tobytes()).hexdigest(), "90", "61"]


def test_lossless_ones_are_left_to_pillow() -> None:
    data = lossy(lossless=True)

    assert pictures._plain_webp(data) is None
    assert np.array_equal(decode(data), by_pillow(data))


@pytest.mark.fault("B02")
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_cut_one_is_a_fault_and_never_half_a_picture(share: float) -> None:
    data = lossy((200, 200), quality=90)

    with pytest.raises(PictureFault):
        decode(data[: int(len(data) * share)])
