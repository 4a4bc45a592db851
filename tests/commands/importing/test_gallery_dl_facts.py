"""Files of facts of every kind of site, as gallery-dl writes them, become posts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from storage.archive import open_reader
from tests.commands.importing.test_import import download, record


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.mark.parametrize("named", [True, False], ids=["e621", "a site of one's own"])
def test_facts_of_e621_give_posts_with_its_categories(tmp_path: Path, root: Path, named: bool) -> None:
    site, path = "e621" if named else "tail", download(tmp_path / "tail", 1)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    (tmp_path / "crawl.toml").write_text('[sites.tail]\nurl = "http://127.0.0.1:1"\n')
    listed = {"tags_character": ["mona_(genshin_impact)"], "tags_species": ["human"], "tags_contributor": ["ink"]}
    row = {
        "id": 12, "created_at": "2020-01-01T02:24:17.000-05:00", "rating": "s", "score": {"total": 7}, "flags": {},
        "file": {"width": 40, "height": 30, "ext": "png", "size": path.stat().st_size, "md5": md5, "url": "/x.png"},
        "relationships": {"parent_id": None}, "tags": ["human", "ink"], **listed, "category": site,
    }  # fmt: skip
    path.with_name(f"{path.name}.json").write_text(json.dumps(row))

    answer = record("import", "gallery-dl", tmp_path / "tail", "--root", root, "--site", site,
                    "--config", tmp_path / "crawl.toml")  # fmt: skip

    assert (answer["copied"], answer["posts"], answer["without_post"]) == (1, 1, {})
    with open_reader(root) as reader:
        (found,) = reader.sql("SELECT site, post_id, tags_character, tags_general, tags_artist FROM results").rows
    assert found == (site, 12, "mona_(genshin_impact)", "human", "ink")


MOEBOORU = {"id": 12, "created_at": 1577845457, "updated_at": 1577845517, "change": 1577845517, "rating": "s"}
GELBOORU = {
    "id": 12, "created_at": "Wed Jan 01 02:24:17 +0000 2020", "change": 1577845517, "rating": "sensitive", "title": "",
}  # fmt: skip
GELBOORU_02 = GELBOORU | {"id": "12", "change": "1577845517", "rating": "safe", "parent_id": ""}


def described(folder: Path, category: str, facts: Mapping[str, Any], **more: Any) -> Path:
    """A picture with what gallery-dl writes of a Moebooru or a Gelbooru."""
    path = download(folder, 1)
    sides: dict[str, Any] = {"width": 40, "height": 30, "score": 3, "file_size": path.stat().st_size}
    if isinstance(facts["id"], str):
        sides = {name: str(value) for name, value in sides.items()}
    row = facts | sides | {"md5": hashlib.md5(path.read_bytes()).hexdigest(), "file_url": "https://img.example/1.png"}
    row |= {"tags": "1girl rosaria&#039;s mona_(genshin_impact)", "source": "https://www.pixiv.net/1"}
    path.with_name(f"{path.name}.json").write_text(json.dumps(row | {"category": category} | more))
    return path


@pytest.mark.parametrize(
    ("category", "facts", "site"),
    [
        ("yandere", MOEBOORU, "yandere"),
        ("konachan", MOEBOORU, "konachan"),
        ("gelbooru", GELBOORU, "gelbooru"),
        ("safebooru", GELBOORU_02, "safebooru.org"),
        ("mine", MOEBOORU, "mine"),
        ("mine", GELBOORU, "mine"),
        ("mine", GELBOORU_02, "mine"),
    ],
)
def test_facts_of_moebooru_and_gelbooru_give_posts(
    tmp_path: Path, root: Path, category: str, facts: Mapping[str, Any], site: str
) -> None:
    (tmp_path / "crawl.toml").write_text('[sites.mine]\nurl = "http://127.0.0.1:1"\n')
    described(tmp_path / "in", category, facts, tags_character="mona_(genshin_impact)", tags_metadata="1girl")

    answer = record(
        "import", "gallery-dl", tmp_path / "in", "--root", root, "--site", site, "--config", tmp_path / "crawl.toml"
    )

    assert (answer["copied"], answer["posts"], answer["without_post"]) == (1, 1, {})
    columns = "site, post_id, rating, source, tags_character, site_score, created_at"
    with open_reader(root) as reader:
        (found,) = reader.sql(f"SELECT {columns}, tags_general FROM results").rows
    named = (site, 12, "s", "https://www.pixiv.net/1", "mona_(genshin_impact)", 3)
    assert found[:6] == named and str(found[6]).startswith("2020-01-01")
    assert "mona" not in found[7] and ("rosaria's" in found[7] or facts is MOEBOORU)


def test_newer_facts_without_categories_keep_those_that_are_known(tmp_path: Path, root: Path) -> None:
    words = ["import", "gallery-dl", tmp_path / "in", "--root", root, "--site", "konachan"]
    described(tmp_path / "in", "konachan", MOEBOORU, tags_character="mona_(genshin_impact)")
    record(*words)
    described(tmp_path / "in", "konachan", MOEBOORU | {"updated_at": 1577849999}, tags="mona_(genshin_impact) hat")

    answer = record(*words)

    assert answer["posts"] == 1
    with open_reader(root) as reader:
        assert reader.sql("SELECT tags_character, tags_general FROM results").rows == [("mona_(genshin_impact)", "hat")]


def test_facts_in_no_known_form_are_not_guessed_at(tmp_path: Path, root: Path) -> None:
    (tmp_path / "crawl.toml").write_text('[sites.mine]\nurl = "http://127.0.0.1:1"\n')
    described(tmp_path / "in", "mine", {"id": 12, "rating": "s"})

    answer = record(
        "import", "gallery-dl", tmp_path / "in", "--root", root, "--site", "mine", "--config", tmp_path / "crawl.toml"
    )

    why = 'the form of these facts is not known: say software = "…" below [sites.mine]'
    assert (answer["copied"], answer["without_post"]) == (1, {why: 1})
