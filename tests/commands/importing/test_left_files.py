"""`crawl import --leave`: files stay where they are; what is kept is copied, and nothing outside is ever touched."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from classifier.progress import unreported
from commands.context.settings import Settings
from commands.context.workspace import Workspace
from commands.importing.first_look import look_at_arrivals
from commands.importing.import_pass import NO_TEXT
from interchange.files.small_copies import small_copy
from storage.archive import Archive, open_reader
from storage.lifecycle.verify import verify
from storage.moves.arrivals import Arrival
from storage.records import Known, PostTags
from tests.commands.importing.test_first_look import RedJudge
from tests.commands.importing.test_import import crawl, download, kept_without_the_site, picture, record
from tests.commands.measured_gallery import write_model
from tests.crawler.crew_fakes import MONA
from tests.storage.samples import NO_RESERVE, make_post


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        download(tmp_path / "nas", number)
    return tmp_path / "nas"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def everything_about(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {one.name: (one.read_bytes(), one.stat().st_mtime_ns, one.stat().st_nlink) for one in folder.iterdir()}


def originals(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*.*") if hashlib.md5(path.read_bytes()).hexdigest() in path.name}


def test_left_files_are_known_by_a_small_copy_alone(source: Path, root: Path) -> None:
    before = everything_about(source)

    answer = record("import", "gallery-dl", source, "--root", root, "--leave")
    again = record("import", "gallery-dl", source, "--root", root, "--leave")

    assert (answer["left"], answer["copied"], answer["linked"], answer["posts"], answer["exit"]) == (3, 0, 0, 3, 0)
    assert (again["left"], again["already_here"]) == (0, 3)
    assert everything_about(source) == before
    assert originals(root) == set()
    assert len(list(root.glob("renditions/*/*/*.720x720.jpg"))) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text here")
def test_a_path_that_is_no_text_is_told_and_left(source: Path, root: Path) -> None:
    odd = Path(os.fsdecode(b"\xff" + next(source.glob("*_1_*.png")).name.encode()))
    next(source.glob("*_1_*.png")).rename(source / odd)

    answer = record("import", "folder", source, "--root", root, "--leave")
    source.rename(source.with_name(os.fsdecode(b"\xffnas")))
    copied = record("import", "folder", source.with_name(os.fsdecode(b"\xffnas")), "--root", root)

    assert (answer["left"], answer["left_out"], answer["exit"]) == (2, {NO_TEXT: 1}, 3)
    assert (copied["copied"], copied["left_out"], copied["exit"]) == (3, {}, 0)


def test_what_is_kept_is_copied_and_its_trash_touches_the_copy_alone(source: Path, root: Path) -> None:
    before = everything_about(source)
    crawl("import", "gallery-dl", source, "--root", root, "--leave")

    assert kept_without_the_site(root) == ["1", "2", "3"]
    assert len(originals(root)) == 6  # in the gallery, and the same files among the renditions
    outside = {one.stat().st_ino for one in source.iterdir()}
    assert all(path.stat().st_ino not in outside for path in root.rglob("*.png"))
    assert everything_about(source) == before


def test_a_file_that_is_gone_or_changed_is_not_taken_for_the_original(source: Path, root: Path) -> None:
    crawl("import", "gallery-dl", source, "--root", root, "--leave")
    gone, changed, same_size = sorted(source.glob("*.png"))
    gone.unlink()
    changed.write_bytes(b"cut")
    same_size.write_bytes(bytes(same_size.stat().st_size))

    report = json.loads(crawl("verify", "--root", root, "--json").stdout)

    assert kept_without_the_site(root) == []
    assert (report["left_files"], report["left_missing"]) == (3, [str(gone), str(changed)])
    assert (report["missing"], report["damaged"], report["foreign"], report["exit"]) == ([], [], [], 0)
    assert crawl("verify", "--root", root).stdout.startswith("3 files and 3 left outside, by size,")


def test_a_moved_folder_is_found_again_and_a_copy_can_be_had_after_all(source: Path, root: Path) -> None:
    crawl("import", "gallery-dl", source, "--root", root, "--leave")
    moved = source.rename(source.with_name("other"))

    answer = record("import", "folder", moved, "--root", root, "--leave")
    assert (answer["left"], answer["already_here"]) == (3, 0)
    assert kept_without_the_site(root) == ["1", "2", "3"]

    taken = record("import", "folder", moved, "--root", root.with_name("second"), "--leave")
    assert taken["left"] == 3
    taken = record("import", "folder", moved, "--root", root.with_name("second"), "--link")
    assert (taken["linked"], taken["already_here"]) == (3, 0)


def test_a_video_and_a_broken_picture_are_left_without_a_small_copy(tmp_path: Path, root: Path) -> None:
    content, cut = b"no film at all", picture(9)[:-30]
    for name, data in (("webm", content), ("png", cut)):
        (tmp_path / f"{hashlib.md5(data).hexdigest()}.{name}").write_bytes(data)

    answer = record("import", "folder", tmp_path, "--root", root, "--leave")

    assert (answer["left"], answer["left_out"]) == (2, {})
    assert list(root.glob("renditions/*/*/*")) == []


def test_a_large_picture_is_made_small_and_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (1600, 400), (200, 30, 30)).save(tmp_path / "a.jpg", exif=exif)

    small = small_copy(tmp_path / "a.jpg")

    assert small is not None
    assert (small.width, small.height, small.name) == (180, 720, "720x720")


def test_link_and_leave_at_once_and_leaving_an_archive_are_refused(source: Path, root: Path) -> None:
    both = crawl("import", "folder", source, "--root", root, "--leave", "--link")
    archive = crawl("import", "archive", source / "a.sqlite3", "--root", root, "--leave")

    assert (both.exit_code, archive.exit_code, root.exists()) == (2, 2, False)
    assert "--leave leaves them alone" in " ".join(both.stderr.split())
    assert "--leave is for files" in archive.stderr


async def test_a_model_in_force_looks_at_the_small_copy_and_what_it_keeps_is_copied_in(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "root", "demo", Settings())
    card = write_model(workspace.root)
    async with Archive.open(workspace.root, NO_RESERVE) as archive:
        await archive.save_targets("demo", [MONA])
        await archive.register_model(card, {}, activate=True)
        for number in (50, 200):
            path = tmp_path / f"{number}.png"
            path.write_bytes(picture(number))
            md5 = hashlib.md5(path.read_bytes()).hexdigest()
            await archive.left.leave(Arrival(path, (md5,), "png", 40, 30), small_copy(path))
            await archive.arrivals.file_posts([make_post(number, path.read_bytes(), ext="png", tags=PostTags())], 1)

        looked = await look_at_arrivals(archive, workspace, 1, unreported, RedJudge)
        post = make_post(50, picture(50), ext="png")
        known: Known = (await archive.known([post], ["mona"]))[50]

    assert looked.values == {"keep": 1, "delete": 1}
    assert len(list(workspace.root.glob("gallery/mona/200_*"))) == 1
    assert known.rendition is not None
    assert known.rendition.name == "720x720"
    assert verify(workspace.root).whole
    with open_reader(workspace.root) as reader:
        assert reader.status().bytes_renditions > 0
