"""The main job and the commands after it, with the pictures in a bucket: the same answers as from a folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from tests.commands.small_site import MONA, SmallSite, small_site
from tests.commands.test_on_a_server import POSTS, answers, asked
from tests.equipment.object_server import ObjectServer

MAIN = ("--tag", "genshin_impact", "--keep", MONA)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        for number in range(1, POSTS + 1):
            found.post(number, *([MONA] if number % 4 == 0 else []), bright=number % 2 == 0)
        yield found


def exported(site: SmallSite, name: str) -> dict[str, bytes]:
    folder = site.folder / name
    asked(site, "export", "imagefolder", str(folder), "decision:keep")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}


def moved_and_back(site: SmallSite, objects: ObjectServer, state: list[str]) -> None:
    """The pictures of a gallery in a folder go into a bucket, and come back, as it is typed."""
    address = objects.address()
    place = address.partition("?")[0]

    def copy(*words: str) -> Result:
        return CliRunner().invoke(app, ["files", "copy", *words, "--config", str(site.folder / "crawl.toml")])

    there = copy(str(site.root), address)
    assert there.exit_code == 0 and f"pictures are in {place} now" in " ".join(there.stderr.split()), there.stderr
    with site.reader() as reader:
        assert reader.digest_lines() == state
    assert "verify finds nothing wrong" in " ".join(there.stderr.split()) and site.crawl("verify").exit_code == 0
    back = copy(address, str(site.root), "--json")
    assert back.exit_code == 0 and json.loads(back.stdout)["sent"] == 0  # they lay there still
    for words, code, says in (
        ((str(site.root), str(site.root)), 2, "must be an address"),
        ((address, address), 2, "must be the gallery's folder"),
        ((str(site.folder / "none"), address), 7, "no gallery here"),
        ((str(site.root), "s3://me:secret@bucket/p"), 2, "must not hold a key"),
    ):
        done = copy(*words)

        assert done.exit_code == code and says in " ".join(done.stderr.split()), done.stderr


@pytest.mark.fault("D20")
def test_the_main_job_and_what_follows_give_the_same_in_a_bucket(site: SmallSite, objects: ObjectServer) -> None:
    address = objects.address()
    in_a_bucket, pictures = answers(site, "--files", address), exported(site, "from-the-bucket")
    place = address.partition("?")[0]
    assert place in asked(site, "status")
    assert json.loads(asked(site, "status", "--json"))["files"] == address
    assert not list(site.root.rglob("*.jpg")) and any(path.startswith("trash/") for path in objects.objects(address))
    site.root.rename(site.folder / "in-a-bucket")

    assert answers(site) == in_a_bucket
    assert exported(site, "from-the-folder") == pictures
    moved_and_back(site, objects, in_a_bucket[-1])


def test_a_bucket_that_cannot_be_had_is_refused_in_one_line(
    site: SmallSite, objects: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for files, code, says in (
        ("s3://me:secret@bucket/p", 2, "AWS_ACCESS_KEY_ID"),
        ("gallery-data", 2, "s3://BUCKET/PREFIX"),
        (objects.address(bucket="not-there"), 7, "there is no bucket not-there"),
        (objects.address(bucket="b-1", endpoint="http://127.0.0.1:9"), 7, "run again when the store answers"),
    ):
        done = site.crawl(*MAIN, "--files", files)

        assert done.exit_code == code, done.stderr
        assert says in " ".join(done.stderr.split()) and "secret" not in done.stderr
        assert "Traceback" not in done.stderr


def test_without_the_library_the_line_names_what_to_install(site: SmallSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)

    done = site.crawl(*MAIN, "--files", "s3://bucket/p")

    assert done.exit_code == 2, done.stderr
    assert "pip install 'boorusieve[s3]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2 and "Traceback" not in done.stderr
