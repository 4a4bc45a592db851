"""A file's old name goes only when its new one has the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from storage.folders.transfer import Changed, Expected, take_old_name

pytestmark = pytest.mark.no_gallery

CONTENT = b"a picture"
EXPECTED = Expected(len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A file, and its copy on what is another file system to it."""
    for name in ("old.jpg", "new.jpg"):
        (tmp_path / name).write_bytes(CONTENT)
    return tmp_path / "old.jpg", tmp_path / "new.jpg"


def test_an_old_name_goes_once_the_copy_is_whole(pair: tuple[Path, Path]) -> None:
    take_old_name(*pair, EXPECTED)

    assert [path.exists() for path in pair] == [False, True]


@pytest.mark.parametrize("damaged", [0, 1], ids=["the file was written to", "the copy is not what was written"])
def test_both_stay_where_one_is_not_the_file(pair: tuple[Path, Path], damaged: int) -> None:
    pair[damaged].write_bytes(b"A picture")  # of the same size

    with pytest.raises(Changed):
        take_old_name(*pair, EXPECTED)

    assert all(path.exists() for path in pair)
