"""A folder of pictures of many classes, with labels in up to three levels: work, character, style.

    DIR/mona/1.jpg                                   character
    DIR/genshin_impact/mona/1.jpg                    work and character: a folder of several folders, none of them
                                                     a year or a number, and no picture beside these
    DIR/mona/style=realistic/1.jpg                   style, wherever the folder stands
    DIR/nobody/1.jpg                                 none of the others; also called other, none, negative

Read like any folder with one folder a class (`classifier.pictures.class_folders`): nothing in it is changed, and
`labels.csv` may say which pictures are one set. Labels by hand (`classifier.pictures.hand_labels`) beat folders.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.errors import ClassFolderError
from classifier.pictures.class_folders import (
    TWO_CLASSES,
    ClassPicture,
    LeftOut,
    files_of,
    flat_files,
    label_of,
    left_out_lines,
    read_pictures,
    top_folders,
)
from classifier.pictures.hand_labels import NONE, HandLabels
from classifier.recognition.labels import NOBODY, STYLE, Label, means_nobody, wrong_with_class

TOO_FEW = "in a class of too few pictures"
_NAMED_AT_MOST = 8  # classes in one line for people


@dataclass(frozen=True, slots=True)
class LabelledFolder:
    """What a folder holds."""

    folder: Path
    pictures: tuple[ClassPicture, ...]  # by name; `label` is the class's name
    labels: tuple[Label, ...]  # of each
    left_out: tuple[LeftOut, ...]  # by name
    said: tuple[str, ...] = ()  # of labels by hand, for people

    @property
    def classes(self) -> Mapping[str, int]:
        """Pictures by the class's name, in alphabetical order, nobody last."""
        counts = Counter(label.name for label in self.labels)
        return {name: counts[name] for name in sorted(counts, key=lambda name: (name == NOBODY, name))}

    @property
    def styles(self) -> Mapping[str, int]:
        """Pictures by style; those that have none are not counted."""
        return dict(sorted(Counter(label.style for label in self.labels if label.style).items()))

    def lines(self) -> list[str]:
        """What is in it, and what is left out, for people."""
        classes = self.classes
        few = sorted(classes, key=lambda name: classes[name])
        shown = ", ".join(f"{name} {classes[name]}" for name in list(classes)[:_NAMED_AT_MOST])
        more = ", …" if len(classes) > _NAMED_AT_MOST else ""
        rarest = f"; rarest: {few[0]} {classes[few[0]]}" if more else ""
        noun = "class" if len(classes) == 1 else "classes"
        which = f" ({shown}{more}{rarest})" if classes else ""
        lines = [f"{self.folder}: {len(self.pictures)} pictures of {len(classes)} {noun}{which}"]
        if self.styles:
            lines.append("styles: " + ", ".join(f"{name} {count}" for name, count in self.styles.items()))
        return [*lines, *self.said, *left_out_lines(self.left_out)]

    def without_rare(self, least: int) -> LabelledFolder:
        """Without the classes that have fewer pictures than so many; those are left out."""
        counts = self.classes
        kept = [row for row, label in enumerate(self.labels) if counts[label.name] >= least]
        rare = [LeftOut(one.name, TOO_FEW) for one in self.pictures if counts[one.label] < least]
        return replace(
            self,
            pictures=tuple(self.pictures[row] for row in kept),
            labels=tuple(self.labels[row] for row in kept),
            left_out=tuple(sorted([*self.left_out, *rare], key=lambda one: one.name)),
        )


