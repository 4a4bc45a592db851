"""`[[follow]]` in `crawl.toml`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.small_site import MONA, SERIES, SmallSite, small_site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        found.gallery.add_tag("hololive", "copyright")
        for number in range(1, 7):
            found.post(number, *([MONA] if number == 5 else ["hat"]), bright=number % 3 == 0)
        yield found


def follow(site: SmallSite, *entries: str) -> None:
    with (site.folder / "crawl.toml").open("a", encoding="utf-8") as file:
        file.writelines(f"\n[[follow]]\n{entry}\n" for entry in entries)


def test_a_search_of_the_settings_is_crawled_first_and_followed_then(site: SmallSite) -> None:
    follow(site, f'tag = "{SERIES}"\nkeep = "mona"\nsite = "sim"\nwhere = "hat"\nevery_hours = 12')

    first = json.loads(site.crawl("sync", "--json").stdout)
    site.post(7, "hat")
    second = json.loads(site.crawl("sync", "--json").stdout)
    third = json.loads(site.crawl("sync", "--json").stdout)

    assert (first["new"], first["exit"]) == (5, 0)
    assert (second["new"], second["searches"][0]["interval_hours"]) == (1, 12.0)
    assert third["searches"][0]["skipped"] is True


def test_other_searches_are_left_alone_where_the_settings_name_some(site: SmallSite) -> None:
    site.crawl("--tag", SERIES, "--keep", "mona")
    follow(site, f'tag = "{SERIES}"\nkeep = "mona"\nrating = "e"\nsite = "sim"\nlimit = 3')

    answer = json.loads(site.crawl("sync", "--dry-run", "--json").stdout)

    assert [(one["query"], one["crawled"]) for one in answer["searches"]] == [(SERIES, False)]


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ('keep = "mona"', "follow: entry 1 has no tag, like tag = 'genshin_impact'"),
        ('tag = "a"', "follow: entry 1 has no keep, like keep = 'mona'"),
        ('tag = "a"\nkeep = "b"\nevery = 3', "follow.every is not a known setting; did you mean 'every_hours'"),
        ('tag = "a"\nkeep = "b"\nlimit = -1', "follow.limit must lie within 0..10000000, got -1"),
        ('tag = "a"\nkeep = "b"\nrating = "z"', "[[follow]], entry 1 (a): rating 'z' does not exist"),
        ('tag = "a"\nkeep = "b"\nwhere = "order:score"', "[[follow]], entry 1 (a): order:score has no effect"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused_in_one_line(site: SmallSite, entry: str, line: str) -> None:
    follow(site, entry)

    done = site.crawl("sync")

    assert done.exit_code == 2
    assert line in done.stderr
    assert not site.root.exists()
