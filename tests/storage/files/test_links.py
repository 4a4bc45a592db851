"""Nothing of a gallery is a link, a pipe or a device, and none is followed, whatever of the root it stands for."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from commands.terminal.log_file import journal
from storage.archive import Archive, open_reader
from storage.database.engines.backup import back_up
from storage.dry_run import DryRunArchive
from storage.errors import StorageError
from storage.files.layout import LOG, MODELS, OWN
from storage.files.paths import model_folder, models_folder
from storage.names import ModelName
from tests.storage.samples import NO_RESERVE, new_gallery

pytestmark = pytest.mark.fault("F12", "F13")

FOLDERS = {"gallery", "renditions", "trash", "damaged", "staging", "models", "backups", "vectors"}
INSIDE = {"models/mona", "models/mona/1", "models/mona/.work-3-1", "crawl.log.1"}
PLANTS = [
    (name, kind)
    for name in sorted(OWN | INSIDE)
    for kind in ("link", "link to nothing", "pipe", "the other kind")
    if kind.startswith("link") or not name.startswith("models/")  # a file beside the models is in nobody's way
]
OPENERS: dict[str, Callable[[Path], object]] = {
    "whoever writes": lambda root: Archive.open(root, NO_RESERVE),
    "whoever reads": open_reader,
    "a dry run": DryRunArchive,
}


def planted(root: Path, name: str, kind: str, victim: Path) -> Path:
    """Put something in the place of a name of ours; what was there lies beside the root afterwards."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(root.parent / f"moved-{path.name}")
    if kind == "link":
        path.symlink_to(victim / ("folder" if is_folder(name) else "letter"))
    elif kind == "link to nothing":
        path.symlink_to(victim / "new")
    elif kind == "pipe":
        os.mkfifo(path)
    elif is_folder(name):
        path.write_bytes(b"")
    else:
        path.mkdir()
    return path


def is_folder(name: str) -> bool:
    return name in FOLDERS or name.startswith(f"{MODELS}/")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Somebody else's things."""
    folder = tmp_path / "victim"
    (folder / "folder").mkdir(parents=True)
    for place in (folder, folder / "folder"):
        (place / "letter").write_bytes(b"precious")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("opening", OPENERS)
@pytest.mark.parametrize(("name", "kind"), PLANTS)
def test_no_name_of_a_gallery_is_followed(root: Path, victim: Path, name: str, kind: str, opening: str) -> None:
    before = contents(victim)
    path = planted(new_gallery(root), name, kind, victim)

    with pytest.raises(StorageError, match="move it away") as refused:
        OPENERS[opening](root)

    assert refused.value.exit_code == 7
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert contents(victim) == before


def test_a_backup_is_never_written_through_a_link(root: Path, victim: Path) -> None:
    new_gallery(root)
    (root / "backups").symlink_to(victim / "folder")

    with pytest.raises(StorageError, match="backups: is a link where a folder should be"):
        back_up(root / "crawl.db", root / "backups", "by-hand")

    assert len(contents(victim)) == 2


@pytest.mark.parametrize("steps", [(), ("mona",), ("mona", "1")])
def test_no_model_is_read_or_made_through_a_link(root: Path, victim: Path, steps: tuple[str, ...]) -> None:
    path = root.joinpath(MODELS, *steps)
    path.parent.mkdir(parents=True)
    path.symlink_to(victim / "folder")

    with pytest.raises(StorageError, match="is a link where a folder should be"):
        model_folder(models_folder(root), ModelName.parse("mona/1"))


@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe", "hard link"])
def test_the_log_is_never_written_through_what_is_put_there_later(root: Path, victim: Path, kind: str) -> None:
    log = new_gallery(root) / LOG
    if kind == "hard link":
        os.link(victim / "letter", log)
    else:
        planted(root, LOG, kind, victim)
    before = contents(victim)

    with journal(root):
        logging.getLogger("storage").info("a line")

    assert contents(victim) == before
    assert (log.is_file() and not log.is_symlink()) == (kind == "hard link")


def test_a_gallery_may_be_reached_through_a_link_of_its_owner(root: Path, tmp_path: Path) -> None:
    new_gallery(root)
    (tmp_path / "by-another-name").symlink_to(root)

    Archive.open(tmp_path / "by-another-name", NO_RESERVE).close()
    with open_reader(tmp_path / "by-another-name") as reader:
        assert reader.status().posts == 0
