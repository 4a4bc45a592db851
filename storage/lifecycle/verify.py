"""Compare every file with its row, every row with its file; look the database through. Removes and moves nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from storage.database.current_rows import repeats_history
from storage.database.current_state import CURRENT, DECISION
from storage.database.error_translation import at_border
from storage.database.phrases import stored_bytes
from storage.database.tables import CurrentRow, DecisionRow, FileRow, LabelRow, RenditionRow
from storage.errors import BadPath, ObjectsUnreachable, StorageError
from storage.files.disk import Disk
from storage.files.model_work_folders import is_half_made
from storage.files.paths import models_folder
from storage.files.relative_paths import check_path
from storage.files.store import FileStore
from storage.moves.left_files import left_files
from storage.objects.location import files_of
from storage.reader import Reader
from storage.records import ELSEWHERE, LabelValue

FOLDERS = ("gallery", "trash", "renditions")
_SIDE_BY_SIDE = 256  # files that are handed to threads at once
_LONGEST_SHOWN = 120  # bytes of a damaged path
OWN_NAMES = frozenset({"Thumbs.db", ".DS_Store", "desktop.ini"})  # left by file browsers; nobody's damage


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found; paths are relative to the root."""

    checked: int  # files that rows claim
    bytes_read: int
    missing: tuple[str, ...]  # a row claims it, the disk has it not
    damaged: tuple[str, ...]  # another size or other bytes than the row says
    foreign: tuple[str, ...]  # no row claims it; never touched
    database: tuple[str, ...]  # what is wrong inside the database
    set_aside: tuple[str, ...] = ()  # in `damaged/`, from earlier
    left_over: tuple[str, ...] = ()  # folders beside the models' that nobody registered; in nobody's way
    left_files: int = 0  # originals that an import left outside
    left_missing: tuple[str, ...] = ()  # of these, absolute: what is not there now, or has another size
    half_made: tuple[str, ...] = ()  # folders in which a round is at work, or was when it was killed

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.damaged or self.foreign or self.database)

    def lines(self) -> list[str]:
        """For people."""
        found: list[tuple[str, tuple[str, ...]]] = [
            ("database", self.database),
            ("missing", self.missing),
            ("damaged", self.damaged),
            ("foreign", self.foreign),
        ]
        return [f"{what}: {path}" for what, paths in found for path in paths]


def verify(
    root: Path,
    *,
    progress: Callable[[int], None] = lambda _: None,
    disk: Disk | None = None,
) -> VerifyReport:
    """Walk the gallery, the trash and the renditions, and look the database through.

    Args:
        root: of the gallery; a crawl should not be running, its files in flight would look foreign.
        progress: called with the number of files checked so far.
        disk: the file system's promises; None: this machine's.
    Raises:
        DatabaseError, StorageError: it cannot even be looked at.
    """
    with Reader.open(root) as reader, at_border(root):
        database = reader.ask(lambda c: [*reader.database.check(c, thorough=True), *_wrong_current_rows(c)])
        claims = reader.ask(claims_of)
        faults = (*database, *claims.bad_paths)
        left = reader.ask(left_files)
        registered = {model.card.name for model in reader.models()}
        tree = files_of(reader.root, disk)
        try:
            report = _compare(tree, claims.files, faults, progress)
        finally:
            tree.close()
        beside = list(_unregistered(models_folder(reader.root), registered))
        half_made = tuple(path for path in beside if is_half_made(path))
        left_over = tuple(path for path in beside if path not in half_made)
        gone = tuple(one.path for one in left if not one.there)
        return replace(report, left_over=left_over, half_made=half_made, left_files=len(left), left_missing=gone)


def _unregistered(models: Path, registered: Collection[str]) -> Iterator[str]:
    """Folders among the models' that no model is registered for: of killed rounds, or the owner's own."""
    for folder in sorted(models.glob("*/*")):
        name = f"{folder.parent.name}/{folder.name}"
        if name not in registered and folder.is_dir():
            yield folder.relative_to(models.parent).as_posix()


@dataclass(frozen=True, slots=True)
class Claims:
    """What rows say of files on disk."""

    files: dict[str, tuple[int, str]]  # path -> size and sha256
    bad_paths: list[str]  # rows whose path cannot be that of a gallery's file, for people


def claims_of(connection: Connection) -> Claims:
    """Every file that a row claims to be on disk. Paths are read as they are stored: a damaged one may be no text."""
    claims = Claims({}, [])
    for row in connection.execute(_claiming()):
        path = row.path or b""
        problem = _wrong_with(path, row.place)
        if problem is None:
            claims.files[path.decode()] = (row.size, row.sha256)
        else:
            claims.bad_paths.append(f"{row.its_table} {row.its_key}: its path {_shown(path)} {problem}")
    return claims