def labelled_folder(
    folder: Path, *, by_hand: HandLabels = NONE, report: Callable[[float, str], None] = lambda share, words: None
) -> LabelledFolder:
    """Read a folder of classes; each file is read once.

    Args:
        folder: DIR of DIR/CLASS/…/picture.jpg; with labels by hand pictures may lie in it as they like.
        by_hand: what a person said of single pictures, which counts more than a folder.
        report: share of the files that is read, 0..1, and words.

    Raises:
        ClassFolderError: no such folder, no folders, too many files, or a folder whose name can be no class.
    """
    tops, left = top_folders(folder, needed=not by_hand.table)
    by_top: dict[Path, list[Path]] = defaultdict(list)
    for top, file in files_of(folder, tops, left):
        by_top[_without_style(top, file, folder)].append(file)
    said = {file: label for top, files in by_top.items() for file, label in _labels(top, files, folder).items()}
    flat = flat_files(folder, left) if by_hand.table else []
    files = [*((file, label.name) for file, label in said.items()), *((file, "") for file in flat)]
    read = read_pictures(folder, files, left, report)
    labels, pictures = {}, []
    for one, label in by_hand.split(read, left):
        labels[one.path] = _label_by_hand(label, said.get(one.path)) if label else said[one.path]
        pictures.append(replace(one, label=labels[one.path].name))
    _check_names(folder, labels.values() if by_hand.alone else [*said.values(), *labels.values()])
    found = _without_contradictions(folder, pictures, labels, left)
    return replace(found, said=tuple(by_hand.line(found.pictures)))


def _label_by_hand(label: str, folder: Label | None) -> Label:
    """What a person said; the style is still the folder's."""
    work, _, character = label.rpartition("/")
    style = folder.style if folder is not None else ""
    if not work and means_nobody(character):
        return Label(NOBODY, style=style)
    return Label(character, work, style)


def _without_style(top: Path, file: Path, folder: Path) -> Path:
    """The folder that says the class of a file: its first one below `folder` that says no style."""
    for part in file.relative_to(folder).parts[:-1]:
        if not part.lower().startswith(STYLE):
            return folder / part
    return top


def _labels(top: Path, files: Sequence[Path], folder: Path) -> dict[Path, Label]:
    """The label of each file of a class's folder."""
    ways = {file: _way(file, folder) for file in files}
    inner = {way[1] if len(way) > 1 else "" for way in ways.values()}
    works = len(inner) > 1 and "" not in inner and not any(name.isdigit() for name in inner)
    nobody = means_nobody(top.name)
    labels = {}
    for file, way in ways.items():
        character, work = label_of(way[0]), ""
        if nobody:
            character = NOBODY
        elif works:
            character, work = label_of(way[1]), character
        labels[file] = Label(character, work, _style(file, folder))
    return labels


def _way(file: Path, folder: Path) -> tuple[str, ...]:
    """The folders on the way to a file, without those that say a style."""
    return tuple(part for part in file.relative_to(folder).parts[:-1] if not part.lower().startswith(STYLE)) or ("",)


def _style(file: Path, folder: Path) -> str:
    for part in reversed(file.relative_to(folder).parts[:-1]):
        if part.lower().startswith(STYLE):
            return label_of(part[len(STYLE) :])
    return ""


def _check_names(folder: Path, labels: Iterable[Label]) -> None:
    names = {label.name for label in labels}
    for name in sorted(names):
        if why := wrong_with_class(name):
            raise ClassFolderError(f"a folder of {folder} cannot be a class, {name!r}: {why}; rename it")


def _without_contradictions(
    folder: Path, found: Sequence[ClassPicture], labels: Mapping[Path, Label], left: Sequence[LeftOut]
) -> LabelledFolder:
    """Without files that lie in several classes at once."""
    of_file: dict[str, set[str]] = defaultdict(set)
    for picture in found:
        of_file[picture.md5].add(picture.label)
    good = sorted((one for one in found if len(of_file[one.md5]) == 1), key=lambda one: one.name)
    doubled = [LeftOut(one.name, TWO_CLASSES) for one in found if len(of_file[one.md5]) > 1]
    everything = tuple(sorted([*left, *doubled], key=lambda one: one.name))
    return LabelledFolder(folder, tuple(good), tuple(labels[one.path] for one in good), everything)
