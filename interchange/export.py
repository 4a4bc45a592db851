"""Posts of a gallery written as a dataset: choose, count, write, take away what is stale, list what is there.

Killed at any moment, every file is whole, and the same request goes on. Nothing is taken away before everything that is
wanted is there, and what cannot be read just now stays as it was exported before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from interchange.captions.template import caption_of, caption_words
from interchange.choice import Choice, LeftOut, Refusal, SourceFile, ending_of, label_of
from interchange.errors import FolderRefused, InterchangeRefused
from interchange.files.pictures import PictureSettings, UnreadablePicture
from interchange.files.placement import AlteredPicture, How, Placement, Result, WantedFile, is_full
from interchange.layouts.catalogue import FOLDER_LAYOUTS
from interchange.layouts.layout import ClosingFile, LayoutOptions
from interchange.manifest import MANIFEST, manifest_lines
from interchange.samples import SPLITS, Sample, key_of
from interchange.writers.folder_writer import FolderWriter
from storage.database.error_translation import at_border
from storage.exports.ledger import NAME as LEDGER
from storage.exports.ledger import Ledger
from storage.exports.selection import ExportPost, Key, export_posts, selected_keys
from storage.files.disk import Disk
from storage.folders.output_lock import sole_writer
from storage.reader import Reader
from storage.records import Target
from storage.search.language import Query

LOCK = ".crawl-export.lock"
_COMMIT_EVERY = 100  # posts

Report = Callable[[int, int], None]  # posts done, of how many; may raise to stop


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is to be exported, and how."""

    folder: Path  # absolute
    format: str
    query: Query
    now: datetime  # what `age:` counts from
    how: How = How.COPY
    pictures: PictureSettings = field(default_factory=PictureSettings)
    choice: Choice = field(default_factory=Choice)
    options: LayoutOptions = field(default_factory=LayoutOptions)


@dataclass(slots=True)
class ExportResult:
    """What came of it."""

    found: int  # posts that the expression finds
    samples: int = 0  # pictures that are in the export now
    classes: Counter[str] = field(default_factory=Counter)  # by class and split: `mona`, `mona (test)`
    files: Counter[Result] = field(default_factory=Counter)
    removed: int = 0  # samples of earlier runs that no longer belong
    left_out: LeftOut = field(default_factory=LeftOut)
    kept_from_before: int = 0  # of those left out: an earlier run's copy stays
    notes: list[str] = field(default_factory=list)


class SampleWriter(Protocol):
    """Writes samples of one format."""

    readable: frozenset[str] | None

    def add(self, sample: Sample, source: SourceFile) -> str | None:
        """Write one; gives why it could not be."""
        ...

    def finish(self) -> None:
        """Write what is still held."""
        ...

    def lists(self) -> Iterable[ClosingFile]:
        """The files about all of them, once samples that left are forgotten."""
        ...


def export(request: ExportRequest, reader: Reader, report: Report) -> ExportResult:
    """Write an export, or bring one up to date.

    Raises:
        InterchangeRefused: nothing is found, or the folder is somebody else's; nothing was done.
        FolderBusy: another program writes into it.
        StorageError: the disk refuses, or is full; what was written is whole.
    """
    keys = selected_keys(reader, request.query, request.now)
    if not keys:
        raise InterchangeRefused("no post fits the expression, so nothing was done; crawl query shows what fits")
    targets = {target.name: target for target in reader.targets()}
    with export_folder(request.folder, request.format) as placement:
        run = _Run(request, reader, keys, targets, placement)
        return run.carry_out(report)


@contextmanager
def export_folder(folder: Path, format_: str | None) -> Iterator[Placement]:
    """Hold an export's folder while the block runs; it is made where there is none.

    Args:
        folder: absolute.
        format_: of the export; None: whatever there is.

    Raises:
        FolderRefused: it has files and is no export, or is one of another format.
    """
    with at_border(folder):
        _check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with sole_writer(folder, Disk(), LOCK, "crawl export"), Ledger(folder) as ledger:
            if format_ is not None and ledger.format not in ("", format_):
                raise FolderRefused(f"{folder} holds an export for {ledger.format}; name another folder")
            yield Placement(folder, ledger)


def _check_folder(folder: Path) -> None:
    if not folder.exists() or (folder / LEDGER).is_file():
        return
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in (LOCK, LEDGER))
    if foreign:
        raise FolderRefused(f"{folder} is not empty ({foreign[0]}) and holds no export of ours; name another folder")


