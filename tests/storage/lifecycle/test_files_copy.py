"""Moving a gallery's pictures into a bucket and back: all of them, compared, and until then nothing changes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from storage.archive_records import ArchiveSettings
from storage.errors import ArchiveError, ObjectsUnreachable, StorageError, WrongRoot
from storage.lifecycle.files_copy import copy_files
from storage.lifecycle.verify import verify
from tests.equipment.object_server import ObjectServer
from tests.storage.lifecycle.test_recovery import digest
from tests.storage.objects.test_object_gallery import in_a_folder, pictures
from tests.storage.samples import NO_RESERVE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A gallery in a folder, with a model, and one file set aside."""
    in_a_folder(tmp_path / "root")
    model = tmp_path / "root" / "models" / "mona" / "1"
    model.mkdir(parents=True)
    (tmp_path / "root" / "damaged").mkdir(exist_ok=True)
    (tmp_path / "root" / "damaged" / "old.jpg").write_bytes(b"half")
    return tmp_path / "root"


def copied(root: Path, address: str, settings: ArchiveSettings = NO_RESERVE) -> tuple[int, int]:
    done = copy_files(root, address, settings)
    return done.files, done.sent


@pytest.mark.fault("D20")
def test_pictures_go_into_a_bucket_and_come_back(root: Path, objects: ObjectServer) -> None:
    state, files, address = digest(root), pictures(root), objects.address()

    assert copied(root, address) == (len(files), len(files))

    assert digest(root) == state and verify(root).whole
    there = dict(objects.objects(address))
    assert there.pop(".gallery-id") and there == files == pictures(root)  # the old ones stay
    assert copied(root, address) == (0, 0)
    for folder in ("gallery", "renditions", "trash", "damaged"):
        shutil.rmtree(root / folder)
    assert digest(root) == state

    assert copied(root, "") == (len(files), len(files))

    assert not (root / ".files").exists()
    assert digest(root) == state and pictures(root) == files and verify(root).whole


@pytest.mark.fault("D20")
@pytest.mark.parametrize("nth", [2, 6, 10])
def test_cut_off_anywhere_the_gallery_is_where_it_was_and_the_same_call_goes_on(
    root: Path, objects: ObjectServer, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    import s3fs

    state, files, address, left = digest(root), pictures(root), objects.address(), nth
    asked = s3fs.S3FileSystem._call_s3

    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionAbortedError("cut off")
        return await asked(self, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(s3fs.S3FileSystem, "_call_s3", call)
        with pytest.raises(ObjectsUnreachable, match="run again when the store answers"):
            copied(root, address)
    assert not (root / ".files").exists() and digest(root) == state

    total, sent = copied(root, address)

    assert total == len(files) and sent <= total
    assert digest(root) == state and verify(root).whole


def test_what_is_not_as_its_row_says_stops_the_copy_before_the_root_names_it(root: Path, objects: ObjectServer) -> None:
    address = objects.address()
    kept = next((root / "gallery").rglob("*.jpg"))
    content = kept.read_bytes()

    def refused(kind: type[ArchiveError], says: str, place: str) -> None:
        with pytest.raises(kind, match=says):
            copied(root, place)
        assert not (root / ".files").exists()

    kept.unlink()  # of two names
    kept.write_bytes(b"x" * len(content))
    refused(StorageError, "is not what its row says; crawl verify --set-aside", address)
    kept.unlink()
    refused(StorageError, "is missing; crawl verify --set-aside", address)
    kept.write_bytes(content)
    other = objects.address()
    objects.system.pipe_file(other.removeprefix("s3://").partition("?")[0] + "/.gallery-id", b"0" * 32)
    refused(WrongRoot, "holds another gallery", other)
