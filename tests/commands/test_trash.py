"""`crawl trash` as a user types it: it concerns what its words mean and nothing else, above all a purge."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive, open_reader
from storage.archive_records import ListedPage, Sighting, StoredFacts
from storage.evidence import Rescored
from storage.moves.trash import trashed
from storage.records import Look, Target
from tests.equipment.clock import ShiftedClock
from tests.storage.samples import CARD, NO_RESERVE, content_of, decide, keep, make_post, new_gallery

MONA, FISCHL = CARD, replace(CARD, target="fischl", hash="f" * 64)
POSTS = [make_post(1), make_post(2), replace(make_post(2, content_of(4)), site="elsewhere")]


async def fill(root: Path) -> None:
    """Three posts of two sites, kept and then rejected for two targets."""
    async with Archive.open(new_gallery(root), replace(NO_RESERVE, clock=ShiftedClock(days=-40))) as archive:
        await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)"), Target("fischl", "fischl")])
        models = {"mona": MONA, "fischl": FISCHL}
        for card in models.values():
            await archive.register_model(card, {}, activate=True)
        for one in POSTS:
            listing = await archive.open_listing(one.site, "genshin_impact")
            await archive.file_page(listing.id, ListedPage([one], cursor=one.id))
            look = Look({"mona": 0.9, "fischl": 0.9}, {MONA.backbone_hash: b"\x00\x3c" * 8}, 360, 200)
            kept = [decide(card=card) for card in models.values()]
            facts = StoredFacts("360x360", "jpg", 360, 200)
            await archive.file_look(
                Sighting(post=one, look=look, decisions=kept, rendition=b"seen", stored=facts, models=models)
            )
            await keep(archive, one, content_of(4 if one.site == "elsewhere" else one.id), "mona", "fischl")
        for card in (replace(MONA, number=2, hash="c" * 64), replace(FISCHL, number=2, hash="d" * 64)):
            await archive.register_model(card, {}, activate=True)
            rejected = [decide("delete", card=card, score=0.1)] * len(POSTS)
            await archive.file_rescores(card, Rescored(np.arange(1, 4), np.full(3, 0.1), rejected))
        await archive.moves.apply(await archive.moves.plan_apply(), confirmed=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Everything has lain in the trash for forty days."""
    asyncio.run(fill(tmp_path / "root"))
    return tmp_path / "root"


def crawl(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


def purge(root: Path, *arguments: str) -> Result:
    return crawl(root, "trash", "purge", *arguments, "--older-than", "30d", "--yes", "--json")


def lying(root: Path) -> set[tuple[str, int, str]]:
    with open_reader(root) as reader:
        return {(one.site, one.post_id, one.target) for one in reader.ask(trashed)}


EVERYTHING = {(one.site, one.id, target) for one in POSTS for target in ("mona", "fischl")}


@pytest.mark.parametrize(
    ("words", "doomed"),
    [
        (("1",), {("demo", 1, "mona"), ("demo", 1, "fischl")}),
        (("--keep", "fischl"), {one for one in EVERYTHING if one[2] == "fischl"}),
        (("--keep", "mona_(genshin_impact)"), {one for one in EVERYTHING if one[2] == "mona"}),
        (("--site", "elsewhere"), {one for one in EVERYTHING if one[0] == "elsewhere"}),
        (("--model", "mona/2"), {one for one in EVERYTHING if one[2] == "mona"}),
        (("--model", "mona/1"), set()),  # known, and rejected nothing
        (("2", "--keep", "fischl", "--site", "demo"), {("demo", 2, "fischl")}),
        (("1", "--model", "fischl/2"), {("demo", 1, "fischl")}),
        ((), EVERYTHING),
    ],
)
def test_a_purge_destroys_what_was_named_and_nothing_else(
    root: Path, words: tuple[str, ...], doomed: set[tuple[str, int, str]]
) -> None:
    listed = json.loads(crawl(root, "trash", "list", *words, "--json").stdout)["trash"]

    done = purge(root, *words)

    record = json.loads(done.stdout)
    assert {(one["site"], one["post_id"], one["target"]) for one in listed} == doomed
    assert (done.exit_code, record["planned"], record["purged"]) == (0, len(doomed), len(doomed))
    assert lying(root) == EVERYTHING - doomed


def test_a_purge_of_a_post_that_is_not_there_destroys_nothing_and_names_it(root: Path) -> None:
    done = purge(root, "99", "1", "--keep", "fischl")
    alone = purge(root, "99")

    assert (done.exit_code, json.loads(done.stdout)["absent"]) == (3, [99])
    assert "not in the trash: 99" in done.stderr
    assert lying(root) == EVERYTHING - {("demo", 1, "fischl")}
    assert (alone.exit_code, json.loads(alone.stdout)["purged"]) == (3, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--keep", "fishl"), "did you mean 'fischl'"),
        (("--keep", ""), "--keep is empty"),
        (("--site", "elsewere"), "did you mean 'elsewhere'"),
        (("--model", "mona/7"), "mona/2"),
        (("--model", ""), "--model is empty"),
        (("one",), "'one' is not a post id"),
        (("",), "is not a post id"),
    ],
)
def test_a_purge_of_what_is_not_known_is_refused(root: Path, words: tuple[str, ...], message: str) -> None:
    done = purge(root, *words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert lying(root) == EVERYTHING


def test_a_purge_for_a_model_spares_what_a_person_rejects_as_a_restore_does(root: Path) -> None:
    assert crawl(root, "relabel", "delete", "1", "--keep", "mona", "--site", "demo").exit_code == 0

    purge(root, "--model", "mona/2")

    assert ("demo", 1, "mona") in lying(root)
    assert ("demo", 2, "mona") not in lying(root)


def test_a_restore_from_a_site_that_is_not_known_is_refused(root: Path) -> None:
    done = crawl(root, "trash", "restore", "--site", "nosuch", "--all")

    assert done.exit_code == 2
    assert "it is one of demo, elsewhere" in done.stderr


def test_a_restore_that_finds_nothing_promises_nothing_of_files(root: Path) -> None:
    some, none = (crawl(root, "trash", "restore", "--model", name) for name in ("mona/2", "mona/1"))

    assert "3 files restored to the gallery; crawl apply leaves them there" in some.stderr
    assert "0 files restored to the gallery\n" in none.stderr


def test_the_list_can_be_read_on_a_narrow_screen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    answer = crawl(root, "trash", "list", "--keep", "mona")

    assert "holds now" in answer.stdout
    assert "delete" in answer.stdout
    assert "…" not in answer.stdout
    assert "no room for size, rejected by" in answer.stderr
