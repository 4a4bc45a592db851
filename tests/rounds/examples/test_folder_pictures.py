"""However many pictures of a folder are being decoded, few of their bytes are in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.errors import PictureFault
from classifier.pictures.class_folders import ClassPicture, class_pictures
from rounds.examples.folder_pictures import ByteBudget, decoded

pytestmark = pytest.mark.no_gallery

PNG = b"\x89PNG\r\n\x1a\n"


class Counting:
    """Decodes nothing, and remembers how much it was given at the same time."""

    def __init__(self) -> None:
        self.held = self.most = self.calls = self.at_once = self.most_at_once = 0

    async def decode(self, picture: bytes) -> int:
        self.held, self.at_once, self.calls = self.held + len(picture), self.at_once + 1, self.calls + 1
        self.most, self.most_at_once = max(self.most, self.held), max(self.most_at_once, self.at_once)
        for _ in range(5):
            await asyncio.sleep(0)
        self.held, self.at_once = self.held - len(picture), self.at_once - 1
        if picture.endswith(b"bad"):
            raise PictureFault("undecodable")
        return len(picture)


def listed(folder: Path, sizes: list[int], end: bytes = b"") -> tuple[ClassPicture, ...]:
    (folder / "mona").mkdir()
    for number, size in enumerate(sizes):
        (folder / "mona" / f"{number:02}.png").write_bytes(PNG + bytes([number]) * (size - len(PNG) - len(end)) + end)
    return class_pictures(folder, ["mona"]).pictures


async def all_decoded(pictures: tuple[ClassPicture, ...], most: int) -> tuple[Counting, list[int | BaseException]]:
    decoder, budget = Counting(), ByteBudget(most)
    asked = [decoded(picture, decoder, budget) for picture in pictures]
    return decoder, await asyncio.gather(*asked, return_exceptions=True)


async def test_no_more_bytes_are_held_than_the_budget_says(tmp_path: Path) -> None:
    sizes = [300, 1000, 10, 700, 650] * 6

    decoder, answers = await all_decoded(listed(tmp_path, sizes), 1000)

    assert answers == sizes
    assert decoder.most <= 1000


async def test_small_pictures_go_together(tmp_path: Path) -> None:
    decoder, _ = await all_decoded(listed(tmp_path, [20] * 30), 1000)

    assert decoder.most_at_once > 1


async def test_a_picture_larger_than_the_budget_goes_alone(tmp_path: Path) -> None:
    decoder, answers = await all_decoded(listed(tmp_path, [5000, 20, 4000, 30]), 1000)

    assert answers == [5000, 20, 4000, 30]
    assert decoder.most == 5000


@pytest.mark.parametrize("end", [b"bad", b""])
async def test_a_failed_picture_frees_its_bytes(end: bytes, tmp_path: Path) -> None:
    pictures = listed(tmp_path, [900] * 5, end)
    gone = tuple(replace(picture, path=picture.path.with_name("gone.png")) for picture in pictures)

    decoder, answers = await all_decoded((*gone, *pictures), 1000)

    assert decoder.calls == len(pictures)
    assert [type(answer) for answer in answers[:5]] == [FileNotFoundError] * 5
