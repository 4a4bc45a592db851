"""Labelling on a page: the questions of a sitting, and labels that are on the disk when they are given."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from classifier.errors import PictureFault
from classifier.pictures.class_folders import ClassPicture
from classifier.pictures.thumbnails import thumbnail
from classifier.recognition.label_order import meant
from classifier.recognition.labels import wrong_with_class
from review.errors import BadClass, NoSuchPicture
from review.pictures import content_type
from review.service import LabelMatches, LabelProgress, LabelQuestion
from storage.folders.label_file import LabelFile, PictureLabel

_SHOWN_SIDE = 1024  # pixels, of a picture in a format that no browser shows
_MATCHES = 9  # names at once: each has a key


@dataclass(frozen=True, slots=True)
class Question:
    """A picture with what it may be, the likeliest first."""

    picture: ClassPicture
    proposed: tuple[tuple[str, float], ...] = ()  # name, probability 0..1


def new_class(typed: str) -> str:
    """The class's name that a typed text makes: lower case, underscores for blanks.

    Raises:
        BadClass: it cannot be one; says why.
    """
    name = "_".join(typed.lower().split())
    if why := wrong_with_class(name):
        raise BadClass(f"{typed!r} cannot be a class: {why}")
    return name


class LabelDesk:
    """A `LabelService` over a table of labels."""

    def __init__(self, questions: Sequence[Question], names: Sequence[str], file: LabelFile) -> None:
        """Begin a sitting.

        Args:
            questions: in the order of asking.
            names: of classes that are known without a label, such as a recogniser's.
            file: open.
        """
        self._questions, self._file = questions, file
        self._names = list(names)
        self._counts = Counter(one.label for one in file.labels.values())
        self._labels = [file.of(one.picture.name, one.picture.md5) for one in questions]
        self._lock = threading.Lock()

    @property
    def written(self) -> int:
        """Pictures of this sitting that have a label now."""
        return sum(bool(label) for label in self._labels)

    def progress(self) -> LabelProgress:
        """How far the folder is; classes in alphabetical order."""
        with self._lock:
            open_ones = [number for number, label in enumerate(self._labels) if not label]
            names = sorted({*self._names, *(name for name, count in self._counts.items() if count)})
            classes = {name: self._counts[name] for name in names}
        return LabelProgress(len(self._labels), len(open_ones), next(iter(open_ones), None), classes)

    def question(self, number: int) -> LabelQuestion:
        """One picture.

        Raises:
            NoSuchPicture: there is none of this number.
        """
        one = self._question(number)
        with self._lock:
            after = range(number + 1, len(self._labels))
            next_open = next((later for later in after if not self._labels[later]), None)
            label = self._labels[number]
        return LabelQuestion(number, one.picture.name, one.picture.md5, one.proposed, label, next_open)

    def matches(self, typed: str) -> LabelMatches:
        """Which classes a part of a name may mean; with a plus sign in front, only the new one.

        Raises:
            BadClass: a new class was asked for, and the text cannot be one.
        """
        wanted = typed.startswith("+")
        typed = typed.removeprefix("+").strip()
        names = list(self.progress().classes)
        found = [] if wanted or not typed else meant(typed, names)
        try:
            new = new_class(typed) if typed else None
        except BadClass:
            if wanted or not found:
                raise
            new = None
        if wanted and new in names:
            return LabelMatches([new], None, wanted)
        return LabelMatches(found[:_MATCHES], None if new in names else new, wanted)

    def picture(self, number: int) -> bytes | None:
        """A picture's bytes, as a browser can show them; None: it cannot be shown, or has become another one."""
        picture = self._question(number).picture
        try:
            content = picture.read()
        except (OSError, PictureFault):
            return None
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != picture.md5:
            return None
        return content if content_type(content) else thumbnail(content, _SHOWN_SIDE)

    def give(self, number: int, label: str, seen: str) -> bool:
        """Write a label, or with "" take one back; it is on the disk then. False: it was not the one seen, see there.

        Raises:
            NoSuchPicture: there is none of this number.
            BadClass: the label cannot be a class.
            StorageError: the disk refuses; nothing was written.
        """
        picture = self._question(number).picture
        if label and (why := wrong_with_class(label)):
            raise BadClass(f"{label!r} cannot be a class: {why}")
        with self._lock:
            now = self._labels[number]
            if label == now:  # sent twice, or said by somebody else too
                return True
            if seen != now:
                return False
            self._file.put(PictureLabel(picture.name, picture.md5, label))
            self._labels[number] = label
            self._counts.subtract([now] if now else [])
            self._counts.update([label] if label else [])
            return True

    def _question(self, number: int) -> Question:
        if not 0 <= number < len(self._questions):
            raise NoSuchPicture("no picture has this number")
        return self._questions[number]
