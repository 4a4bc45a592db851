"""A folder with one folder a class: what a person's own pictures show, by that person's word.

`crawl train --from` learns from such a folder and `crawl evaluate --on` measures on one. Nothing in it is ever
written, renamed or moved. Pictures may lie in folders below their class's; hidden files are nobody's.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.errors import ClassFolderError, PictureFault
from classifier.pictures.preprocessing import DEFAULT_LIMITS, sniff
from system.regular_files import LEADS_OUT, UnsafeFile, leads_out, open_regular, read_regular

if TYPE_CHECKING:
    from classifier.pictures.hand_labels import HandLabels

TABLE = "labels.csv"  # optional, in the folder: columns path and group; pictures of one group are one set
NO_PICTURE, UNREADABLE, NO_CLASS, TWO_CLASSES = "no picture", "cannot be read", "in no class folder", "in two classes"
NO_TABLE, FOLDER_LINK = "no table in UTF-8", "a link to a folder"
_LINK = LEADS_OUT.removeprefix("is ")
MOST_FILES = 1_000_000  # below the folder, all of them looked at by name
_MOST_TABLE = 64 * 1024 * 1024  # bytes of the table
_MOST_OF_ANYTHING = 2**63  # bytes; of what is no picture only the head is read
_HEAD = 512  # bytes that tell a picture from anything else
_WITHOUT_NAME = frozenset({"other", "others", "negative", "negatives"})
_QUALIFIERS = re.compile(r"(?<=.)(?:_\([^()]*\))+$")
_NAMED_AT_MOST = 5  # files in one line for people


@dataclass(frozen=True, slots=True)
class ClassPicture:
    """One picture file."""

    path: Path
    name: str  # path below the folder, with slashes
    label: str  # its class as a tag: mona_(genshin_impact)
    shows: bool  # whether that class means the target
    size: int  # bytes of the file when it was listed
    md5: str  # of the file
    group: str  # of the table; "" where it has none

    def read(self) -> bytes:
        """Its content.

        Raises:
            PictureFault: it is no picture any more.
            UnsafeFile, OSError: as `read_class_file`.
        """
        content = read_class_file(self.path, self.path.parents[self.name.count("/")])
        if content is None:
            raise PictureFault("unsupported", f"{self.name} was changed since it was listed")
        return content


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One file that is neither trained nor measured on."""

    name: str  # path below the folder, with slashes
    why: str  # one of the words above, or what it is: "a pipe, not a regular file"


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """What a folder holds, seen from one target."""

    folder: Path
    meant: tuple[str, ...]  # labels that mean the target
    classes: Mapping[str, int]  # usable pictures by label
    pictures: tuple[ClassPicture, ...]  # by name
    left_out: tuple[LeftOut, ...]  # by name

    def lines(self) -> list[str]:
        """What is in it and what is left out, for people."""
        shown = sum(count for label, count in self.classes.items() if label in self.meant)
        others = len(self.pictures) - shown
        found = f"{self.folder}: {shown} pictures in {', '.join(self.meant)}, {others} in "
        several = sum(label not in self.meant for label in self.classes)
        return [found + f"{several} other class{'' if several == 1 else 'es'}", *left_out_lines(self.left_out)]


def class_pictures(
    folder: Path,
    words: Sequence[str],
    *,
    by_hand: HandLabels | None = None,
    report: Callable[[float, str], None] = lambda share, words: None,
    most_files: int = MOST_FILES,
) -> ClassFolder:
    """Every picture of a folder with one folder a class; reads each file once.

    Args:
        folder: DIR of DIR/CLASS/…/picture.jpg.
        words: what the target is called, the most usual first: its name, its tag, its variants.
        by_hand: what a person said of single pictures, which counts more than a folder.
        report: share of the files that is read, 0..1, and words.
        most_files: that it may hold.

    Raises:
        ClassFolderError: no such folder, no folders, too many files, or none that means the target; names the nearest.
    """
    folders, left = top_folders(folder, needed=by_hand is None)
    labels = {path: label_of(path.name) for path in folders}
    files = [(file, labels[top]) for top, file in files_of(folder, folders, left, most_files)]
    if by_hand is None:
        meant = meaning(folder, sorted(set(labels.values())), words)
        read = read_pictures(folder, files, left, report)
    else:
        files += [(file, "") for file in flat_files(folder, left)]
        split = by_hand.split(read_pictures(folder, files, left, report), left)
        read = [replace(one, label=character_of(label) or one.label) for one, label in split]
        meant = meaning(folder, sorted({one.label for one in read}), words)
    return _without_contradictions(folder, meant, [replace(one, shows=one.label in meant) for one in read], left)


