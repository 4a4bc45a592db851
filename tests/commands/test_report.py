"""`crawl report`: the tables, the page, and the settings for Datasette."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.reports.canned_questions import QUESTIONS
from tests.equipment.accessibility import findings, overflowing, small_targets
from tests.equipment.browser import browsing, why_not
from tests.equipment.review_gallery import fill


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gallery") / "paintings"
    fill(root, 120)
    return root


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    folder = root.parent / "report"
    ended = crawl(root, "--html", str(folder))
    assert ended.exit_code == 0, ended.output
    return folder


def crawl(root: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["report", *more, "--root", str(root)])


def test_the_tables_say_what_was_found_and_by_whom(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")

    shown = crawl(root).stdout

    assert re.search(r"Found without a tag: \d+", shown)
    assert "painter_" in shown
    assert "genshin_impact" in shown
    assert "more rows: --json or --html DIR has them" in shown


def test_programs_get_every_answer_as_one_object(root: Path) -> None:
    record = json.loads(crawl(root, "--json").stdout)

    assert {*record["targets"]["mona"], *record["gallery"]} == {one.name for one in QUESTIONS}
    assert record["gallery"]["sites"][0]["posts"] == 120
    assert "version_id" not in record["targets"]["mona"]["found_untagged"][0]


def test_one_target_may_be_named_and_an_unknown_one_is_refused(root: Path) -> None:
    assert list(json.loads(crawl(root, "--json", "--keep", "mona").stdout)["targets"]) == ["mona"]
    assert crawl(root, "--keep", "monna").exit_code == 2


def test_the_page_has_everything_in_itself(folder: Path) -> None:
    text = (folder / "index.html").read_text()

    assert not re.search(r'(?:src|srcset)="(?!data:)', text)
    assert "<script" not in text
    assert text.count("<figure>") == 4
    assert text.count('<li class="card') > 10
    assert json.loads((folder / "report.json").read_text())["gallery"]["sites"]
    assert (folder / "mona-over-time.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(folder: Path, scheme: str) -> None:
    with browsing(420, 800, scheme=scheme) as browser:
        browser.driver.get((folder / "index.html").as_uri())

        assert (findings(browser), overflowing(browser), small_targets(browser)) == ([], [], [])
        assert browser.driver.get_log("browser") == []


def test_a_report_replaces_a_report_and_nothing_else(root: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("somebody's own page")

    assert crawl(root, "--html", str(folder)).exit_code == 0
    refused = crawl(root, "--html", str(tmp_path))

    assert refused.exit_code != 0
    assert "no report on a gallery" in refused.stderr
    assert (tmp_path / "index.html").read_text() == "somebody's own page"


def test_nothing_is_written_into_the_gallerys_own_places(root: Path) -> None:
    assert crawl(root, "--html", str(root / "models")).exit_code == 2
    assert crawl(root, "--datasette", str(root / "crawl.db")).exit_code == 2


def test_a_gallery_without_anything_has_a_page_too(tmp_path: Path) -> None:
    Archive.open(tmp_path / "root", ArchiveSettings(reserve_bytes=0)).close()

    ended = crawl(tmp_path / "root", "--html", str(tmp_path / "report"))

    assert ended.exit_code == 0
    assert "Searches" in (tmp_path / "report" / "index.html").read_text()
    assert crawl(tmp_path / "root").exit_code == 0


def test_datasettes_settings_have_every_question_with_its_parameters(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "metadata.json"

    ended = crawl(root, "--datasette", str(file))

    queries = json.loads(file.read_text())["databases"]["crawl"]["queries"]
    assert ended.stdout.split() == [str(file)]
    assert {name: one["sql"] for name, one in queries.items()} == {one.name: one.sql for one in QUESTIONS}
    assert queries["artists"]["params"] == ["target"]
    assert "params" not in queries["sites"]
