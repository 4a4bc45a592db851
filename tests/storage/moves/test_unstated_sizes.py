"""Originals of sites that state no size of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.errors import RefusedFile
from storage.records import Post
from tests.storage.samples import NO_RESERVE, keep, make_post, new_gallery


def unstated(number: int) -> Post:
    post = make_post(number)
    assert post.file is not None
    return replace(post, file=replace(post.file, size=0), size=0)


async def test_the_md5_alone_says_that_a_file_is_whole(tmp_path: Path) -> None:
    async with Archive.open(new_gallery(tmp_path / "root"), NO_RESERVE) as archive:
        await keep(archive, unstated(1))
        with pytest.raises(RefusedFile, match="md5"):
            await keep(archive, unstated(2), b"something else")

        assert await archive.adopt_known_original(unstated(1), ["keqing"])
    assert [path.name[:2] for path in sorted((tmp_path / "root" / "gallery").rglob("*.jpg"))] == ["1_", "1_"]
