"""What `crawl query` shows to people."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.output.query_table import EXPENDABLE, print_table, summary_of
from crawler.sites import BUILTIN
from crawler.sources.web_pages import post_link
from storage.reader import Rows

PAGES = {"danbooru": post_link(BUILTIN["danbooru"])}
COLUMNS = ("site", "post_id", "target", "decision", "decided_by", "reason", "score", "label", "tags_character")
KEPT = "gallery/mona/12_00112233445566778899aabbccddeeff.jpg"


def row(
    post_id: int = 12, site: str = "danbooru", by: str = "score", reason: str = "", path: str = ""
) -> tuple[object, ...]:
    return (site, post_id, "mona", "keep", by, reason, 0.91, None, "mona_(genshin_impact)", path, "jpg")


def rows(*found: tuple[object, ...]) -> Rows:
    return Rows((*COLUMNS, "path", "file_ext"), list(found))


def column(shown: Rows, name: str) -> list[object]:
    return [record[name] for record in shown.mappings()]


def test_a_row_says_where_the_picture_can_be_seen() -> None:
    shown, _ = summary_of(rows(row(path=KEPT), row(13, "demo", path=KEPT), row(14, "demo")), PAGES, Path("g"))

    assert column(shown, "where") == ["https://danbooru.donmai.us/posts/12", KEPT.removeprefix("gallery/"), ""]


def test_the_folder_of_the_files_is_named_once() -> None:
    _, common = summary_of(rows(row(13, "demo", path=KEPT)), PAGES, Path("gallery-data"))

    assert common == "; files are in gallery-data/gallery"


def test_what_decided_all_rows_is_shown_once_instead_of_in_each() -> None:
    shown, common = summary_of(rows(row(1), row(2), row(3)), PAGES, Path("g"))

    assert "by" not in shown.columns
    assert common == ", all by score"


def test_what_decided_is_a_word_and_a_fault_is_named() -> None:
    found = rows(row(1), row(2, by="tag", reason="tagged mona"), row(3, by="fault", reason="undecodable"))

    shown, _ = summary_of(found, PAGES, Path("g"))

    assert column(shown, "by") == ["score", "tag", "undecodable"]


@pytest.mark.parametrize("width", [80, 120])
def test_a_path_is_never_broken_into_two_lines(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    shown, common = summary_of(rows(*(row(n, "demo", path=KEPT) for n in range(3))), {}, Path("g"))

    print_table(shown, EXPENDABLE, common)

    assert capsys.readouterr().out.count("mona/12_00112233445566778899aabbccddeeff.jpg") == 3


def test_nothing_found_shows_no_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    shown, common = summary_of(rows(), PAGES, Path("g"))

    print_table(shown, EXPENDABLE, common)

    assert capsys.readouterr().out == ""
