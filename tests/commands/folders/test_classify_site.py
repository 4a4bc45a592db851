"""`crawl classify --site`: posts of files that the gallery does not know, asked of the site by md5."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from tests.classifier.tiny_models import TinyBackbone, make_backbone
from tests.commands.folders.places import make_root
from tests.commands.small_site import MONA, small_site
from tests.faults.stubs.parts import stub_parts


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


def test_tags_of_the_site_s_posts_count(tiny: TinyBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_site(tmp_path, monkeypatch) as site:
        site.gallery.add_tag(MONA, "character")
        site.post(1, MONA)
        site.post(2)
        (site.pictures / "mine.jpg").write_bytes((site.pictures / "2.jpg").read_bytes() + b"\0")  # no post's file
        make_root(site.root, tiny)
        place = ["--to", str(tmp_path / "out"), "--root", str(site.root), "--config", str(tmp_path / "crawl.toml")]

        words = ["classify", str(site.pictures), "--keep", "mona", "--threshold", "1", "--site", site.site, *place]
        done = CliRunner().invoke(app, words, obj=stub_parts())

    assert done.exit_code == 0, done.stderr
    with (tmp_path / "out" / "classified.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["path"]).name: (row["post"], row["decided_by"]) for row in csv.DictReader(file)}
    assert rows == {"1.jpg": ("1", "tag"), "2.jpg": ("2", "score"), "mine.jpg": ("", "score")}


def test_a_site_that_does_not_answer_ends_it_with_its_code(
    tiny: TinyBackbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_site(tmp_path, monkeypatch) as site:
        site.post(1)
        make_root(site.root, tiny)
    place = ["--how", "move", "--to", str(tmp_path / "out"), "--root", str(site.root)]

    words = ["classify", str(site.pictures), "--keep", "mona", "--site", site.site, *place]
    done = CliRunner().invoke(app, [*words, "--config", str(tmp_path / "crawl.toml")], obj=stub_parts())

    assert done.exit_code == 6, done.stderr
    assert (site.pictures / "1.jpg").exists()
