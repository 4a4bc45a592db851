"""`crawl similar` with a real, tiny network: like pictures, whom they show, and one clear line for what cannot be."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from tests.classifier.tiny_models import TinyBackbone, make_backbone
from tests.commands.folders.places import TAG, make_root, picture
from tests.commands.retrieval.galleries import looked_at


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def gallery(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nobody writes here but the cache of vectors."""
    return looked_at(tmp_path_factory.mktemp("similar") / "root", tiny)


def similar(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["similar", *words, "--root", str(root)], prog_name="crawl")


def record(root: Path, *words: str) -> dict[str, Any]:
    done = similar(root, *words, "--json")
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def posts(answer: dict[str, Any]) -> Sequence[int]:
    return [row["post"] for row in answer["similar"]]


def test_a_post_is_shown_with_those_like_it_and_named_by_their_tags(gallery: Path) -> None:
    done = similar(gallery, "3", "--limit", "5")

    answer = record(gallery, "3", "--limit", "5")
    assert done.exit_code == 0
    assert "shows: mona_(genshin_impact), by 10 of the 10 nearest pictures" in done.stdout
    assert all(number % 2 for number in posts(answer))
    assert len(posts(answer)) == 5
    assert 3 not in posts(answer)
    assert answer["picture"] == {"post": 3, "site": "demo"}
    assert answer["shows"]["name"] == TAG
    assert answer["similar"][0]["decisions"] == {"mona": "keep"}
    assert f"{posts(answer)[0]}" in done.stdout


def test_a_file_of_this_disk_is_looked_at_by_the_same_network(gallery: Path, tmp_path: Path) -> None:
    unknown = tmp_path / "unknown.png"
    unknown.write_bytes(picture(60, red=False))

    answer = record(gallery, str(unknown), "--to", str(tmp_path / "out"), "--limit", "30")

    assert all(number % 2 == 0 for number in posts(answer)[:20])
    assert (answer["shows"]["name"], answer["model"]) == ("keqing_(genshin_impact)", "mona/1")
    with Image.open(answer["sheet"]) as sheet:
        assert (sheet.format, sheet.width) == ("JPEG", 8 * 186 + 6)


def test_a_sheet_of_ours_is_replaced_and_a_picture_of_somebody_s_own_is_not(gallery: Path, tmp_path: Path) -> None:
    first = similar(gallery, "3", "--to", str(tmp_path))
    again = similar(gallery, "4", "--to", str(tmp_path))
    own = io.BytesIO()
    Image.new("RGB", (9, 9)).save(own, "JPEG")
    (tmp_path / "similar.jpg").write_bytes(own.getvalue())

    refused = similar(gallery, "4", "--to", str(tmp_path))

    assert [first.exit_code, again.exit_code, refused.exit_code] == [0, 0, 2]
    assert "is no sheet of crawl similar" in refused.stderr
    assert (tmp_path / "similar.jpg").read_bytes() == own.getvalue()


def test_search_terms_and_a_target_narrow_what_is_found(gallery: Path) -> None:
    general = posts(record(gallery, "14", "rating:g", "--limit", "40"))
    tagged = posts(record(gallery, "14", TAG, "--limit", "2"))
    untagged = posts(record(gallery, "14", "-chartags:1", "limit:3"))
    kept = posts(record(gallery, "14", "decision:keep", "--keep", "mona", "--limit", "40"))

    assert (12 in general, 14 in general, len(general)) == (False, False, 38)
    assert all(number > 10 and number % 2 for number in tagged)
    assert (len(untagged), max(untagged) <= 10) == (3, True)
    assert sorted(kept) == list(range(1, 41, 2))


def test_where_nothing_fits_a_line_says_so(gallery: Path) -> None:
    done = similar(gallery, "14", "rating:q")

    assert done.exit_code == 0
    assert "no other picture fits" in done.stderr


def test_a_gallery_without_the_tags_that_it_takes_names_nobody(tiny: TinyBackbone, tmp_path: Path) -> None:
    root = looked_at(tmp_path / "root", tiny)
    with closing(sqlite3.connect(root / "crawl.db")) as database, database:
        database.execute("UPDATE post SET count_character = 0")

    done = similar(root, "3")

    assert done.exit_code == 0
    assert "shows:" not in done.stdout