def files_of(
    folder: Path, tops: Sequence[Path], left: list[LeftOut], most_files: int = MOST_FILES
) -> list[tuple[Path, Path]]:
    """Every file below the class folders, each with its class folder before it.

    Raises:
        ClassFolderError: there are too many.
    """
    files = list(islice(((top, file) for top in tops for file in files_below(top, folder, left)), most_files + 1))
    if len(files) > most_files:
        raise ClassFolderError(f"{folder} has more than {most_files} files; name a smaller folder")
    return files


def read_pictures(
    folder: Path, files: Sequence[tuple[Path, str]], left: list[LeftOut], report: Callable[[float, str], None]
) -> list[ClassPicture]:
    """The pictures among files, each with its label; what is none is added to `left`. Reads each file once."""
    groups = _groups(folder / TABLE, left)
    found: list[ClassPicture] = []
    for number, (file, label) in enumerate(files, start=1):
        name = file.relative_to(folder).as_posix()
        try:
            content = read_class_file(file, folder)
        except OSError as error:
            left.append(LeftOut(name, why_not(error)))
            continue
        if content is None:
            left.append(LeftOut(name, NO_PICTURE))
            continue
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        found.append(ClassPicture(file, name, label, True, len(content), md5, groups.get(name, "")))
        report(number / len(files), f"{number} of {len(files)} files")
    return found


def read_class_file(file: Path, folder: Path) -> bytes | None:
    """The content of a picture file; None when it is no picture by its first bytes.

    Raises:
        UnsafeFile: it is no regular file, larger than any picture that is decoded, or a link out of the folder.
        OSError: it cannot be read.
    """
    most = DEFAULT_LIMITS.max_bytes
    with open_regular(file, _MOST_OF_ANYTHING, within=folder) as opened:
        if sniff(opened.read(_HEAD) or b"") is None:
            return None
    return read_regular(file, most, within=folder).content


def why_not(error: OSError | PictureFault) -> str:
    """Why a file is left out, for `LeftOut`."""
    if isinstance(error, PictureFault):
        return error.reason
    return error.why.removeprefix("is ") if isinstance(error, UnsafeFile) else UNREADABLE


def label_of(name: str) -> str:
    """A folder's name as a tag: lower case, underscores for blanks."""
    return re.sub(r"\s+", "_", name.strip()).lower()


def character_of(label: str) -> str:
    """The character of a label by hand, which may have a work in front: `game/mona`."""
    return label_of(label.rpartition("/")[2])


def flat(name: str) -> str:
    """A name without what file systems and people leave out: `Mona (Genshin Impact)` and the tag become equal."""
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def nameless(label: str) -> bool:
    """Whether a class only says what its pictures do not show: other, negative, not_mona."""
    return flat(label) in _WITHOUT_NAME or flat(label).startswith("not_")


