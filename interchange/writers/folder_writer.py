"""Formats with a file a picture: the picture, what lies beside it, and the files about all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from interchange.choice import SourceFile
from interchange.files.pictures import PictureSettings, converted
from interchange.files.placement import How, Placement, Result, WantedFile
from interchange.layouts.layout import ClosingFile, FolderLayout
from interchange.samples import Sample, facts_of
from storage.exports.ledger import LedgerSample
from storage.exports.selection import ExportPost
from storage.files.store import FileStore


class FolderWriter:
    """Writes samples as a layout wants them."""

    def __init__(
        self, layout: FolderLayout, placement: Placement, files: FileStore, how: How, pictures: PictureSettings
    ) -> None:
        self.readable = layout.readable
        self._layout, self._placement, self._files = layout, placement, files
        self._how, self._pictures = how, pictures
        self.failed: Sequence[tuple[ExportPost, Exception]] = ()

    def add(self, sample: Sample, source: SourceFile) -> str | None:
        """Write a picture and its sidecars; gives why it could not be.

        Raises:
            AlteredPicture, UnreadablePicture: the gallery's file is not what it should be.
            OSError: the disk refuses.
        """
        folder = self._layout.folder(sample)
        self._placement.move(sample.key, folder)
        path = f"{folder}/{sample.name}" if folder else sample.name
        if self._picture(path, sample, source) is Result.TAKEN:
            return f"{path} is the user's own"
        for name, text in self._layout.sidecars(sample):
            made_from = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
            beside = f"{folder}/{name}" if folder else name
            self._placement.text(WantedFile(beside, "caption", made_from, sample.key), [text])
        facts = facts_of(sample, path)
        self._placement.ledger.add_sample(LedgerSample(sample.key, folder, facts))
        return None

    def finish(self) -> None:
        """Nothing is held."""

    def lists(self) -> Iterable[ClosingFile]:
        """What the layout has besides pictures."""
        return self._layout.closing(self._placement.folder, self._placement.ledger)

    def _picture(self, path: str, sample: Sample, source: SourceFile) -> Result:
        settings = self._pictures
        as_it_is = settings.as_it_is(source.ext, sample.ending, source.width, source.height)
        if as_it_is:
            work = f"{self._how} {self._files.where(source.path)}" if self._how is How.SYMLINK else str(self._how)
        else:
            work = f"{sample.ending} {sample.width}x{sample.height}"
        wanted = WantedFile(path, "picture", f"{source.expected.digest} {work}", sample.key)
        if as_it_is:
            return self._placement.picture(wanted, lambda: self._files.at(source.path), self._how, source.expected)
        return self._placement.bytes(wanted, lambda: self._converted(source, sample.ending))

    def _converted(self, source: SourceFile, ending: str) -> bytes:
        with self._files.at(source.path) as stored:
            return converted(stored, ending, self._pictures)
