"""Posts of a gallery written as a dataset: choose, count, write, take away what is stale, list what is there.

Killed at any moment, every file is whole, and the same request goes on. Nothing is taken away before everything that is
wanted is there, and what cannot be read just now stays as it was exported before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from interchange.captions.template import caption_of, caption_words
from interchange.choice import Choice, LeftOut, Refusal, SourceFile, ending_of, label_of
from interchange.errors import FolderRefused, InterchangeRefused
from interchange.files.pictures import PictureSettings, UnreadablePicture
from interchange.files.placement import AlteredPicture, How, Placement, Result, WantedFile, is_full
from interchange.layouts.catalogue import FOLDER_LAYOUTS, SHARDS, TABLE
from interchange.layouts.layout import ClosingFile, LayoutOptions
from interchange.manifest import MANIFEST, manifest_lines
from interchange.samples import SPLITS, Sample, key_of
from interchange.shared_files import SharedFiles
from interchange.writers.folder_writer import FolderWriter
from interchange.writers.shard_writer import ENDING, ShardWriter
from interchange.writers.table_writer import TableWriter
from storage.database.error_translation import at_border
from storage.exports.ledger import NAME as LEDGER
from storage.exports.ledger import Ledger
from storage.exports.selection import ExportPost, Key, export_posts, selected_keys
from storage.files.disk import Disk
from storage.files.store import FileStore
from storage.folders.output_lock import sole_writer
from storage.objects.location import files_of
from storage.reader import Reader
from storage.records import Target
from storage.search.language import Query

LOCK = ".crawl-export.lock"
ONE_A_POST = frozenset({SHARDS, "hydrus"})  # formats in which two targets of one post would be in each other's way
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
    failed: Sequence[tuple[ExportPost, Exception]]  # samples that were taken, and could not be written later

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
    with closing(files_of(reader.root)) as files, export_folder(request.folder, request.format) as placement:
        run = _Run(_reachable(request, files), reader, keys, targets, placement, files)
        return run.carry_out(report)


def _reachable(request: ExportRequest, files: FileStore) -> ExportRequest:
    """The request, where a picture can have no second name, with copies.

    Raises:
        InterchangeRefused: nothing of this disk can point at it either.
    """
    if files.keeps_links or request.how is How.COPY:
        return request
    if request.how is How.SYMLINK:
        raise InterchangeRefused(
            f"--how {How.SYMLINK}: the gallery's pictures are in {files.where('')}; {How.COPY} them"
        )
    return replace(request, how=How.COPY)


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


def list_everything(placement: Placement, lists: Iterable[ClosingFile]) -> None:
    """Write the files about all of them, and the manifest."""
    run = f"run {placement.ledger.run}"
    for file in lists:
        if file.settings:
            placement.text(WantedFile(file.path, "settings", run), file.pieces)
        else:
            placement.index(WantedFile(file.path, "index", run), file.pieces)
    placement.index(WantedFile(MANIFEST, "index", run), manifest_lines(placement.ledger))


def _why(error: Exception) -> str:
    """What kept a picture out.

    Raises:
        OSError: the disk is full, which ends everything.
    """
    if isinstance(error, AlteredPicture):
        return "its file in the gallery was altered; crawl verify --set-aside and crawl apply bring it back"
    if isinstance(error, UnreadablePicture):
        return f"its picture {error}"
    if isinstance(error, FileNotFoundError):
        return "its file is not in the gallery; crawl verify lists what is missing"
    if isinstance(error, OSError) and is_full(error):
        raise error
    return f"it cannot be read or written: {getattr(error, 'strerror', None) or error}"


@dataclass(slots=True)
class _Run:
    request: ExportRequest
    reader: Reader
    keys: Sequence[Key]
    targets: dict[str, Target]
    placement: Placement
    files: FileStore
    result: ExportResult = field(init=False)
    choice: Choice = field(init=False)
    once: bool = field(init=False)  # whether a file that several posts have is exported for one of them alone
    shared: SharedFiles = field(default_factory=SharedFiles)
    last_stem: str = ""  # of the sample that was written last

    def __post_init__(self) -> None:
        format_ = self.request.format
        if format_ in FOLDER_LAYOUTS:
            layout = FOLDER_LAYOUTS[format_](self.request.options)
            self.choice = replace(self.request.choice, undecided=not layout.trains, videos=layout.readable is None)
            self.once = layout.readable is not None
        else:
            self.once = format_ == SHARDS
            self.choice = replace(self.request.choice, videos=format_ == TABLE)
        if format_ == SHARDS and self.request.pictures.format is None:
            self.request = replace(self.request, pictures=replace(self.request.pictures, format=ENDING))

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
        for post, error in writer.failed:
            self._take_back(post, error)
        self.result.removed = ledger.drop_stale_samples()
        list_everything(self.placement, writer.lists())
        if theirs := self.placement.remove_stale():
            self.result.notes.append(f"files of posts that left, but were changed by hand, stay: {theirs}")
        self.result.files = self.placement.count
        self.result.notes += self.placement.notes
        return self.result

    def _classes(self) -> Counter[str]:
        """How many pictures of each class there are to train on."""
        classes: Counter[str] = Counter()
        for post in export_posts(self.reader, self.keys, brief=True):
            if isinstance(self.choice.source(post), Refusal):
                continue
            withdrawn = self._is_withdrawn(post)
            if self.once:
                self.shared.add(post, withdrawn=withdrawn)
            elif not withdrawn and self._split(post) == "train":
                classes[label_of(post)] += 1
        return self.shared.classes(split=self.request.options.split) if self.once else classes

    def _writer(self, classes: Counter[str]) -> SampleWriter:
        request, files = self.request, self.files
        options = replace(request.options, classes=classes)
        if request.format == SHARDS:
            size, split = options.shard_size, options.split
            return ShardWriter(self.placement, files, request.pictures, size=size, split=split)
        if request.format == TABLE:
            return TableWriter(self.placement.ledger, files)
        layout = FOLDER_LAYOUTS[request.format](options)
        return FolderWriter(layout, self.placement, files, request.how, request.pictures)

    def _source(self, post: ExportPost) -> SourceFile | Refusal:
        source = self.choice.source(post)
        if isinstance(source, Refusal):
            return source
        if self._is_withdrawn(post):
            return Refusal("withdrawn from this export")
        why_not = self.shared.why_not(post) if self.once else None
        return Refusal(why_not) if why_not is not None else source

    def _is_withdrawn(self, post: ExportPost) -> bool:
        return self.placement.ledger.is_withdrawn(post.site, post.post_id)

    def _split(self, post: ExportPost) -> str:
        if not self.request.options.split:
            return "train"
        if self.once:
            return self.shared.split_of(post)
        return post.split if post.split in SPLITS else "train"

    def _export(self, post: ExportPost, writer: SampleWriter) -> None:
        source = self._source(post)
        refusal = source if isinstance(source, Refusal) else self._written(post, source, writer)
        if refusal is None:
            return
        self.result.left_out.add(post, refusal)
        passing = refusal.passing and self.request.format != SHARDS  # what is in a shard goes with the shard
        if passing and self.placement.ledger.keep_sample(key_of(post)):
            self.result.kept_from_before += 1

    def _written(self, post: ExportPost, source: SourceFile, writer: SampleWriter) -> Refusal | None:
        sample = self._sample(post, source, writer.readable)
        if sample.stem == self.last_stem and self.request.format in ONE_A_POST:
            return Refusal("it is in the export already, for another target")
        try:
            why = writer.add(sample, source)
        except (AlteredPicture, UnreadablePicture, OSError) as error:
            why = _why(error)
        if why is not None:
            return Refusal(why, passing=True)
        self.last_stem = sample.stem
        self.result.samples += 1
        self.result.classes[self._class(post)] += 1
        return None

    def _class(self, post: ExportPost) -> str:
        split = self._split(post)
        return label_of(post) if split == "train" else f"{label_of(post)} ({split})"

    def _take_back(self, post: ExportPost, error: Exception) -> None:
        """A sample that was counted could not be written after all."""
        self.result.samples -= 1
        self.result.classes[self._class(post)] -= 1
        self.result.left_out.add(post, Refusal(_why(error), passing=True))

    def _sample(self, post: ExportPost, source: SourceFile, readable: frozenset[str] | None) -> Sample:
        style = self.request.options.style
        target = self.targets.get(post.target or "")
        words = caption_words(post, style, target)
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
            target_tag=target.tag if target is not None else None,
            width=width,
            height=height,
        )
