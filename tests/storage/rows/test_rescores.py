"""Another model's word over everything known: the same identities as single looks, and back again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.database import bulk
from storage.database.engines.location import database_of
from storage.database.engines.sqlite import CACHE_KIB
from storage.errors import RefusedRequest
from storage.evidence import Rescored
from storage.lifecycle.verify import verify
from storage.records import Decision, LabelValue
from tests.storage.samples import CARD, decide, list_posts, make_post, relabel, sight

NEXT = replace(CARD, number=2, hash="c" * 64)


async def looked_at(archive: Archive, count: int = 3) -> None:
    posts = [make_post(number) for number in range(1, count + 1)]
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post, decide("keep")))


def rescored(values: str, card: Any = NEXT, scores: Any = None) -> Rescored:
    decisions: list[Decision] = [decide(value, card=card, score=0.25) for value in values.split()]
    ids = np.arange(1, len(decisions) + 1)
    return Rescored(ids, np.full(len(decisions), 0.25) if scores is None else np.array(scores), decisions)


def current_rows(root: Path) -> Any:
    with open_reader(root) as reader:
        return reader.sql("SELECT decision, model FROM results ORDER BY post_id").rows


@pytest.mark.fault("M17")
async def test_decisions_of_another_model_stand_from_now_on_and_the_history_stays(archive: Archive, root: Path) -> None:
    await looked_at(archive)

    new = await archive.file_rescores(NEXT, rescored("keep delete delete"))

    assert new == 3
    assert current_rows(root) == [("keep", "mona/2"), ("delete", "mona/2"), ("delete", "mona/2")]
    with open_reader(root) as reader:
        assert reader.sql("SELECT count(*) FROM decision").rows == [(6,)]
        assert (
            reader.sql("SELECT value FROM score JOIN model ON model.id = model_id WHERE number = 2").rows
            == [(0.25,)] * 3
        )
    assert verify(root).whole


@pytest.mark.fault("M17", "M20")
async def test_going_back_to_the_old_model_stands_its_old_decisions_up_again(archive: Archive, root: Path) -> None:
    await looked_at(archive)
    with open_reader(root) as reader:
        before = reader.digest()
    await archive.file_rescores(NEXT, rescored("delete delete delete"))

    new = await archive.file_rescores(CARD, rescored("keep keep keep", CARD, [0.9, 0.9, 0.9]))

    assert new == 0
    with open_reader(root) as reader:
        assert reader.digest() == before


async def test_of_new_decisions_and_old_ones_each_says_what_it_was_made_with(archive: Archive, root: Path) -> None:
    await looked_at(archive)
    second = replace(rescored("delete keep"), version_ids=np.array([2, 1]))  # out of order
    await archive.file_rescores(NEXT, second)

    new = await archive.file_rescores(NEXT, rescored("delete delete keep", scores=[0.1, 0.1, 0.1]))

    assert new == 1
    assert current_rows(root) == [("keep", "mona/2"), ("delete", "mona/2"), ("keep", "mona/2")]
    with open_reader(root) as reader:
        assert reader.sql("SELECT count(*) FROM decision").rows == [(6,)]
    assert verify(root).whole


@pytest.mark.sqlite("a server has its own cache")
async def test_the_cache_grows_with_a_large_file_and_shrinks_after_a_failure_too(archive: Archive, root: Path) -> None:
    await looked_at(archive)
    engine = database_of(root).writing_engine(owner=False)

    def pages(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA cache_size").scalar_one())

    with engine.connect() as connection, connection.begin():
        with pytest.raises(KeyError), bulk.large_cache(connection, 0.001):
            assert pages(connection) == -bulk.LARGEST_CACHE // 1024
            raise KeyError
        assert pages(connection) == CACHE_KIB
        with bulk.large_cache(connection):
            assert pages(connection) == CACHE_KIB
    engine.dispose()


@pytest.mark.fault("M20")
async def test_a_label_still_beats_the_new_model(archive: Archive, root: Path) -> None:
    await looked_at(archive, 1)
    await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "me", "k")])

    await archive.file_rescores(NEXT, rescored("delete"))

    assert current_rows(root) == [("keep", "mona/2")]


async def test_what_is_no_probability_is_not_recorded_as_one(archive: Archive, root: Path) -> None:
    await looked_at(archive)

    await archive.file_rescores(NEXT, rescored("undecided undecided keep", scores=[float("nan"), 1.5, 1.0]))

    with open_reader(root) as reader:
        assert reader.sql("SELECT value FROM score JOIN model ON model.id = model_id WHERE number = 2").rows == [(1.0,)]


async def test_a_batch_that_does_not_fit_together_is_refused_whole(archive: Archive, root: Path) -> None:
    await looked_at(archive)
    before = current_rows(root)

    with pytest.raises(RefusedRequest, match="2 scores"):
        await archive.file_rescores(NEXT, rescored("keep keep keep", scores=[0.1, 0.2]))
    with pytest.raises(RefusedRequest, match="not about"):
        await archive.file_rescores(replace(NEXT, target="kiara"), rescored("delete"))

    assert current_rows(root) == before
    assert await archive.file_rescores(NEXT, rescored("")) == 0


async def test_exactly_one_model_is_in_force_and_one_command_goes_back(archive: Archive) -> None:
    await archive.register_model(CARD, {}, activate=True)
    await archive.register_model(NEXT, {}, activate=True)

    back = await archive.activate_model("mona", 1)

    assert back.card == CARD
    assert [(model.card.number, model.active) for model in await archive.models("mona")] == [(1, True), (2, False)]
    with pytest.raises(RefusedRequest, match="mona/1, mona/2"):
        await archive.activate_model("mona", 3)
    active = await archive.active_model("mona")
    assert active is not None
    assert active.card == CARD
