"""Files follow what people say, end to end: nothing leaves but by apply, nothing is lost, everything comes back."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.crawl import Parts
from storage.files.disk import Disk
from storage.files.lock import GalleryLock
from storage.moves.apply_plan import BrakeLimit
from tests.equipment.clock import ShiftedClock
from tests.faults.driver import CommandResult
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_well, run_here
from tests.faults.stubs.parts import stub_parts


class Gallery:
    """The unbroken run's gallery, its site on another port than before, and the command line."""

    def __init__(self, laboratory: Laboratory, site: simulator.Simulator, place: Path) -> None:
        self.laboratory, self.site, self.root = laboratory, site, place / "root"
        shutil.copytree(laboratory.whole, self.root)
        self.config = simulator.configuration(place, site.url)

    def crawl(self, *words: str, clock: ShiftedClock | None = None, parts: Parts | None = None) -> CommandResult:
        words = (*words, "--root", str(self.root), "--config", str(self.config))
        return run_here(words, environment=LOGGED_IN, clock=clock, parts=parts)

    def places(self) -> dict[int, str]:
        with closing(sqlite3.connect(f"file:{self.root / 'crawl.db'}?mode=ro", uri=True)) as database:
            return dict(database.execute("SELECT post_id, place FROM results WHERE target IS NOT NULL").fetchall())

    def run_json(self, *words: str, clock: ShiftedClock | None = None, parts: Parts | None = None) -> dict[str, Any]:
        ended = self.crawl(*words, "--json", clock=clock, parts=parts)
        record: dict[str, Any] = json.loads(ended.stdout)
        assert record.get("exit", 0) == ended.code, ended.output
        return record

    def files(self, folder: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.root / folder).rglob("*") if path.is_file()}


@pytest.fixture
def gallery(laboratory: Laboratory, place: Path) -> Iterator[Gallery]:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        yield Gallery(laboratory, site, place)


KEPT, REJECTED = 10, 20


@pytest.mark.fault("X01")
def test_x01_looking_and_labelling_move_nothing(gallery: Gallery) -> None:
    before = gallery.files("gallery")

    for words in (("relabel", "delete", str(KEPT)), ("query", "decision:delete"), ("status",), ("verify",)):
        assert gallery.crawl(*words).code == 0
    assert gallery.run_json("trash", "list")["trash"] == []

    assert gallery.files("gallery") == before
    assert gallery.run_json("apply", "--dry-run")["planned"]["trash"] == 1
    assert gallery.files("gallery") == before


def test_apply_moves_what_was_rejected_fetches_what_is_kept_and_brings_it_all_back(gallery: Gallery) -> None:
    before = gallery.files("gallery")
    gallery.crawl("relabel", "delete", str(KEPT))
    gallery.crawl("relabel", "keep", str(REJECTED))

    done = gallery.run_json("apply")

    assert (done["trashed"], done["fetched"], done["failed"], done["exit"]) == (1, 1, [], 0)
    assert (gallery.places()[KEPT], gallery.places()[REJECTED]) == ("trash", "gallery")
    assert [one["post_id"] for one in gallery.run_json("trash", "list")["trash"]] == [KEPT]
    assert gallery.run_json("apply")["planned"] == {
        "trash": 0, "back": 0, "fetch": 0, "of_other_models": 0, "restored": 0, "seen": 0,
    }  # fmt: skip
    gallery.crawl("relabel", "clear", str(KEPT))
    gallery.crawl("relabel", "clear", str(REJECTED))
    assert gallery.run_json("apply")["back"] == 1
    assert gallery.files("gallery") == before
    assert gallery.crawl("verify").code == 0
    assert_well(gallery.root, gallery.laboratory.expected())


@pytest.mark.fault("H14")
@pytest.mark.parametrize("what", ["the file", "the post"])
def test_an_original_that_the_site_has_no_more_is_gone_and_not_asked_for_by_every_apply(
    what: str, gallery: Gallery
) -> None:
    gallery.crawl("relabel", "keep", str(REJECTED))
    if what == "the file":
        gallery.site.misbehave([{"match": {"path": "/original/*"}, "do": {"status": 404}}])
    else:
        gallery.site.running.gallery.remove(REJECTED)

    first, requested = gallery.run_json("apply"), len(gallery.site.paths("/original/"))
    second = gallery.run_json("apply")

    assert (first["fetched"], first["failed"], len(first["gone"]), first["exit"]) == (0, [], 1, 0)
    assert (second["planned"]["fetch"], second["exit"]) == (0, 0)
    assert len(gallery.site.paths("/original/")) == requested
    assert_well(gallery.root, gallery.laboratory.expected(labels=((REJECTED, "mona", "keep"),)))