def meaning(folder: Path, labels: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """Which labels mean the target: named like it, its tag or a variant, else the one that is so without its series.

    Args:
        folder: for the message.
        labels: of the class folders.
        words: what the target is called, the most usual first.

    Raises:
        ClassFolderError: none, or several that only share the name without the series.
    """
    named = {flat(word) for word in words}
    exact = tuple(label for label in labels if flat(label) in named and not nameless(label))
    if exact:
        return exact
    of_a_series = tuple(label for label in labels if flat(_QUALIFIERS.sub("", label)) in named)
    if len(of_a_series) == 1:
        return of_a_series
    there = ", ".join(labels)
    if of_a_series:
        raise ClassFolderError(
            f"several folders of {folder} may mean {words[0]!r}: {', '.join(of_a_series)}; give the whole name"
        )
    forms = {_QUALIFIERS.sub("", label): label for label in labels} | {label: label for label in labels}
    near = difflib.get_close_matches(words[0], forms, n=1) or [one for one in labels if words[0] in one]
    hint = f"did you mean {forms[near[0]]!r}? It" if near else "it"
    raise ClassFolderError(f"no folder of {folder} is called {words[0]!r}; {hint} has {there}")


def left_out_lines(left_out: Sequence[LeftOut]) -> list[str]:
    """How many files are left out for which reason, and some of their names."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in left_out:
        by_reason[one.why].append(one.name)
    return [
        f"left out, {why}: {len(names)} file{'' if len(names) == 1 else 's'} ({', '.join(names[:_NAMED_AT_MOST])}"
        + (", …)" if len(names) > _NAMED_AT_MOST else ")")
        for why, names in sorted(by_reason.items())
    ]


def top_folders(folder: Path, *, needed: bool = True) -> tuple[list[Path], list[LeftOut]]:
    """The class folders by name; and what else lies beside them.

    Raises:
        ClassFolderError: it cannot be read, or has no folders though they are needed.
    """
    found: list[Path] = []
    left: list[LeftOut] = []
    try:
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.name == TABLE:
                continue
            if not path.is_dir():
                left.append(LeftOut(path.name, NO_CLASS))
            elif path.is_symlink() and leads_out(path, folder):
                left.append(LeftOut(path.name, _LINK))
            else:
                found.append(path)
    except OSError as error:
        raise ClassFolderError(f"cannot read the folder {folder}: {error.strerror}") from error
    if not found and needed:
        links = [one.name for one in left if one.why == _LINK]
        hint = f"; {links[0]} {LEADS_OUT}, and such links are not followed" if links else ""
        flat = any(one.why == NO_CLASS for one in left)
        hint += f"; or name its pictures one by one: crawl label {folder}" if flat else ""
        raise ClassFolderError(f"{folder} has no folders; expected one a class: {folder}/mona/1.jpg{hint}")
    return found, left


def flat_files(folder: Path, left: list[LeftOut]) -> list[Path]:
    """The files beside the class folders, which labels by hand may speak of; they are no longer left out."""
    flat = [one for one in left if one.why == NO_CLASS]
    left[:] = [one for one in left if one.why != NO_CLASS]
    return [folder / one.name for one in flat]


def files_below(top: Path, folder: Path, left: list[LeftOut]) -> Iterator[Path]:
    """Every file below a class's folder, by path; links to folders are not followed, they may go round in circles."""

    def leave(path: Path, why: str) -> None:
        left.append(LeftOut(path.relative_to(folder).as_posix(), why))

    for at, inner, names in os.walk(top, onerror=lambda error: leave(Path(error.filename), UNREADABLE)):
        shown = sorted(name for name in inner if not name.startswith("."))
        for link in (Path(at, name) for name in shown if Path(at, name).is_symlink()):
            leave(link, FOLDER_LINK)
        inner[:] = shown
        yield from (Path(at, name) for name in sorted(names) if not name.startswith("."))


def _groups(table: Path, left: list[LeftOut]) -> dict[str, str]:
    """Which set each file is of, by its name below the folder; an unreadable table is left out, and reported."""
    try:
        text = read_regular(table, _MOST_TABLE, within=table.parent).content.decode("utf-8-sig")
        rows = [(row.get("path"), row.get("group")) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except FileNotFoundError:
        return {}
    except OSError as error:
        left.append(LeftOut(TABLE, why_not(error)))
        return {}
    except (UnicodeDecodeError, csv.Error):
        left.append(LeftOut(TABLE, NO_TABLE))
        return {}
    return {path: group for path, group in rows if path and group}


def _without_contradictions(
    folder: Path, meant: tuple[str, ...], found: Sequence[ClassPicture], left: Sequence[LeftOut]
) -> ClassFolder:
    """Without files that lie in several classes at once, unless all of those mean the target."""
    labels: dict[str, set[str]] = defaultdict(set)
    for picture in found:
        labels[picture.md5].add("" if picture.shows else picture.label)
    pictures = tuple(picture for picture in found if len(labels[picture.md5]) == 1)
    doubled = [LeftOut(picture.name, TWO_CLASSES) for picture in found if len(labels[picture.md5]) > 1]
    counts: dict[str, int] = defaultdict(int)
    for picture in pictures:
        counts[picture.label] += 1
    everything = tuple(sorted([*left, *doubled], key=lambda one: one.name))
    return ClassFolder(folder, meant, dict(counts), tuple(sorted(pictures, key=lambda one: one.name)), everything)
