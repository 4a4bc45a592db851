"""What a format has to say: where a picture lies, what lies beside it, and what the folder has besides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from interchange.captions.template import CaptionStyle, caption_of
from interchange.samples import OTHER, Sample
from storage.exports.ledger import Ledger

CAPTIONS = ("txt", "caption", "json", "none")  # endings of caption files


@dataclass(frozen=True, slots=True)
class LayoutOptions:
    """What the user chose, as far as it concerns the form of the files."""

    style: CaptionStyle = field(default_factory=CaptionStyle)
    captions: str = "txt"  # one of CAPTIONS
    repeats: int = 1  # of the class with the most pictures
    resolution: int = 1024  # pixels that settings for trainers name
    split: bool = False  # whether the frozen splits are kept apart
    shard_size: int = 1000  # pictures in a shard
    classes: Mapping[str, int] = field(default_factory=dict)  # class -> pictures to train on

    def repeats_of(self, label: str) -> int:
        """How often a class is repeated, so that all weigh the same: `repeats` for the largest one; the rest once."""
        if label == OTHER:
            return 1
        largest = max((number for name, number in self.classes.items() if name != OTHER), default=1)
        own = self.classes.get(label, 1)
        return max(1, round(self.repeats * largest / max(1, own)))

    def concept(self, label: str) -> str:
        """What a class is called in a trainer's folder: by its trigger word where there is one."""
        trigger = self.style.trigger
        return trigger if trigger and label != OTHER and "/" not in trigger and not trigger.startswith(".") else label


@dataclass(frozen=True, slots=True)
class ClosingFile:
    """A file about all of them, written at the end."""

    path: str  # relative to the export's folder
    pieces: Iterable[str]
    settings: bool = False  # for the user to change: a changed one stays, and an index is always made anew


class FolderLayout(Protocol):
    """A format with a file a picture."""

    name: str
    readable: frozenset[str] | None  # endings of pictures that its reader knows; None: it takes everything
    trains: bool  # whether a reader learns from it, so that undecided pictures have no place in it

    def folder(self, sample: Sample) -> str:
        """Where a picture lies, relative to the export's folder."""
        ...

    def sidecars(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """Files beside the picture: name and text, which is never empty."""
        ...

    def closing(self, folder: Path, ledger: Ledger) -> Iterator[ClosingFile]:
        """Files about all of them."""
        ...


def caption_sidecars(sample: Sample, options: LayoutOptions) -> Sequence[tuple[str, str]]:
    """The caption's file, of the same stem; none where there is not a word: some readers fail at an empty one."""
    if options.captions == "none" or not sample.caption:
        return ()
    if options.captions == "json":
        from interchange.captions.grouped import grouped_caption

        return ((f"{sample.stem}.json", grouped_caption(sample, options.style)),)
    return ((f"{sample.stem}.{options.captions}", sample.caption + "\n"),)


__all__ = ["CAPTIONS", "ClosingFile", "FolderLayout", "LayoutOptions", "caption_of", "caption_sidecars"]
