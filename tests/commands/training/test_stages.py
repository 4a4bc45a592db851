"""Stages of a recipe that search the gallery: what a search finds is learned from, and the model says so."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from commands.app import app
from commands.context.settings import StageEntry
from commands.context.workspace import load_workspace
from commands.training.stages import stages_of
from rounds.errors import TooLittleToLearn
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, ListedPage, RunStart, Sighting, StoredFacts
from storage.records import FileVersion, Look, PostTags
from tests.commands.test_train import pictures
from tests.crawler.crew_fakes import MONA, post

POSTS = 80
GIRLS, BOTH = range(1, 42), (40, 41)  # posts tagged 1girl; those after, and BOTH, are tagged 1boy
PLACE = {True: slice(0, 32), False: slice(32, 64)}  # where a picture is bright
STAGES = '[[train.stages]]\nname = "girls and boys"\npositive = "1girl"\nnegative = "1boy"\n'


def rendition(number: int) -> bytes:
    """Noise, no two alike, bright at the top or at the bottom."""
    pixels = np.random.default_rng(number).integers(0, 120, (64, 64, 3)).astype(np.uint8)
    pixels[PLACE[number in GIRLS]] += 120
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


async def fill(root: Path) -> None:
    """A gallery of pictures that were looked at, without any model."""
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("demo", [MONA])
        run_id = await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", ["mona"]))
        listing = await archive.open_listing("demo", "genshin_impact")
        posts = []
        for number in range(POSTS, 0, -1):
            general = ("1girl",) * (number in GIRLS) + ("1boy",) * (number not in GIRLS or number in BOTH)
            version = FileVersion(f"{number:032x}", "png", 100, 64, 64, "http://127.0.0.1/x.png")
            posts.append(replace(post(number), tags=PostTags(general=general), file=version, parent_id=None))
        await archive.file_page(listing.id, ListedPage(posts, (), 1, run_id))
        for one in posts:
            facts = StoredFacts("720x720", "png", 64, 64)
            seen = Sighting(post=one, look=Look(), decisions=(), rendition=rendition(one.id), stored=facts)
            await archive.file_look(seen)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path / "root"))
    return tmp_path / "root"


def train(root: Path, folder: Path, stages: Path, *settings: str) -> Result:
    words = ("--network", "mona_cnn", "--stages", str(stages), "--json", "--root", str(root))
    setting = [word for one in settings for word in ("--set", one)]
    return CliRunner().invoke(app, ["train", "mona", "--from", str(folder), *words, *setting])


def test_searches_find_a_stages_pictures_without_those_that_both_sides_name(root: Path) -> None:
    entry = StageEntry("girls and boys", positive="1girl", negative="1boy")

    with stages_of([entry], load_workspace(root, None)) as (stage,):
        girls, boys = (
            {one.identity.post_id: one.read() for one in side} for side in (stage.positives, stage.negatives)
        )

    assert girls == {number: rendition(number) for number in GIRLS if number not in BOTH}
    assert boys == {number: rendition(number) for number in range(GIRLS.stop, POSTS + 1)}


def test_a_stage_takes_the_newest_pictures_and_no_more_than_it_may(root: Path) -> None:
    entry = StageEntry("girls and boys", positive="1girl -1boy", negative="1boy -1girl", at_most=20)

    with stages_of([entry], load_workspace(root, None)) as (stage,):
        girls, boys = ({one.identity.post_id for one in side} for side in (stage.positives, stage.negatives))

    assert girls == set(range(20, 40))
    assert boys == set(range(61, 81))


def test_a_search_that_finds_too_few_names_the_stage_and_the_side(root: Path) -> None:
    entry = StageEntry("girls and boys", positive="1girl", negative="1other")

    with (
        pytest.raises(TooLittleToLearn, match="stage girls and boys has 0 pictures that do not; at least 20"),
        stages_of([entry], load_workspace(root, None)),
    ):
        pass


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_network_learns_what_searches_find_before_it_learns_the_target(root: Path, tmp_path: Path) -> None:
    folder, stages = pictures(tmp_path / "pictures", mona=60, keqing=60), tmp_path / "stages.toml"
    stages.write_text(STAGES)
    tiny = ("size=16", "padding=same", "width=0.02", "epochs=1", "samples=0", "balance=-1")

    done = train(root, folder, stages, *tiny)

    assert done.exit_code == 13, done.stderr  # too few pictures to decide
    told = [line for line in done.stderr.splitlines() if line.startswith("stage ")]
    assert json.loads(done.stdout)["model"] == "mona/1"
    assert told[0].startswith("stage girls and boys: 31 pictures that show it and 31 that do not")
    assert [line.split(":")[0] for line in told] == ["stage girls and boys", "stage target"]