@dataclass(slots=True)
class _Run:
    request: ExportRequest
    reader: Reader
    keys: Sequence[Key]
    targets: dict[str, Target]
    placement: Placement
    result: ExportResult = field(init=False)
    choice: Choice = field(init=False)

    def __post_init__(self) -> None:
        layout = FOLDER_LAYOUTS[self.request.format](self.request.options)
        everything = layout.readable is None
        self.choice = replace(self.request.choice, undecided=not layout.trains, videos=everything)

    def carry_out(self, report: Report) -> ExportResult:
        """Everything, in order."""
        self.result = ExportResult(len(self.keys))
        ledger = self.placement.ledger
        ledger.begin(self.request.format)
        writer = self._writer(self._classes())
        for number, post in enumerate(export_posts(self.reader, self.keys), start=1):
            self._export(post, writer)
            if number % _COMMIT_EVERY == 0:
                ledger.commit()
            report(number, len(self.keys))
        writer.finish()
        self.result.removed = ledger.drop_stale_samples()
        for file in writer.lists():
            kind = "settings" if file.settings else "index"
            write = self.placement.text if file.settings else self.placement.index
            write(WantedFile(file.path, kind, f"run {ledger.run}"), file.pieces)
        self.placement.index(WantedFile(MANIFEST, "index", f"run {ledger.run}"), manifest_lines(ledger))
        if theirs := self.placement.remove_stale():
            self.result.notes.append(f"files of posts that left, but were changed by hand, stay: {theirs}")
        self.result.files = self.placement.count
        self.result.notes += self.placement.notes
        return self.result

    def _classes(self) -> Counter[str]:
        """How many pictures of each class there are to train on."""
        posts = export_posts(self.reader, self.keys, brief=True)
        wanted = [post for post in posts if self._split(post) == "train"]
        return Counter(label_of(post) for post in wanted if not isinstance(self._source(post), Refusal))

    def _writer(self, classes: Counter[str]) -> SampleWriter:
        options = replace(self.request.options, classes=classes)
        layout = FOLDER_LAYOUTS[self.request.format](options)
        return FolderWriter(layout, self.placement, self.reader.root, self.request.how, self.request.pictures)

    def _source(self, post: ExportPost) -> SourceFile | Refusal:
        if self.placement.ledger.is_withdrawn(post.site, post.post_id):
            return Refusal("withdrawn from this export")
        return self.choice.source(post)

    def _split(self, post: ExportPost) -> str:
        return post.split if self.request.options.split and post.split in SPLITS else "train"

    def _export(self, post: ExportPost, writer: SampleWriter) -> None:
        source = self._source(post)
        refusal = source if isinstance(source, Refusal) else self._written(post, source, writer)
        if refusal is None:
            return
        self.result.left_out.add(post, refusal)
        if refusal.passing and self.placement.ledger.keep_sample(key_of(post)):
            self.result.kept_from_before += 1

    def _written(self, post: ExportPost, source: SourceFile, writer: SampleWriter) -> Refusal | None:
        sample = self._sample(post, source, writer.readable)
        try:
            why = writer.add(sample, source)
        except FileNotFoundError:
            why = "its file is not in the gallery; crawl verify lists what is missing"
        except AlteredPicture:
            why = "its file in the gallery was altered; crawl verify --set-aside and crawl apply bring it back"
        except UnreadablePicture as error:
            why = f"its picture {error}"
        except OSError as error:
            if is_full(error):
                raise
            why = f"it cannot be read or written: {error.strerror or error}"
        if why is not None:
            return Refusal(why, passing=True)
        self.result.samples += 1
        self.result.classes[sample.label if sample.split == "train" else f"{sample.label} ({sample.split})"] += 1
        return None

    def _sample(self, post: ExportPost, source: SourceFile, readable: frozenset[str] | None) -> Sample:
        style = self.request.options.style
        words = caption_words(post, style, self.targets.get(post.target or ""))
        width, height = self.request.pictures.size(source.width, source.height)
        return Sample(
            post=post,
            label=label_of(post),
            split=self._split(post),
            words=words,
            caption=caption_of(words, style),
            source=source.path,
            rendition=source.rendition,
            ending=ending_of(source, self.request.pictures, readable),
            width=width,
            height=height,
        )
