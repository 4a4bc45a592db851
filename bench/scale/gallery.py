"""Where the galleries come from that are measured: made once for each size, and copied, or used as they are."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.questions.gallery import TAG, build
from storage.files.layout import DATABASE, IDENTITY
from storage.reader import Reader

MOST_EXPORTED = 1000  # posts
ROOM_LEFT = 10_000_000_000  # bytes that stay free beside a copy that grows by a half


def newest_gallery(folder: Path, posts: int) -> Path:
    """The root of the gallery of this size, in this program's schema; made where there is none."""
    root = folder / f"newest-{posts}"
    if not (root / DATABASE).exists():
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=folder) as building:
            build(Path(building) / DATABASE, posts, newest=True)
            root.mkdir(mode=0o700, exist_ok=True)
            (Path(building) / DATABASE).rename(root / DATABASE)
        (root / IDENTITY).write_text("0" * 32 + "\n")
        print(f"made {posts:,} posts: {time.perf_counter() - began:.0f} s", flush=True)
    return root


@contextmanager
def to_be_changed(gallery: Path) -> Iterator[Path]:
    """A copy, gone afterwards; where the disk has no room for one, the gallery itself, which keeps what is filed."""
    size = (gallery / DATABASE).stat().st_size
    if shutil.disk_usage(gallery).free < 1.5 * size + ROOM_LEFT:
        print(f"no room for a copy of {size / 1e9:.1f} GB: {gallery} itself is decided anew and filed into", flush=True)
        yield gallery
        return
    with tempfile.TemporaryDirectory(dir=gallery.parent) as place:
        root = Path(place) / "gallery-data"
        root.mkdir(mode=0o700)
        for name in (DATABASE, IDENTITY):
            shutil.copyfile(gallery / name, root / name)
        yield root


def make_originals(root: Path, reader: Reader) -> int:
    """Files without content, but of the right length, for posts that carry `TAG`; gives how many."""
    files = reader.sql(_OF_TAG, MOST_EXPORTED).rows
    for path, size in files:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.truncate(file, size)
    return len(files)


_OF_TAG = f"""SELECT file.path, file.size FROM post_tag JOIN file_version ON file_version.post_key = post_tag.post_key
JOIN file ON file.version_id = file_version.id
WHERE post_tag.tag_id = (SELECT id FROM tag WHERE name = '{TAG}') AND file.place = 'gallery'
ORDER BY post_tag.post_key"""  # the newest first, as an export takes them