def _claiming() -> Any:
    placed = select(
        literal("file").label("its_table"),
        cast(FileRow.id, Text).label("its_key"),
        FileRow.place.label("place"),
        stored_bytes(FileRow.path).label("path"),
        FileRow.size.label("size"),
        FileRow.sha256.label("sha256"),
    ).where(FileRow.place.in_(("gallery", "trash")))
    kept: Any = select(
        literal("rendition"),
        RenditionRow.md5 + " " + RenditionRow.name,
        literal("renditions"),
        stored_bytes(RenditionRow.path),
        RenditionRow.size,
        RenditionRow.sha256,
    ).where(RenditionRow.name != ELSEWHERE)
    return placed.union_all(kept)


def _wrong_with(path: bytes, place: str) -> str | None:
    """Why a row's path cannot be that of a file in its place, or None."""
    try:
        check_path(path.decode())
    except UnicodeDecodeError:
        return "is not text"
    except BadPath:
        return "cannot be a file's"
    return None if path.startswith(f"{place}/".encode()) else f"does not lie in {place}"


def _shown(path: bytes) -> str:
    """For people: one line without control characters, however long it is."""
    return repr(path[:_LONGEST_SHOWN]).removeprefix("b") + ("…" if len(path) > _LONGEST_SHOWN else "")


def _compare(
    tree: FileStore,
    claimed: Mapping[str, tuple[int, str]],
    database: tuple[str, ...],
    progress: Callable[[int], None],
) -> VerifyReport:
    missing: list[str] = []
    damaged: list[str] = []
    read = 0
    claims = sorted(claimed.items())
    for number, ((path, (size, _)), state) in enumerate(zip(claims, _states(tree, claims), strict=True), start=1):
        if state == "missing":
            missing.append(path)
        elif state == "damaged":
            damaged.append(path)
        read += size if state != "missing" and isinstance(size, int) else 0
        progress(number)
    foreign = [
        path
        for folder in FOLDERS
        for path, _regular in tree.walk(folder)
        if path not in claimed and path.rpartition("/")[2] not in OWN_NAMES
    ]
    aside = tuple(path for path, _regular in tree.walk("damaged"))
    return VerifyReport(len(claimed), read, tuple(missing), tuple(damaged), tuple(sorted(foreign)), database, aside)


def _states(tree: FileStore, claims: Sequence[tuple[str, tuple[int, str]]]) -> Iterator[str]:
    """What each file is: whole, missing or damaged; several are read side by side where that gains."""
    if tree.at_once == 1:
        yield from (_state(tree, path, *facts) for path, facts in claims)
        return
    with ThreadPoolExecutor(tree.at_once) as threads:
        for start in range(0, len(claims), _SIDE_BY_SIDE):
            some = claims[start : start + _SIDE_BY_SIDE]
            yield from threads.map(lambda claim: _state(tree, claim[0], *claim[1]), some)


def _state(tree: FileStore, path: str, size: int, sha256: str) -> str:
    try:
        facts = tree.facts(path)
        if facts is None:
            return "missing"
        if facts.size != size or tree.digest(path).sha256 != sha256:
            return "damaged"
    except ObjectsUnreachable:
        raise  # nobody knows
    except (StorageError, OSError):
        return "damaged"  # a link, a folder, or bytes that cannot be read
    return "whole"


def _wrong_current_rows(connection: Connection) -> Iterator[str]:
    """Problems of the table `standing`: current rows that do not follow from the history, at most 20."""
    newest = (
        select(case((LabelRow.value == LabelValue.CLEAR.value, null()), else_=LabelRow.seq))
        .where(LabelRow.version_id == CurrentRow.version_id, LabelRow.target == CurrentRow.target)
        .order_by(LabelRow.seq.desc())
        .limit(1)
        .correlate(CurrentRow)
        .scalar_subquery()
    )
    decision, any_decision = aliased(DecisionRow), aliased(DecisionRow)
    foreign_decision = exists(
        select(decision.seq).where(
            decision.seq == CurrentRow.decision_seq,
            or_(decision.version_id != CurrentRow.version_id, decision.target != CurrentRow.target),
        )
    )
    decided = exists(
        select(any_decision.seq).where(
            any_decision.version_id == CurrentRow.version_id, any_decision.target == CurrentRow.target
        )
    )
    rows = CURRENT.joined(select(CurrentRow.version_id, CurrentRow.target), parts=("decision", "label"))
    wrong: Any = rows.where(
        or_(
            not_(repeats_history(DECISION)),
            func.coalesce(newest, -1) != func.coalesce(CurrentRow.label_seq, -1),
            foreign_decision,
            and_(decided, CurrentRow.decision_seq.is_(None)),
        )
    )
    for row in connection.execute(wrong.limit(20)):
        yield f"what stands for version {row.version_id} and {row.target} does not follow from its history"
