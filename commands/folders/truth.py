"""What pictures really show, by a person's word, and how many were decided otherwise."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classifier.metrics.quality import Estimate, wilson, without_nan
from classifier.pictures.class_folders import character_of, class_pictures, label_of, meaning
from classifier.pictures.hand_labels import NONE
from commands.errors import UsageRefused
from commands.lookup.labelled_source import labelled_source
from crawler.folder_pipeline import Classified, Verdict
from storage.folders.label_file import ENDING
from storage.small_files import read_small_file

_LARGEST_TABLE = 64 * 1024 * 1024  # bytes
_PATHS, _CLASSES = ("path", "file", "filename", "name"), ("class", "label", "target")  # columns, the usual first


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether pictures show the target."""

    meant: tuple[str, ...]  # the classes that do
    folder: Path | None = None  # one folder a class, links followed
    by_path: Mapping[str, bool] = field(default_factory=dict)  # by path, or by a name that only one file has
    by_md5: Mapping[str, bool] = field(default_factory=dict)  # asked first: labels by hand, or copies of pictures

    def shows(self, one: Classified) -> bool | None:
        """Whether a picture shows the target; None: nobody says."""
        path = Path(os.path.realpath(one.file.path))
        if one.content is not None and one.content.md5 in self.by_md5:
            return self.by_md5[one.content.md5]
        if self.folder is not None and path.is_relative_to(self.folder):
            below = path.relative_to(self.folder).parts
            return label_of(below[0]) in self.meant if len(below) > 1 else None
        return next((self.by_path[key] for key in (str(path), one.file.name, path.name) if key in self.by_path), None)


def read_truth(source: Path, words: Sequence[str], folders: Sequence[Path]) -> Truth:
    """The truth of a folder with one folder a class, or of a table with a row a picture.

    Args:
        source: the folder, or a CSV file with the columns path and class.
        words: what the target is called, the most usual first.
        folders: that are looked at.

    Raises:
        ClassFolderError, UnreadableFile, UsageRefused: it is neither, or has no class that means the target.
    """
    by_hand = NONE
    if source.is_dir() or source.name.endswith(ENDING):
        source, by_hand = labelled_source(source)
    else:
        return _of_table(source, words)
    said = {md5: character_of(label) for md5, label in by_hand.by_md5.items()}
    real = Path(os.path.realpath(source))
    if by_hand.alone or all(Path(os.path.realpath(one)).is_relative_to(real) for one in folders):
        tops = [] if by_hand.alone else [one for one in real.iterdir() if one.is_dir() and not one.name.startswith(".")]
        labels = sorted({*(label_of(one.name) for one in tops), *said.values()})
        meant = meaning(source, labels, words)
        shown = {md5: label in meant for md5, label in said.items()}
        return Truth(meant, None if by_hand.alone else real, by_md5=shown)
    # Copies of the pictures elsewhere: told by their bytes.
    found = class_pictures(source, words, by_hand=by_hand if by_hand.table else None)
    return Truth(found.meant, real, by_md5={one.md5: one.shows for one in found.pictures})


def _of_table(source: Path, words: Sequence[str]) -> Truth:
    text = read_small_file(source, _LARGEST_TABLE).text()
    rows = csv.DictReader(io.StringIO(text, newline=""))
    columns = {name.strip().lower(): name for name in rows.fieldnames or () if name}
    path = next((columns[name] for name in _PATHS if name in columns), None)
    kind = next((columns[name] for name in _CLASSES if name in columns), None)
    if path is None or kind is None:
        raise UsageRefused(f"--truth {source} needs the columns path and class; it has {', '.join(columns) or 'none'}")
    labels = [(row[path], label_of(row[kind])) for row in rows if row.get(path) and row.get(kind)]
    meant = meaning(source, sorted({label for _, label in labels}), words)
    by_path: dict[str, bool] = {}
    for name, label in labels:
        by_path[name] = by_path[os.path.realpath(source.parent / name)] = label in meant
    return Truth(meant, by_path=by_path)


@dataclass(slots=True)
class TruthTally:
    """Right and wrong decisions; pictures that failed are no decisions, and count as not recognised."""

    pictures: int = 0
    of_target: int = 0
    found: int = 0  # classified as the target, rightly or not
    missed: int = 0  # show it, and were not classified so
    wrong: int = 0  # classified so, and do not show it

    def add(self, one: Classified, shows: bool | None) -> None:
        """Count one; what nobody says anything about is not counted."""
        if shows is None:
            return
        kept = one.ruled.verdict is Verdict.KEPT
        self.pictures += 1
        self.of_target += shows
        self.found += kept
        self.missed += shows and not kept
        self.wrong += kept and not shows

    @property
    def errors(self) -> int:
        """Wrong decisions of both kinds."""
        return self.missed + self.wrong

    @property
    def right(self) -> int:
        """Pictures that were classified as the target and show it."""
        return self.found - self.wrong

    @property
    def precision(self) -> Estimate:
        """Of those classified as the target, how many show it."""
        return wilson(self.right, self.found)

    @property
    def recall(self) -> Estimate:
        """Of those that show it, how many were classified so: the class's accuracy."""
        return wilson(self.right, self.of_target)

    @property
    def f1(self) -> Estimate:
        """The harmonic mean of both; its interval is that of right ones among right and wrong."""
        of_all = wilson(self.right, self.right + self.errors)
        return Estimate(*(2 * share / (1 + share) for share in (of_all.value, of_all.low, of_all.high)))

    def to_json(self) -> dict[str, Any]:
        """Plain values; a figure of nothing is null."""
        figures = {"class_accuracy": self.recall.value, "precision": self.precision, "recall": self.recall}
        plain = {name: _plain(value) for name, value in (figures | {"f1": self.f1}).items()}
        counts = {"pictures": self.pictures, "of_target": self.of_target, "found": self.found}
        return counts | {"missed": self.missed, "wrong": self.wrong, "errors": self.errors} | plain


def _plain(value: object) -> object:
    if isinstance(value, Estimate):
        return without_nan({"value": value.value, "low": value.low, "high": value.high})
    return without_nan(value)
