import io

import numpy as np
import pytest
from PIL import Image

from classifier.errors import PictureFault
from classifier.pictures import preprocessing as pictures
from classifier.pictures.preprocessing import Preprocessing, decode, prepare


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


def test_without_the_library_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data, preprocessing = lossy(quality=75), Preprocessing(24)
    with_it = prepare(data, preprocessing)

    monkeypatch.setattr(pictures, "webp", None)
    without = prepare(data, preprocessing)

    assert np.array_equal(with_it.pixels, without.pixels)
    assert (with_it.width, with_it.height) == (without.width, without.height) == (90, 61)


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
