"""Originals between the gallery and the trash, and out of it: intent committed, file moved, end committed.

Whoever is killed in between leaves an open intent, and the next start ends it. A file moves only while it is, byte for
byte, what its row says; a person's word that arrives while it moves is listened to when it has arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, and_, cast, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from storage.database.current_state import CURRENT, DECISION
from storage.database.engine import new_id
from storage.database.tables import CurrentRow, DecisionRow, FileRow, LabelRow, MoveRow, PostRow, VersionRow
from storage.errors import BadPath, ObjectsUnreachable, StorageError
from storage.files.disk import is_unreadable
from storage.files.paths import moved_path
from storage.files.relative_paths import check_path
from storage.files.store import FileStore
from storage.moves.original_names import NamedPost, name_of
from storage.records import Place

AT_ONCE = 64  # moves that share their transactions


@dataclass(frozen=True, slots=True)
class Move:
    """A committed intent to move a file."""

    id: int
    file_id: int
    source: str
    target: str  # empty for a purge
    to_place: Place
    sha256: str
    size: int
    is_sound: bool = True  # its row's paths are the file's own, and those of its place; False: the row is damaged


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of some moves."""

    done: int = 0
    came_back: int = 0  # of those: a label of a person kept them meanwhile
    problems: tuple[str, ...] = ()  # files that are not what their rows say, or names that are taken; they stay

    def __add__(self, other: Carried) -> Carried:
        return Carried(self.done + other.done, self.came_back + other.came_back, self.problems + other.problems)


def movable() -> Any:
    """Files with what is decided of them; those that a move is open for are left out."""
    under_way = aliased(MoveRow)
    files = (
        select(
            FileRow.id,
            FileRow.path,
            FileRow.place,
            FileRow.target,
            FileRow.sha256,
            FileRow.size,
            VersionRow.ext,
            VersionRow.md5,
            PostRow.post_id,
            PostRow.site.label("of_site"),
            CurrentRow.decision_seq,
            CurrentRow.label_seq,
        )
        .join(VersionRow, VersionRow.id == FileRow.version_id)
        .join(PostRow, PostRow.key == VersionRow.post_key)
    )
    return CURRENT.joined(files, CURRENT.of_row(FileRow), parts=("decision", "label")).where(
        ~exists(select(under_way.id).where(under_way.file_id == FileRow.id, under_way.outcome.is_(None)))
    )


def intend_to_trash(connection: Connection, version_id: int, targets: Sequence[str], now: datetime) -> list[Move]:
    """Open a move to the trash for every original whose effective decision is *delete*, read in this transaction.

    What anything ever kept is left to `apply`, which has a brake; what a person restored stays restored.
    """
    rows = connection.execute(
        movable().where(
            FileRow.version_id == version_id,
            FileRow.target.in_(targets),
            FileRow.place == Place.GALLERY.value,
            DECISION == "delete",
            ~_ever_kept(),
            ~overruled(),
        )
    )
    return [intend(connection, row, Place.TRASH, now) for row in rows.all()]


def _ever_kept() -> ColumnElement[bool]:
    """Whether a model or a person ever kept the file."""
    decision, label = aliased(DecisionRow), aliased(LabelRow)
    return or_(
        *(
            exists(
                select(1)
                .where(row.version_id == FileRow.version_id, row.target == FileRow.target, row.value == "keep")
                .correlate(FileRow)
            )
            for row in (decision, label)
        )
    )


def overruled() -> ColumnElement[bool]:
    """Whether the file's last move was a way back under the very decision that would send it away again.

    Only a person asks for that.
    """
    earlier, last = aliased(MoveRow), aliased(MoveRow)
    newest = (
        select(func.max(earlier.id))
        .where(earlier.file_id == FileRow.id, earlier.outcome == "done")
        .correlate(FileRow)
        .scalar_subquery()
    )
    same = and_(
        last.to_place == Place.GALLERY.value,
        func.coalesce(last.decision_seq, 0) == func.coalesce(CurrentRow.decision_seq, 0),
        func.coalesce(last.label_seq, 0) == func.coalesce(CurrentRow.label_seq, 0),
    )
    return select(last.id).where(last.id == newest, same).correlate(FileRow, CurrentRow).exists()