REFUSED = {
    "no such post": (("4711",), "post 4711 is not in this gallery"),
    "a post that nobody looked at": (("99",), "post 99 was not looked at by the network of mona/1"),
    "no such file": (("nowhere.png",), "'nowhere.png' is neither the number of a post nor a file"),
    "a folder": (("FOLDER",), "is a folder, not a regular file; name a picture"),
    "no picture": (("TEXT",), "is no picture that can be looked at: unsupported"),
    "a cut picture": (("CUT",), "is no picture that can be looked at: truncated"),
    "an order": (("3", "order:id"), "order:id: similar pictures come in the order of their likeness"),
    "a misspelt term": (("3", "decision:kep"), "decision:kep"),
    "a misspelt target": (("3", "--keep", "monna"), "did you mean 'mona'?"),
    "another site": (("3", "--site", "nosite"), "nosite"),
    "the gallery's own folder": (("3", "--to", "ROOT/gallery"), "belongs to the gallery"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_answered_is_refused_in_one_line(gallery: Path, tmp_path: Path, case: str) -> None:
    words, line = REFUSED[case]
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(picture(1, red=True)[:-40])
    names = {"TEXT": tmp_path / "text.png", "CUT": tmp_path / "cut.png", "FOLDER": tmp_path}
    typed = [str(names.get(word, word)).replace("ROOT", str(gallery)) for word in words]

    done = similar(gallery, *typed)

    assert done.exit_code == 2, done.stderr
    assert line in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_number_that_two_sites_use_needs_the_site(tiny: TinyBackbone, tmp_path: Path) -> None:
    root = looked_at(tmp_path / "root", tiny)
    with closing(sqlite3.connect(root / "crawl.db")) as database, database:
        database.execute("UPDATE post SET site = 'other', post_id = 4 WHERE post_id = 3")
        database.execute("INSERT INTO listing SELECT 77, 'other', query, walk, newer_only, cursor, highest, newest, "
                         "state, counted, started_at, completed_at FROM listing LIMIT 1")  # fmt: skip

    both, one = similar(root, "4"), record(root, "4", "--site", "other")

    assert both.exit_code == 2
    assert "post 4 is on several sites; say which: --site demo or --site other" in both.stderr
    assert one["picture"] == {"post": 4, "site": "other"}


def test_one_file_on_two_sites_is_one_picture_asked_about_and_listed_once(tiny: TinyBackbone, tmp_path: Path) -> None:
    root = looked_at(tmp_path / "root", tiny)
    with closing(sqlite3.connect(root / "crawl.db")) as database, database:
        kept_for_ever = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'file_version'"
        for (trigger,) in database.execute(kept_for_ever).fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        for table, key in (("file_version", "post_key"), ("post", "key")):
            database.execute(f"UPDATE {table} SET md5 = (SELECT md5 FROM post WHERE post_id = 5) "
                             f"WHERE {key} = (SELECT key FROM post WHERE post_id = 7)")  # fmt: skip
        database.execute("UPDATE post SET site = 'other', post_id = 5 WHERE post_id = 7")

    asked, listed = record(root, "5"), record(root, "3", "--limit", "19")

    assert asked["picture"]["post"] == 5 and 5 not in posts(asked)
    (both,) = (row for row in listed["similar"] if row["post"] == 5)
    assert {both["site"], *(other["site"] for other in both["others"])} == {"demo", "other"}
    assert [other["post"] for other in both["others"]] == [5]


def test_galleries_with_nothing_to_compare_say_what_to_do(tiny: TinyBackbone, tmp_path: Path) -> None:
    empty = make_root(tmp_path / "empty", tiny)
    nowhere = similar(tmp_path / "nowhere", "3")

    done = similar(empty, "3")

    assert (done.exit_code, nowhere.exit_code) == (2, 7)
    assert "no network has looked at a picture of" in done.stderr


def test_without_a_model_in_force_posts_can_be_compared_and_files_cannot(
    tiny: TinyBackbone, gallery: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(gallery, root)
    with closing(sqlite3.connect(root / "crawl.db")) as database, database:
        database.execute("UPDATE model SET active = 0")
    unknown = tmp_path / "unknown.png"
    unknown.write_bytes(picture(60, red=False))

    post, file, keep = similar(root, "3"), similar(root, str(unknown)), similar(root, "3", "--keep", "mona")

    assert [post.exit_code, file.exit_code, keep.exit_code] == [0, 2, 2]
    assert "no model in force has network" in file.stderr
    assert "mona has no model in force" in keep.stderr


def test_an_altered_model_looks_at_no_new_picture(gallery: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(gallery, root)
    (root / "models" / "mona" / "1" / "manifest.json").write_text("{}")
    unknown = tmp_path / "unknown.png"
    unknown.write_bytes(picture(60, red=False))

    done = similar(root, str(unknown))

    assert done.exit_code == 10


def test_a_crawl_may_own_the_gallery_meanwhile(gallery: Path) -> None:
    archive = Archive.open(gallery, ArchiveSettings(reserve_bytes=0))
    done = similar(gallery, "3")
    archive.close()

    assert done.exit_code == 0
