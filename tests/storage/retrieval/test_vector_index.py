"""The matrix of vectors is a cache: whatever becomes of its file, a search has every row, as the database has it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from storage.archive import Archive, open_reader
from storage.errors import NoEmbeddings
from storage.retrieval.transform import main_part
from storage.retrieval.vector_index import VectorIndex
from system.file_lock import lock_if_free
from tests.storage.retrieval.vectors import NETWORK, as_they_are, look_at, stored

EAST, NORTH, WEST = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)


@contextmanager
def index_of(root: Path) -> Iterator[VectorIndex]:
    with open_reader(root) as reader:
        index = VectorIndex(reader, NETWORK, as_they_are, page=2)
        yield index
        index.close()


def seen(index: VectorIndex) -> dict[int, float]:
    """How like the east each picture is, by id."""
    near = index.rows.similarities(np.array(EAST, dtype=np.float32))
    return dict(zip(index.rows.version_ids().tolist(), near.round(3).tolist(), strict=True))


async def test_a_new_index_has_every_row_and_a_second_one_opens_the_same_file(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH, 3: WEST})

    with index_of(archive.root) as first, index_of(archive.root) as second:
        answers = seen(first), seen(second)
        same = second.path.stat().st_mtime_ns == first.path.stat().st_mtime_ns

    assert answers == ({1: 1.0, 2: 0.0, 3: -1.0}, {1: 1.0, 2: 0.0, 3: -1.0})
    assert same


async def test_what_is_looked_at_later_is_appended(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH})
    with index_of(archive.root) as index:
        await look_at(archive, {3: WEST})

        came = index.refresh(), index.refresh()

        assert came == (True, False)
        assert seen(index) == {1: 1.0, 2: 0.0, 3: -1.0}
        assert index.is_stored


async def test_a_search_goes_by_the_rows_that_it_began_with(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH})
    with index_of(archive.root) as index:
        begun = index.rows
        await look_at(archive, {3: WEST})
        index.rebuild()

        assert (begun.version_ids().tolist(), index.rows.version_ids().tolist()) == ([1, 2], [1, 2, 3])


async def test_pictures_of_another_network_are_not_among_them(archive: Archive) -> None:
    await look_at(archive, {1: EAST})
    with index_of(archive.root) as index:
        await look_at(archive, {2: NORTH}, network="c" * 64)

        index.refresh()

        assert seen(index) == {1: 1.0}


async def test_while_another_program_writes_the_file_later_rows_are_held_in_memory(archive: Archive) -> None:
    await look_at(archive, {1: EAST})
    with index_of(archive.root) as index:
        await look_at(archive, {2: NORTH, 3: WEST, 4: WEST})
        size = index.path.stat().st_size
        held = os.open(index.path.with_suffix(".lock"), os.O_RDWR)
        assert lock_if_free(held)
        index.refresh()
        found, places = seen(index), index.rows.version_ids(np.array([3, 0]))
        os.close(held)

        assert (found, places.tolist()) == ({1: 1.0, 2: 0.0, 3: -1.0, 4: -1.0}, [4, 1])
        assert index.path.stat().st_size == size
        assert not index.is_stored


async def test_where_no_file_can_be_made_everything_is_held_in_memory(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH})
    with index_of(archive.root) as index:
        index.path.unlink()
        index.path.with_name(f"{index.path.name}.part").mkdir()

        index.rebuild()

        assert seen(index) == {1: 1.0, 2: 0.0}
        assert not index.is_stored


async def test_two_programs_take_turns_in_appending(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH, 3: WEST})
    with index_of(archive.root) as first, index_of(archive.root) as second:
        made = first.path.stat().st_ino
        for number, index in ((4, first), (5, second), (6, first)):
            await look_at(archive, {number: EAST})
            index.refresh()
        second.refresh()

        assert seen(first) == seen(second)
        assert len(first.rows) == 6
        assert first.path.stat().st_ino == made


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4)


def spoil(place: int) -> Callable[[Path], None]:
    def spoiled(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"\x7f\x7f\x7f\x7f")

    return spoiled


DAMAGES = {
    "cut": cut,
    "empty": lambda path: path.write_bytes(b""),
    "header": spoil(60),
    "transform": spoil(4100),
    "row": spoil(2 * 4096),
    "last row": lambda path: spoil(path.stat().st_size - 24)(path),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_is_made_anew(archive: Archive, damage: str) -> None:
    await look_at(archive, {1: EAST, 2: NORTH, 3: WEST})
    with index_of(archive.root) as index:
        path = index.path
    DAMAGES[damage](path)

    with index_of(archive.root) as index:
        assert seen(index) == {1: 1.0, 2: 0.0, 3: -1.0}


async def test_records_that_a_killed_program_did_not_count_are_written_over(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH})
    with index_of(archive.root) as index:
        with index.path.open("ab") as file:
            file.write(b"half a record")
        await look_at(archive, {3: WEST})

        index.refresh()

        assert seen(index) == {1: 1.0, 2: 0.0, 3: -1.0}
    with index_of(archive.root) as index:
        assert seen(index) == {1: 1.0, 2: 0.0, 3: -1.0}


@pytest.mark.sqlite("it changes the file")
async def test_the_file_of_another_gallery_is_not_believed(archive: Archive, tmp_path: Path) -> None:
    await look_at(archive, {1: EAST})
    with index_of(archive.root) as index:
        path = index.path
    with closing(sqlite3.connect(archive.root / "crawl.db")) as database, database:
        database.execute("UPDATE gallery SET id = 'another'")
        database.execute("UPDATE embedding SET vector = ?", [stored(NORTH)])

    with index_of(archive.root) as index:
        assert (index.path, seen(index)) == (path, {1: 0.0})


@pytest.mark.sqlite("it changes the file")
async def test_an_older_database_put_back_makes_the_file_anew(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH})
    with index_of(archive.root):
        pass
    with closing(sqlite3.connect(archive.root / "crawl.db")) as database, database:
        database.execute("DELETE FROM embedding WHERE version_id = 2")

    with index_of(archive.root) as index:
        assert seen(index) == {1: 1.0}


@pytest.mark.sqlite("it changes the file")
async def test_a_row_that_was_looked_at_again_is_noticed_and_made_anew(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: NORTH})
    with index_of(archive.root) as index:
        places = np.array([0, 1])
        before = index.rows.differing(places, {1: stored(EAST), 2: stored(NORTH)})
        with closing(sqlite3.connect(archive.root / "crawl.db")) as database, database:
            database.execute("UPDATE embedding SET vector = ? WHERE version_id = 2", [stored(WEST)])

        after = index.rows.differing(places, {1: stored(EAST), 2: stored(WEST)})
        index.rebuild()

        assert (before, after) == (False, True)
        assert seen(index) == {1: 1.0, 2: -1.0}


async def test_a_gallery_that_doubled_is_fitted_again(archive: Archive) -> None:
    await look_at(archive, {1: EAST})
    fits: list[int] = []
    with open_reader(archive.root) as reader:
        index = VectorIndex(reader, NETWORK, lambda sample: (fits.append(len(sample)), as_they_are(sample))[1])
        await look_at(archive, {2: NORTH, 3: WEST})

        index.refresh()

        assert (fits, seen(index)) == ([1, 3], {1: 1.0, 2: 0.0, 3: -1.0})
        index.close()


async def test_damaged_vectors_are_left_out(archive: Archive) -> None:
    await look_at(archive, {1: EAST, 2: (*NORTH, 1.0), 3: (float("nan"), 1.0)})

    with index_of(archive.root) as index:
        assert seen(index) == {1: 1.0, 3: 0.0}


async def test_where_no_picture_was_looked_at_there_is_nothing_to_search(archive: Archive) -> None:
    with open_reader(archive.root) as reader, pytest.raises(NoEmbeddings, match="has looked at no picture"):
        VectorIndex(reader, NETWORK, as_they_are)


def test_long_embeddings_keep_the_directions_in_which_they_differ() -> None:
    random = np.random.default_rng(0)
    vectors = np.zeros((50, 6), dtype=np.float16)
    vectors[:, [1, 4]] = random.normal(size=(50, 2))
    whole = main_part(np.zeros(6, np.float32), np.eye(6, dtype=np.float32), vectors, most_columns=2)

    rows = whole.rows(whole.whole(vectors))

    assert (whole.columns, whole.dimension) == (2, 6)
    assert np.allclose(rows @ rows.T, whole.whole(vectors) @ whole.whole(vectors).T, atol=1e-5)
