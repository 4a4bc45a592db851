"""A table of references: no picture is copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interchange.choice import SourceFile
from interchange.layouts.layout import ClosingFile
from interchange.layouts.table import tables
from interchange.samples import Sample, facts_of
from storage.exports.ledger import Ledger, LedgerSample
from storage.exports.selection import ExportPost
from storage.files.store import FileStore


class TableWriter:
    """Remembers samples, and lists them at the end."""

    readable: frozenset[str] | None = None

    def __init__(self, ledger: Ledger, files: FileStore) -> None:
        self._ledger, self._files = ledger, files
        self.failed: Sequence[tuple[ExportPost, Exception]] = ()

    def add(self, sample: Sample, source: SourceFile) -> str | None:
        """Remember one.

        Raises:
            FileNotFoundError: its picture is not there.
        """
        path = self._files.where(source.path)
        if self._files.facts(source.path) is None:
            raise FileNotFoundError(path)
        self._ledger.add_sample(LedgerSample(sample.key, sample.split, facts_of(sample, path)))
        return None

    def finish(self) -> None:
        """Nothing is held."""

    def lists(self) -> Iterable[ClosingFile]:
        """The tables."""
        return tables(self._ledger)
