"""What was seen of files is found again by their bytes, and so are the posts that they are pictures of."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import Digest, Label, ListedPage
from storage.folders.records import FileKey, SeenFile
from storage.folders.store import FolderStore
from storage.label_writer import Labelling
from storage.reader import Reader
from storage.records import LabelValue, Look
from tests.storage.samples import NO_RESERVE, content_of, make_post, new_gallery

NET, OTHER = "b" * 64, "c" * 64


def digest(content: bytes) -> Digest:
    return Digest(len(content), hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())


def seen(content: bytes, vector: bytes = b"\x01\x02", **changes: object) -> SeenFile:
    look = {"embeddings": {NET: vector}, "width": 40, "height": 90, "format": "png", "picture_hash": 2**63 + 5}
    return SeenFile(digest(content), Look(**{**look, **changes}))  # type: ignore[arg-type] # the tests' own changes


@pytest.fixture
def reader(root: Path) -> Iterator[Reader]:
    """Of a gallery with the posts 1 and 2 of `demo` and 2 of another site."""

    async def fill() -> None:
        async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
            for site, numbers in (("demo", (1, 2)), ("elsewhere", (2,))):
                listing = await archive.open_listing(site, "all")
                posts = [make_post(number, content_of(number, site), site=site) for number in numbers]
                await archive.file_page(listing.id, ListedPage(posts=posts))

    asyncio.run(fill())
    with Reader.open(root) as reader:
        yield reader


def test_a_look_is_found_again_with_all_that_was_seen(reader: Reader) -> None:
    with FolderStore(reader) as store:
        store.record([seen(b"one", windows={NET: b"\x03\x04"}, too_small=True), seen(b"two")])
        keys = [FileKey(digest(content)) for content in (b"two", b"one", b"three")]

        two, one, three = (known.look for known in store.known(keys, [NET], None))

    assert (one, two) == (seen(b"one", windows={NET: b"\x03\x04"}, too_small=True).look, seen(b"two").look)
    assert three is None


def test_a_look_with_another_network_is_not_enough(reader: Reader) -> None:
    key = FileKey(digest(b"one"))
    with FolderStore(reader) as store:
        store.record([seen(b"one")])
        assert store.known([key], [OTHER], None)[0].look is None
        store.record([seen(b"one", embeddings={OTHER: b"\x07"})])

        both = store.known([key], [NET, OTHER], None)[0].look

    assert both is not None
    assert both.embeddings == {NET: b"\x01\x02", OTHER: b"\x07"}


def test_copies_in_one_batch_and_newer_looks_are_one_picture(reader: Reader) -> None:
    with FolderStore(reader) as store:
        store.record([seen(b"one"), seen(b"one")])
        store.record([seen(b"one", b"\x09\x09")])

        look = store.known([FileKey(digest(b"one"))], [NET], None)[0].look

    assert look is not None and look.embeddings == {NET: b"\x09\x09"}
    assert reader.sql("SELECT count(*) FROM local_picture").rows == [(1,)]


def test_posts_are_known_by_bytes_by_the_md5_of_a_name_and_by_a_number_with_its_site(reader: Reader) -> None:
    own = hashlib.md5(content_of(1, "demo")).hexdigest()
    keys = [
        FileKey(digest(content_of(1, "demo"))),
        FileKey(digest(b"a copy"), (own,)),
        FileKey(digest(b"a copy"), (), 2, "elsewhere"),
        FileKey(digest(b"a copy"), (), 2, "pixiv"),
        FileKey(digest(b"a copy"), ("f" * 32,), 77, "demo"),
    ]
    with FolderStore(reader) as store:
        posts = [known.post for known in store.known(keys, [NET], "mona")]

    assert [None if one is None else (one.post.site, one.post.id) for one in posts] == [
        ("demo", 1), ("demo", 1), ("elsewhere", 2), None, None,
    ]  # fmt: skip
    assert posts[0] is not None and posts[0].post.tags.character == ("mona_(genshin_impact)",)


def test_the_newest_label_of_the_target_comes_along(reader: Reader, root: Path) -> None:
    key = FileKey(digest(content_of(1, "demo")))
    with Labelling(root) as labelling:
        for name, value in (("mona", "keep"), ("mona", "delete"), ("lisa", "keep")):
            label = Label(1, "demo", name, LabelValue(value), "me", f"{name}-{value}")
            labelling.relabel([label])
    with FolderStore(reader) as store:
        known = [store.known([key], [NET], target)[0].post for target in ("mona", "lisa", "keqing", None)]

    assert [one.label if one else "no post" for one in known] == [LabelValue.DELETE, LabelValue.KEEP, None, None]


def test_it_writes_beside_a_program_that_owns_the_gallery(reader: Reader, root: Path) -> None:
    with closing(Archive.open(root, NO_RESERVE)), FolderStore(reader) as store:
        store.record([seen(b"one")])

    assert reader.sql("SELECT count(*) FROM local_picture").rows == [(1,)]
