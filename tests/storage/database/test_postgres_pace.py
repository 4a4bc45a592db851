"""The locked row that all machines of a database share before they ask a site, on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.database.engines.location import database_of
from storage.database.engines.postgres import PostgresDatabase
from storage.database.engines.postgres_pace import PaceFacts, ServerPace
from storage.lifecycle.verify import verify
from tests.equipment.postgres import PostgresServer
from tests.storage.samples import NO_RESERVE

MACHINES, TRIES, TOKENS = 4, 30, 50


@pytest.fixture
def database(server: PostgresServer, root: Path) -> PostgresDatabase:
    found = database_of(server.new_gallery(root))
    assert isinstance(found, PostgresDatabase)
    return found


@pytest.fixture
def paces(database: PostgresDatabase) -> Iterator[list[ServerPace]]:
    """One a machine."""
    made = [ServerPace(database) for _ in range(MACHINES)]
    yield made
    for pace in made:
        pace.close()


def take(facts: PaceFacts, now: float) -> float:
    left = float(facts.get("tokens", TOKENS))
    facts["tokens"] = max(0.0, left - 1)
    facts["at"] = now
    return 0.0 if left >= 1 else 1.0


def test_machines_at_once_never_take_more_than_there_is(paces: list[ServerPace]) -> None:
    with ThreadPoolExecutor(MACHINES) as at_once:  # all of them begin on a database that has no row yet
        waits = list(
            at_once.map(lambda pace: [pace.update("danbooru.api", take) for _ in range(TRIES)], paces, timeout=60)
        )

    assert sum(wait == 0.0 for tries in waits for wait in tries) == TOKENS


def test_a_place_is_held_by_one_and_freed_by_its_end(paces: list[ServerPace]) -> None:
    first, second, *_ = paces

    assert [first.take("files", 3), second.take("files", 3), first.take("files", 3)] == [0, 1, 2]
    assert second.take("others", 1) == 0
    assert paces[2].take("files", 3) is None
    second.give_back("files", 1)
    assert paces[2].take("files", 3) == 1
    first.close()
    deadline = time.monotonic() + 60  # the server hears of it in its own time
    while (number := second.take("files", 3)) is None:
        assert time.monotonic() < deadline
    assert number in (0, 2)


@pytest.mark.fault("D17", "D18")
def test_a_lost_connection_costs_nothing_and_frees_its_places(
    server: PostgresServer, paces: list[ServerPace], root: Path
) -> None:
    first, second, *_ = paces
    assert first.take("files", 1) == 0
    first.update("danbooru.api", take)
    server.cut_off(server.name_of(root))

    first.update("danbooru.api", take)

    assert second.take("files", 1) == 0
    assert second.update("danbooru.api", lambda facts, _: float(facts["tokens"])) == TOKENS - 2


def test_the_clock_is_the_servers_and_goes_on(server: PostgresServer, paces: list[ServerPace]) -> None:
    (before,) = server.sql("SELECT extract(epoch FROM clock_timestamp())::float8")[0]

    now = paces[0].update("danbooru.api", lambda _, now: now)
    later = paces[1].update("danbooru.api", lambda _, now: now)

    assert before <= now <= later


def test_what_the_machines_share_is_no_part_of_the_gallery(paces: list[ServerPace], root: Path) -> None:
    paces[0].update("danbooru.api", take)

    Archive.open(root, NO_RESERVE).close()

    assert verify(root).database == ()
