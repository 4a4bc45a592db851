"""Records that the archive takes from other rooms and returns to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.files.disk import Disk
from storage.plurals import counted
from storage.records import Decision, LabelReason, LabelValue, Look, ModelCard, Post, RefusedRow


def utc_now() -> datetime:
    """The time by the system's clock, in UTC."""
    return datetime.now(UTC)


RECOGNISER = "recogniser"  # what `facts` of a registered model say as `kind`, where it is no target's


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """How a gallery is kept."""

    create: bool = True  # make a gallery where there is none
    busy_timeout_s: float = 10.0  # how long to wait for another program's write
    reserve_bytes: int = 64 * 1024 * 1024  # stop before the disk is fuller than this
    file_threads: int = 16  # threads that write, fsync and rename
    queue_size: int = 1024  # operations waiting for the writer
    batch_size: int = 256  # operations that share one transaction
    quick_check_limit: int = 512 * 1024 * 1024  # bytes; larger databases are checked by `crawl verify` only
    command: str = ""  # for the message that another program gets: what holds the gallery
    picture_mode: int | None = None  # of pictures, 0..0o777; None: as the umask says
    network_disk: bool = False  # consent to a network's file system, which only this machine uses
    database: str = ""  # address of the server's database that holds the rows; empty: what the root has, or a file
    files: str = ""  # address of the store that has the pictures; empty: what the root has, or its folder
    disk: Disk = field(default_factory=Disk, compare=False)  # the file system's promises
    clock: Callable[[], datetime] = field(default=utc_now, compare=False)  # with a time zone
    tell: Callable[[str], None] = field(default=lambda line: None, compare=False)  # of what takes long, by any thread
    tell_every_s: float = 5.0  # and how often


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What the start found and mended."""

    created: bool = False  # the gallery is new
    clean: bool = True  # the last program to hold it ended in order
    killed_runs: int = 0
    died_attempts: int = 0  # attempts that were open when the program died
    staging_removed: int = 0
    adopted: int = 0  # originals whose bytes were in place and whose rows were not
    renditions_removed: int = 0  # renditions without a row; they are fetched again
    moves_finished: int = 0
    moves_cancelled: int = 0
    models_removed: int = 0  # half-made ones, in work folders
    damaged: tuple[str, ...] = ()  # paths that were moved aside, or are missing
    migrated_from: str | None = None
    backup: Path | None = None
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For people; nothing when there is nothing to say."""
        found = [
            (self.killed_runs, "interrupted run", "closed"),
            (self.died_attempts, "unfinished post", "queued again"),
            (self.staging_removed, "partial file", "removed"),
            (self.adopted, "complete original", "recorded"),
            (self.renditions_removed, "orphaned rendition", "removed"),
            (self.moves_finished, "move", "finished"),
            (self.moves_cancelled, "move", "cancelled"),
            (self.models_removed, "unfinished model", "removed"),
        ]
        lines = [f"recovered: {counted(number, noun)} {done}" for number, noun, done in found if number]
        lines += [f"damaged: {path}" for path in self.damaged]
        return [*lines, *self.news()]

    def news(self) -> list[str]:
        """What everybody is to know who opens the gallery, whatever for: an upgrade, and notes on the disk."""
        if self.migrated_from is None:
            return list(self.notes)
        return [f"database upgraded from schema {self.migrated_from}; backup: {self.backup}", *self.notes]


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run as it begins."""

    command: str
    site: str
    query: str
    targets: Sequence[str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RunEnd:
    """A run as it ends."""

    counts: Mapping[str, int | float | str]
    exit_code: int
    models: Sequence[str] = ()  # names of all that decided; empty: those that the run began with


@dataclass(frozen=True, slots=True)
class Listing:
    """A walk over one query's posts."""

    id: int
    cursor: int | None  # the lowest id seen in this walk; go on below it
    newest: int | None  # the highest id of the last complete walk: the floor of a walk for newer posts only
    complete: bool  # whether an earlier walk came to its end


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One page of a listing."""

    posts: Sequence[Post]
    refused: Sequence[RefusedRow] = ()
    cursor: int | None = None  # the lowest id seen so far
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A range of ids that could not be listed; both ends are outside it."""

    above: int
    below: int | None  # None: up to the newest
    reason: str
    id: int | None = None  # set by the archive


@dataclass(frozen=True, slots=True)
class ListingTally:
    """What a finished listing amounts to."""

    listed: int  # posts seen in this walk
    hidden: int  # of those, without a file for us
    refused: int  # rows that were no valid post
    gaps: int  # ranges still open
    counted: int | None  # what the site says

    @property
    def unexplained(self) -> int | None:
        """How many posts the site counts beyond what was listed or refused; None when it did not count."""
        return None if self.counted is None else self.counted - self.listed - self.refused


@dataclass(frozen=True, slots=True)
class Work:
    """Which posts are not done: no decision by these models, or wanted and not in the gallery."""

    targets: Sequence[str]
    model_hashes: Mapping[str, str] = field(default_factory=dict)  # by target; none: any decision will do
    policies: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by target: the policies that still hold
    seen: bool = False  # whether posts count whose files another program has


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to fetch something, recorded before it starts."""

    id: int
    number: int  # counts up per file version and kind, from 1
    staging: Path  # where the bytes go
    kind: str = "rendition"  # rendition | original


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt came to nothing."""

    reason: str
    state: str = "retry"  # retry | unavailable


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file's bytes are."""

    size: int  # bytes
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What a rendition's bytes were found to be, by a full decode."""

    name: str  # one of RENDITION_NAMES
    ext: str
    width: int  # 0: an original that is no picture
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One look at one post: what was seen, and what was decided."""

    post: Post
    look: Look
    decisions: Sequence[Decision]
    run_id: int | None = None
    attempt: Attempt | None = None  # closed with the rest
    rendition: bytes | None = None  # kept when given, as `stored` describes it
    stored: StoredFacts | None = None
    models: Mapping[str, ModelCard] = field(default_factory=dict)  # by Target.name


@dataclass(frozen=True, slots=True)
class Label:
    """A person's word, to be recorded."""

    post_id: int
    site: str
    target: str
    value: LabelValue
    who: str
    key: str  # made by whoever asks, one a click: the same key twice is the same label
    why: LabelReason = LabelReason.MANUAL  # the reason of the question that this answers


@dataclass(frozen=True, slots=True)
class Click:
    """A label, and what was on the screen when it was given."""

    label: Label
    version_id: int  # the file version that was shown
    label_seq: int | None  # the newest label that was shown, `clear` among them; None: there was none


@dataclass(frozen=True, slots=True)
class Saved:
    """The label is durable."""

    seq: int
    repeated: bool = False  # its key was known: the same click, sent again


@dataclass(frozen=True, slots=True)
class Conflict:
    """A label was filed or the picture replaced since the page showed it; nothing was recorded."""

    version_id: int  # the post's file version now
    seq: int | None  # the newest label now; None: there is none
    value: LabelValue | None
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What became of the labels."""

    recorded: int  # new rows
    repeated: int  # keys that were known
    unknown: tuple[int, ...] = ()  # post ids that the database does not know
    hidden: tuple[int, ...] = ()  # post ids whose picture was never visible to us


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model as the registry has it."""

    card: ModelCard
    active: bool
    registered_at: datetime
    facts: Mapping[str, Any]
    parent: str | None  # the model that was active when this one was registered: `mona/2`
    round: int | None

    @property
    def recognises_classes(self) -> bool:
        """Whether it is a recogniser of several classes, and no target's model."""
        return self.facts.get("kind") == RECOGNISER
