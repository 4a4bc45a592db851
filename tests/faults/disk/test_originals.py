"""A crawl that looks at originals: rejects go to the trash once, and nothing that was ever wanted goes with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.checker import checker
from tests.faults.killing import ONE_AT_A_TIME
from tests.faults.rows_pictures import PAGE, publish
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_well, run_here

REJECTED = {20, 50, 120}
TAGGED_AND_DARK = {30, 110}  # kept for their tags alone
KINDS = ("link", "rename", "unlink", "sync", "commit")


class Originals:
    """One root, and a site."""

    def __init__(self, laboratory: Laboratory, site: simulator.Simulator, place: Path) -> None:
        self.laboratory, self.place, self.root = laboratory, place, place / "root"
        self.config = simulator.configuration(place, site.url)

    def words(self, *more: str) -> list[str]:
        return simulator.arguments(self.root, self.config, "--score-on", "original", *more)

    def crawl(self) -> None:
        ended = run_here(self.words(), environment=LOGGED_IN)
        assert ended.code == 0, ended.output

    def run(self, *words: str) -> driver.CommandResult:
        return run_here([*words, "--root", str(self.root), "--config", str(self.config)], environment=LOGGED_IN)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.root / 'crawl.db'}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def lying_in(self, place: str) -> set[int]:
        return {row[0] for row in self.rows(f"SELECT post_id FROM results WHERE place = '{place}'")}

    @property
    def moves(self) -> int:
        return int(self.rows("SELECT count(*) FROM move")[0][0])


@pytest.fixture
def originals(laboratory: Laboratory, place: Path) -> Iterator[Originals]:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        yield Originals(laboratory, site, place)


@pytest.mark.fault("X01")
def test_rejects_go_to_the_trash_once_and_restored_ones_stay(originals: Originals) -> None:
    originals.crawl()
    assert originals.lying_in("trash") == REJECTED
    assert originals.moves == len(REJECTED)

    assert originals.run("trash", "restore", "20").code == 0
    originals.crawl()

    assert originals.lying_in("trash") == REJECTED - {20}
    assert originals.moves == len(REJECTED) + 1  # the way back alone
    assert_well(originals.root, originals.laboratory.expected(last_exit=0))


@pytest.mark.fault("B03")
def test_an_original_that_is_no_picture_is_undecided_and_never_trash(laboratory: Laboratory, place: Path) -> None:
    gallery = laboratory.gallery()
    for post_id in (20, 30):  # dark; 30 is tagged
        publish(gallery, post_id, PAGE + b"%d" % post_id)
    with simulator.simulator(gallery, laboratory.cache) as site:
        originals = Originals(laboratory, site, place)
        originals.crawl()
        asked = len(site.paths("/original/"))
        originals.crawl()

        assert len(site.paths("/original/")) == asked > 0, "what is no picture is on disk, and not fetched again"
    assert originals.run("verify").code == 0
    assert originals.rows("SELECT decision, place FROM results WHERE post_id = 20") == [("undecided", "none")]
    assert originals.rows("SELECT decision, place FROM results WHERE post_id = 30") == [("keep", "gallery")]
    assert originals.lying_in("trash") == REJECTED - {20}


def test_what_an_earlier_crawl_kept_waits_for_apply(originals: Originals) -> None:
    originals.crawl()
    scoring = '{look_first = "none", trust_tags = false}'
    originals.config = simulator.configuration(originals.place, _url(originals.config), scoring=scoring)

    originals.crawl()

    assert originals.lying_in("gallery") >= TAGGED_AND_DARK
    assert {row[0] for row in originals.rows("SELECT post_id FROM results WHERE decision = 'delete'")} == (
        REJECTED | TAGGED_AND_DARK
    )
    assert originals.run("apply").code == 0
    assert originals.lying_in("trash") == REJECTED | TAGGED_AND_DARK
    assert_well(originals.root, originals.laboratory.expected())


def _url(config: Path) -> str:
    return next(line.split('"')[1] for line in config.read_text().splitlines() if line.startswith("url"))


# --- killed --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unbroken(laboratory: Laboratory) -> Mapping[str, str]:
    """The state that an undisturbed crawl of originals ends in."""
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        whole = Originals(laboratory, site, laboratory.place())
        whole.crawl()
        return {"digest": checker.state_digest(whole.root)}


def kill_and_go_on(originals: Originals, kind: str, number: int, unbroken: Mapping[str, str]) -> bool:
    """Whether it was killed there; the next run must end in the unbroken run's state."""
    before, environment = driver.dying_at(kind, number)
    ended = driver.run(originals.words(), before=before, environment={**ONE_AT_A_TIME, **environment})
    where = f"killed at {kind} {number}"
    assert checker.check(originals.root, originals.laboratory.expected(), weak=True) == [], where
    if not ended.killed:
        assert ended.code == 0, ended.output
        return False
    originals.crawl()
    assert checker.check(originals.root, originals.laboratory.expected(last_exit=0)) == [], where
    assert checker.state_digest(originals.root) == unbroken["digest"], where
    return True


@pytest.mark.fault("X02")
@pytest.mark.parametrize(("kind", "number"), slow_after(1, [("rename", 5), ("commit", 30)]))
def test_a_kill_on_the_way_to_the_trash_is_mended(
    kind: str, number: int, originals: Originals, unbroken: Mapping[str, str]
) -> None:
    assert kill_and_go_on(originals, kind, number, unbroken)


@pytest.mark.fault("X02")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_anywhere_on_the_way_to_the_trash_is_mended(
    kind: str, laboratory: Laboratory, unbroken: Mapping[str, str]
) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        for number in range(1, 1000, 3 if kind in ("sync", "commit") else 1):
            if not kill_and_go_on(Originals(laboratory, site, laboratory.place()), kind, number, unbroken):
                assert number > 1
                return
    pytest.fail("the sweep does not end")