def intend_to_restore(connection: Connection, version_id: int, targets: Sequence[str], now: datetime) -> list[Move]:
    """Open a move back for every original of the version that lies in the trash."""
    rows = connection.execute(
        movable().where(
            FileRow.version_id == version_id, FileRow.target.in_(targets), FileRow.place == Place.TRASH.value
        )
    )
    return [intend(connection, row, Place.GALLERY, now) for row in rows.all()]


def intend(
    connection: Connection, row: Any, to_place: Place, now: datetime, taken: Collection[str] = frozenset()
) -> Move:
    """Open a move for a row of `movable`.

    Args:
        to_place: gallery, trash, or purged: destroyed for good.
        taken: names in the trash that belong to nobody here; another one is chosen.
    """
    values = {
        "file_id": row.id,
        "from_place": row.place,
        "to_place": to_place.value,
        "from_path": row.path,
        "to_path": "",
        "decision_seq": row.decision_seq,
        "label_seq": row.label_seq,
        "opened_at": now,
    }
    move_id = new_id(connection, insert(MoveRow), values)
    target = ""
    if to_place is Place.GALLERY:
        target = name_of(connection, row.target, NamedPost(row.of_site, row.post_id, row.md5, row.ext))
    elif to_place is Place.TRASH:
        target = _free_name(move_id, row.ext, taken)
    connection.execute(update(MoveRow).where(MoveRow.id == move_id).values(to_path=target))
    return Move(move_id, row.id, row.path, target, to_place, row.sha256, row.size)


def _free_name(move_id: int, ext: str, taken: Collection[str]) -> str:
    again, path = 0, moved_path("trash", move_id, ext)
    while path.rpartition("/")[2] in taken:
        again += 1
        path = moved_path("trash", move_id, ext, again)
    return path


def carry(tree: FileStore, move: Move) -> str | None:
    """Move the file as intended, or destroy it when that is intended.

    Returns:
        Why it stays where it is, for people; None: it was moved.
    Raises:
        StorageError: a link stands in the place of a folder; nothing was moved.
        OSError: the disk refuses; nobody knows yet where the file is.
    """
    problem = _problem(tree, move)
    if problem is not None:
        return problem
    if move.to_place is Place.PURGED:
        tree.remove(move.source)
    else:
        tree.move(move.source, move.target)
    return None


def _problem(tree: FileStore, move: Move) -> str | None:
    try:
        check_path(move.target or move.source)
        facts = tree.facts(move.source)
        if facts is None:
            return f"{move.source}: is missing"
        if facts.size != move.size or tree.digest(move.source).sha256 != move.sha256:
            return f"{move.source}: is not the file that was stored; it stays where it is"
    except ObjectsUnreachable:
        raise
    except StorageError as error:
        return str(error)
    except OSError as error:
        if not is_unreadable(error):
            raise
        return f"{move.source}: cannot be read ({error.strerror}); it stays where it is"
    if move.target and tree.is_taken(move.target) and not is_half_done(tree, move):
        return f"{move.target}: is taken by another file; move it away and run again"
    return None


def is_half_done(tree: FileStore, move: Move) -> bool:
    """Whether a move by copying was killed when the copy was there, so that the target is this very file."""
    return not tree.renames and tree.is_taken(move.target) and tree.digest(move.target).sha256 == move.sha256


def close_move(connection: Connection, move: Move, outcome: str, now: datetime) -> None:
    """The move is done (the file's row follows), or cancelled (the row stays)."""
    connection.execute(update(MoveRow).where(MoveRow.id == move.id).values(outcome=outcome, closed_at=now))
    if outcome == "done":
        connection.execute(
            update(FileRow)
            .where(FileRow.id == move.file_id)
            .values(place=move.to_place.value, path=move.target or None, moved_at=now)
        )


def turned_back(connection: Connection, move: Move, now: datetime) -> Move | None:
    """Moves back of files that arrived in the trash while a person labelled them keep."""
    if move.to_place is not Place.TRASH or still_wanted(connection, move):
        return None
    row = connection.execute(movable().where(FileRow.id == move.file_id)).one_or_none()
    return None if row is None else intend(connection, row, Place.GALLERY, now)


