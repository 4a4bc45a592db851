"""What a person said of the pictures of a folder one by one, beside or instead of its class folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from classifier.pictures.class_folders import NO_CLASS, ClassPicture, LeftOut

NO_LABEL = "without a label"


@dataclass(frozen=True, slots=True)
class HandLabels:
    """Labels by what was labelled: a file that was moved keeps its label, one that was changed has none."""

    table: str = ""  # where they stand, for people; "": there are none
    alone: bool = False  # whether folders say nothing: what has no label is left out
    by_name: dict[tuple[str, str], str] = field(default_factory=dict)  # of path below the folder, and MD5
    by_md5: dict[str, str] = field(default_factory=dict)  # where all files of these bytes have one label

    @classmethod
    def of(cls, table: Path, rows: Iterable[tuple[str, str, str]], *, alone: bool) -> HandLabels:
        """From rows of path below the folder, MD5 and label."""
        by_name = {(path, md5): label for path, md5, label in rows}
        labels: dict[str, set[str]] = defaultdict(set)
        for (_, md5), label in by_name.items():
            labels[md5].add(label)
        return cls(str(table), alone, by_name, {md5: next(iter(of)) for md5, of in labels.items() if len(of) == 1})

    def label(self, name: str, md5: str) -> str:
        """Of one file; "": it has none."""
        return self.by_name.get((name, md5)) or self.by_md5.get(md5, "")

    def line(self, pictures: Sequence[ClassPicture]) -> list[str]:
        """How many of these pictures have one, for people; nothing where there is no table."""
        if not self.table:
            return []
        count = sum(bool(self.label(one.name, one.md5)) for one in pictures)
        hint = "" if self.alone else f"; --from {self.table} takes these alone"
        return [f"labels of {self.table}: {count} pictures{hint if count < len(pictures) else ''}"]

    def split(self, found: Sequence[ClassPicture], left: list[LeftOut]) -> list[tuple[ClassPicture, str]]:
        """Pictures that are of any use, each with its label by hand, "" where its folder speaks.

        Args:
            found: `label` is what their folders say, "" where these say nothing.
            left: what is of no use is added.
        """
        used = []
        for one in found:
            label = self.label(one.name, one.md5)
            if not label and (self.alone or not one.label):
                left.append(LeftOut(one.name, NO_LABEL if self.table else NO_CLASS))
            else:
                used.append((one, label))
        return used


NONE = HandLabels()
