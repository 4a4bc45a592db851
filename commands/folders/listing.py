"""The list of a pass: a table with a row a picture, written as it goes, and a contact sheet of the doubtful ones."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from commands.errors import UsageRefused
from commands.folders.tally import FolderTally
from commands.terminal.escapes import csv_cell
from crawler.folder_pipeline import Classified, Verdict
from storage.database.error_translation import at_border
from storage.errors import FolderBusy
from system.file_lock import lock_if_free

if TYPE_CHECKING:
    from classifier.pictures.contact_sheet import SheetPart

TABLE, SHEET = "classified.csv", "classified.jpg"
COLUMNS = ("path", "verdict", "name", "score", "decided_by", "reason", "site", "post", "md5")


class ListFile:
    """The table; it takes the place of an older one when it is whole. Use it with `with`.

    Until then it lies beside it under one hidden name, so that the next pass takes over what a killed one left.
    """

    def __init__(self, folder: Path) -> None:
        """Check the place.

        Raises:
            UsageRefused: a file of that name is there that this program did not write.
            StorageError: the folder cannot be made.
        """
        self.path = folder / TABLE
        self.sheet = folder / SHEET
        with at_border(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(self.path) and not _is_ours(self.path):
                raise UsageRefused(f"{self.path} is there and is no list of crawl classify; name another place: --to")
            if os.path.lexists(self.sheet) and not os.path.lexists(self.path):
                raise UsageRefused(f"{self.sheet} is there and would be replaced; name another place: --to")
        self._part, self._sheet_part = folder / f".{TABLE}.part", folder / f".{SHEET}.part"

    def __enter__(self) -> ListFile:
        """Begin it.

        Raises:
            FolderBusy: another pass writes its list there.
            StorageError: the disk refuses.
        """
        with at_border(self._part):
            descriptor = _locked(self._part)
            os.ftruncate(descriptor, 0)
            self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)
        return self

    def add(self, one: Classified) -> None:
        """Write a picture's row."""
        ruled, post = one.ruled, one.facts.post
        row = (
            os.fspath(one.file.path),
            ruled.verdict.value,
            ruled.name,
            "" if ruled.score is None else f"{ruled.score:.4f}",
            ruled.decided_by.value,
            ruled.reason,
            "" if post is None else post.site,
            "" if post is None else post.id,
            "" if one.content is None else one.content.md5,
        )
        with at_border(self.path):
            self._writer.writerow([csv_cell(value) for value in row])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with at_border(self.path):
            try:
                if kind is None:
                    self._file.flush()
                    if sys.platform == "win32":  # there an open file keeps its name
                        self._file.close()
                    self._part.replace(self.path)
                else:
                    self._part.unlink(missing_ok=True)
            finally:
                self._file.close()  # with it the lock goes

    def write_sheet(self, sheet: bytes) -> None:
        """Put the contact sheet beside the table.

        Raises:
            StorageError: the disk refuses.
        """
        with at_border(self.sheet):
            self._sheet_part.unlink(missing_ok=True)  # of a killed pass
            self._sheet_part.write_bytes(sheet)
            self._sheet_part.replace(self.sheet)


def _locked(path: Path) -> int:
    """Open a file that is made where it is missing, and lock it; on file systems without locks it is only opened."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        descriptor = os.open(path, flags, 0o666)
        try:
            free = lock_if_free(descriptor)
        except OSError:
            return descriptor
        if free and _is_still(descriptor, path):
            return descriptor
        os.close(descriptor)
        if not free:
            raise FolderBusy(
                f"{path.parent}: another crawl classify writes its list there; wait for it, or name another --to"
            )


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether an open file has its name still: another pass may have ended in between, and made a list of it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline(200).decode("utf-8", "replace").strip() == ",".join(COLUMNS)


async def sheet_parts(tally: FolderTally) -> Sequence[SheetPart]:
    """The pictures of the contact sheet, decoded in processes of their own; those that are gone by now are left out."""
    from classifier.errors import PictureFault
    from classifier.pictures.contact_sheet import SHEET as AS_SHOWN
    from classifier.pictures.contact_sheet import SheetPart, SheetPicture
    from classifier.pictures.decoder_pool import Decoders, DecoderSettings
    from system.regular_files import read_regular

    parts = []
    settings = DecoderSettings(processes=1)
    async with Decoders([AS_SHOWN], settings) as decoders:
        for verdict, heading in _HEADINGS.items():
            pictures = []
            for score, path in tally.shown(verdict):
                try:
                    content = read_regular(path, settings.limits.max_bytes, links=False).content
                    decoded = await decoders.decode(content)
                except (OSError, PictureFault):
                    continue
                pictures.append(SheetPicture(decoded.pixels[0], f"{score:.3f}  {_short(path.name)}"))
            parts.append(SheetPart(heading.format(tally.verdicts[verdict]), pictures))
    return parts


_HEADINGS = {
    Verdict.KEPT: "kept: {}, the least certain first",
    Verdict.UNDECIDED: "undecided: {}",
    Verdict.REJECTED: "rejected: {}, the nearest to the threshold first",
}


def _short(name: str) -> str:
    """A file's name for a caption: the sheet's letters are Latin, and there is little room."""
    plain = "".join(char if char.isascii() and char.isprintable() else "?" for char in name)
    return plain if len(plain) <= 20 else f"{plain[:9]}..{plain[-9:]}"