def open_moves(connection: Connection) -> Iterator[Move]:
    """The intents that were never closed, oldest first; paths as they are stored, for they may be damaged."""
    rows = connection.execute(
        select(
            MoveRow.id,
            MoveRow.file_id,
            cast(MoveRow.from_path, LargeBinary).label("from_path"),
            cast(MoveRow.to_path, LargeBinary).label("to_path"),
            cast(FileRow.path, LargeBinary).label("path"),
            MoveRow.to_place,
            FileRow.sha256,
            FileRow.size,
        )
        .join(FileRow, FileRow.id == MoveRow.file_id)
        .where(MoveRow.outcome.is_(None))
        .order_by(MoveRow.id)
    ).all()
    for row in rows:
        source, target = (path.decode("utf-8", "surrogateescape") for path in (row.from_path, row.to_path))
        place = Place(row.to_place)
        lies_well = row.from_path == row.path and (_may_hold(Place.GALLERY, source) or _may_hold(Place.TRASH, source))
        sound = lies_well and _may_hold(place, target)
        yield Move(row.id, row.file_id, source, target, place, row.sha256, row.size, is_sound=sound)


def _may_hold(place: Place, path: str) -> bool:
    """Whether a file may have this path in a place; one that is destroyed has none."""
    if place is Place.PURGED:
        return path == ""
    try:
        check_path(path)
    except BadPath:
        return False
    return path.isascii() and path.isprintable() and path.startswith(f"{place.value}/")


def still_wanted(connection: Connection, move: Move) -> bool:
    """Whether an open move should be gone on with: to the trash while the effective decision asks for it, back always.

    A purge that was not carried out never is: whoever wants it asks again.
    """
    if move.to_place is not Place.TRASH:
        return move.to_place is Place.GALLERY
    of_file = select(DECISION).select_from(FileRow).where(FileRow.id == move.file_id)
    held = CURRENT.joined(of_file, CURRENT.of_row(FileRow), parts=("decision", "label"))
    return connection.execute(held).scalar() == "delete"


Writes = Callable[[Callable[[Connection], Any]], Awaitable[Any]]  # in the archive's own transaction, after its commit
OnDisk = Callable[[Callable[[], Any]], Awaitable[Any]]  # in a thread for files


@dataclass(frozen=True, slots=True)
class Mover:
    """Carries out intents, many at a time."""

    tree: FileStore
    write: Writes
    on_disk: OnDisk
    now: Callable[[], datetime]

    async def carry_out(self, moves: Sequence[Move]) -> Carried:
        """Move what was intended, and back what turns out to be wanted.

        Raises:
            StorageError: the disk refused one; it is ended by the next start, all others are ended now.
        """
        total, back = Carried(), False
        while moves:
            outcomes = await asyncio.gather(
                *(self.on_disk(lambda move=move: carry(self.tree, move)) for move in moves),  # type: ignore[misc]  # mypy cannot type a default
                return_exceptions=True,
            )
            ended = [
                (move, problem)
                for move, problem in zip(moves, outcomes, strict=True)
                if not isinstance(problem, BaseException)
            ]
            moves = await self.write(lambda c, ended=ended: _close(c, ended, self.now()))  # type: ignore[misc]  # mypy cannot type a default
            problems = tuple(problem for _move, problem in ended if problem is not None)
            done = len(ended) - len(problems)
            total += Carried(0 if back else done, done if back else 0, problems)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            back = True
        return total

    async def carry_all(self, ids: Sequence[int], intend_some: IntendSome) -> Carried:
        """Intend and carry out, a few at a time, so that little is open at any moment."""
        total = Carried()
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            moves = await self.write(lambda c, part=part: intend_some(c, part, self.now()))  # type: ignore[misc]  # mypy cannot type a default
            total += await self.carry_out(moves)
        return total


IntendSome = Callable[[Connection, Sequence[int], datetime], list[Move]]


def _close(connection: Connection, ended: Iterable[tuple[Move, str | None]], now: datetime) -> list[Move]:
    back = []
    for move, problem in ended:
        close_move(connection, move, "done" if problem is None else "cancelled", now)
        if problem is None and (returning := turned_back(connection, move, now)) is not None:
            back.append(returning)
    return back