@pytest.mark.fault("X07")
def test_a_restored_file_stays_and_a_purge_asks_first(gallery: Gallery) -> None:
    before = gallery.files("gallery")
    gallery.crawl("relabel", "delete", str(KEPT))
    gallery.crawl("apply")

    restored = gallery.run_json("trash", "restore", str(KEPT), "77")

    assert (restored["restored"], restored["absent"], restored["exit"]) == (1, [77], 3)
    assert gallery.run_json("apply")["planned"]["restored"] == 1
    assert gallery.files("gallery") == before
    purge = gallery.run_json("trash", "purge", "--older-than", "30d")
    assert (purge["planned"], purge["purged"], purge["exit"]) == (0, 0, 0)
    for words, what in (
        (("trash", "restore"), "say what to restore"),
        (("trash", "purge"), "say how old"),
        (("trash", "purge", "--older-than", "soon"), "not an age"),
        (("trash", "purge", "--older-than", "0d"), "at least"),
        (("trash", "lisst"), "did you mean 'list'"),
        (("trash", "restore", "x"), "not a post id"),
        (("apply", "--keep", "monna"), "did you mean 'mona'"),
    ):
        ended = gallery.crawl(*words)
        assert ended.code == 2, ended.output
        assert what in ended.output


def test_a_site_that_is_away_leaves_the_rest_done_and_says_so(gallery: Gallery) -> None:
    gallery.crawl("relabel", "delete", str(KEPT))
    gallery.crawl("relabel", "keep", str(REJECTED))
    gallery.site.misbehave([{"match": {"path": "/original/**"}, "do": {"status": 503}}])

    done = gallery.run_json("apply")

    assert (done["trashed"], done["fetched"]) == (1, 0)
    assert done["exit"] == 3
    assert len(done["failed"]) == 1
    assert gallery.places()[REJECTED] == "none"


@pytest.mark.fault("X07")
def test_the_brake_and_the_purge_wait_for_a_yes(gallery: Gallery) -> None:
    at_once = replace(stub_parts(), brake=BrakeLimit(0, 0.0))
    gallery.crawl("relabel", "delete", str(KEPT))

    held = gallery.run_json("apply", parts=at_once)

    assert (held["exit"], held["trashed"], held["brakes"][0]["leaving"]) == (12, 0, 1)
    assert gallery.places()[KEPT] == "gallery"
    assert gallery.run_json("apply", "--yes", parts=at_once)["trashed"] == 1
    later = ShiftedClock(days=40)
    held = gallery.run_json("trash", "purge", "--older-than", "30d", clock=later)
    assert (held["exit"], held["planned"], held["purged"]) == (12, 1, 0)
    assert len(gallery.files("trash")) == 1
    assert gallery.run_json("trash", "purge", "--older-than", "30d", "--yes", clock=later)["purged"] == 1
    assert gallery.files("trash") == {}
    assert gallery.places()[KEPT] == "purged"
    assert gallery.crawl("verify").code == 0


@pytest.mark.fault("B13")
def test_a_file_that_rotted_and_one_that_is_missing_are_set_aside_and_fetched_again(gallery: Gallery) -> None:
    rotten, lost = sorted((gallery.root / "gallery").rglob("*.*"))[:2]
    before = gallery.files("gallery")
    rotten.write_bytes(b"rotten")
    lost.unlink()

    found = gallery.run_json("verify", "--set-aside")
    assert (found["exit"], found["set_aside_now"]) == (11, 2)
    assert [len(found[kind]) for kind in ("damaged", "missing", "foreign")] == [1, 1, 0]
    assert list(gallery.files("damaged").values()) == [b"rotten"]
    assert gallery.run_json("verify")["exit"] == 0

    assert gallery.run_json("apply")["fetched"] == 2
    assert gallery.files("gallery") == before
    verified = gallery.run_json("verify")
    assert (verified["exit"], len(verified["set_aside"])) == (0, 1)


def test_nothing_is_set_aside_while_another_program_holds_the_gallery(gallery: Gallery) -> None:
    rotten = min((gallery.root / "gallery").rglob("*.*"))
    rotten.write_bytes(b"rotten")

    lock = GalleryLock.take(gallery.root, "crawl", Disk())
    try:
        ended = gallery.crawl("verify", "--set-aside")
    finally:
        lock.release()

    assert ended.code == 9, ended.output
    assert rotten.read_bytes() == b"rotten" and not gallery.files("damaged")
