"""`crawl tags`: what the site could be told, as a list and as a page; nothing is sent."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, Label, ListedPage
from storage.label_writer import Labelling
from storage.records import LabelValue, Post
from tests.equipment.accessibility import findings, overflowing, small_targets
from tests.equipment.browser import Browser, browsing, why_not
from tests.equipment.review_gallery import SITE, TARGET, Made, fill, painted_post

MOEBOORU = f'[sites.{SITE}]\nurl = "https://painted.example"\nsoftware = "moebooru"\n'


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    root = tmp_path_factory.mktemp("gallery") / "root"
    return root, fill(root, 240)


@pytest.fixture
def root(filled: tuple[Path, Made], tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled[0], tmp_path / "root"))


def crawl(root: Path, *more: str) -> Result:
    config = root.parent / "crawl.toml"
    config.write_text(MOEBOORU)
    return CliRunner().invoke(app, ["tags", *more, "--root", str(root), "--config", str(config)])


def record(root: Path, *more: str) -> dict[str, object]:
    return dict(json.loads(crawl(root, "--json", *more).stdout))


def posts(root: Path, kind: str, *more: str) -> list[dict[str, object]]:
    return record(root, *more)[kind]["posts"]  # type: ignore[index,no-any-return] # it is an object with a list


def label(root: Path, post: int, value: LabelValue) -> None:
    with Labelling(root) as labels:
        assert labels.relabel([Label(post, SITE, TARGET.name, value, "tester", f"{post} {value}")]).recorded == 1


def test_missing_tags_are_listed_with_their_post_at_its_site_the_surest_first(
    root: Path, filled: tuple[Path, Made]
) -> None:
    made = filled[1]

    found = posts(root, "missing", "--sure", "0.8")

    chances = [one["probability"] for one in found]
    numbers = np.array([one["post"] for one in found])
    assert len(found) >= 5
    assert chances == sorted(chances, reverse=True)
    assert not made.tagged[numbers - 1].any()
    assert made.shows[numbers - 1].mean() > 0.8
    assert found[0]["link"] == f"https://painted.example/post/show/{numbers[0]}"


def test_a_label_comes_first_whatever_the_score_says(root: Path, filled: tuple[Path, Made]) -> None:
    made = filled[1]
    plain = int(np.flatnonzero(~made.shows & ~made.tagged)[0]) + 1
    tagged = int(np.flatnonzero(made.shows & made.tagged)[0]) + 1
    label(root, plain, LabelValue.KEEP)
    label(root, tagged, LabelValue.DELETE)

    listed = record(root, "--sure", "0.8")

    for kind, post in (("missing", plain), ("wrong", tagged)):
        first = listed[kind]["posts"][0]  # type: ignore[index] # an object
        assert (first["post"], first["by"], first["probability"]) == (post, "label", 1.0)


def test_what_somebody_says_is_not_so_is_not_proposed_again(root: Path) -> None:
    first = posts(root, "missing", "--sure", "0.8")[0]["post"]
    label(root, int(str(first)), LabelValue.DELETE)

    assert first not in {one["post"] for one in posts(root, "missing", "--sure", "0.8")}


def test_once_the_site_has_the_tag_the_next_walk_takes_the_post_off_the_list(
    root: Path, filled: tuple[Path, Made]
) -> None:
    first = int(str(posts(root, "missing", "--sure", "0.8")[0]["post"]))
    post = painted_post(first, filled[1])
    tagged = replace(post, tags=replace(post.tags, character=(TARGET.tag,)), updated_at=post.updated_at + timedelta(1))

    asyncio.run(list_again(root, tagged))

    assert first not in {one["post"] for one in posts(root, "missing", "--sure", "0.8")}


async def list_again(root: Path, post: Post) -> None:
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        listing = await archive.open_listing(SITE, "genshin_impact")
        await archive.file_page(listing.id, ListedPage([post], cursor=post.id))


def test_the_table_says_what_precision_is_to_be_expected(root: Path) -> None:
    shown = crawl(root, "--missing", "--sure", "0.8", "--limit", "3")

    assert shown.exit_code == 0
    assert "show the target and lack mona_(genshin_impact), the surest 3 are listed; expected precision" in shown.stdout
    assert "do not show it" not in shown.stdout


def test_a_spreadsheet_has_both_directions(root: Path, filled: tuple[Path, Made]) -> None:
    label(root, int(np.flatnonzero(filled[1].tagged)[0]) + 1, LabelValue.DELETE)

    rows = list(csv.DictReader(io.StringIO(crawl(root, "--csv", "--sure", "0.8").stdout)))

    assert {row["action"] for row in rows} == {"add", "remove"}
    assert {row["tag"] for row in rows} == {TARGET.tag}


def test_without_a_model_only_labels_are_proposed(root: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(root / "crawl.db")) as database:
        database.execute("UPDATE model SET active = 0")
        database.commit()

    ended = crawl(root)

    assert ended.exit_code == 0
    assert "only what people labelled is proposed: no model is in force" in ended.stderr
    assert "0 posts show the target and lack" in ended.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--csv", "--json"], "give --csv or --json, not both"),
        (["--keep", "monna"], "did you mean"),
        (["--to", "{root}/crawl.db"], "belongs to the gallery"),
    ],
    ids=["two-formats", "unknown-target", "into-the-gallery"],
)
def test_what_makes_no_sense_is_refused_in_one_line(root: Path, words: list[str], why: str) -> None:
    ended = crawl(root, *(word.format(root=root) for word in words))

    assert ended.exit_code == 2
    assert why in ended.stderr


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_the_page_is_worked_through_in_a_browser_which_remembers(root: Path) -> None:
    page = root.parent / "tags.html"
    crawl(root, "--to", str(page), "--sure", "0.8")

    with browsing(scheme="dark") as browser:
        browser.driver.get(page.as_uri())
        browser.all(".card [data-mark=done]")[0].click()
        browser.all(".card [data-mark=no]")[1].click()
        browser.driver.get(page.as_uri())

        rejected = browser.all(".card")[1].get_attribute("data-post")
        assert browser.text("#progress").startswith("1 done, 1 not so")
        assert browser.text("#commands") == f"crawl relabel delete {rejected} --keep mona --site {SITE}"
        assert (findings(browser), overflowing(browser), small_targets(browser)) == ([], [], [])
        hide(browser)
        assert not browser.all(".card")[0].is_displayed()


def hide(browser: Browser) -> None:
    browser.one("#hide-done").click()
