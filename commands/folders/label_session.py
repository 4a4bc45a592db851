"""Labelling in a terminal: a picture, what it may be, a line from the person; each label is on the disk at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from classifier.pictures.class_folders import ClassPicture
from classifier.recognition.label_order import meant
from classifier.recognition.labels import NOBODY
from commands.folders.label_desk import Question, new_class
from review.errors import BadClass
from storage.folders.label_file import LabelFile, PictureLabel

KEYS = (
    "Enter: the first proposal · 1-9: that one · part of a name: that class · +NAME: a new class · -: nobody · "
    ".: skip · <: undo · !: end"
)
_LISTED = 12  # names in one line


@dataclass(slots=True)
class LabelSession:
    """One sitting."""

    questions: Sequence[Question]
    names: list[str]  # of classes, known so far
    file: LabelFile
    ask: Callable[[str], str | None]  # shows a prompt and gives a line; None: there are no more
    show: Callable[[str], None]
    picture: Callable[[ClassPicture], None]  # shows it, where that can be done
    done: list[int] = field(default_factory=list)  # numbers of questions that were labelled, in that order

    def run(self) -> int:
        """Ask until all are answered or the person ends it; gives the number of labels that were written."""
        number, again = 0, True
        while number < len(self.questions):
            if again:
                self._show(number)
            line = self.ask(self._prompt(number))
            if line is None or line.strip() == "!":
                break
            number, again = self._answer(number, line.strip())
        return len(self.done)

    def _answer(self, number: int, line: str) -> tuple[int, bool]:
        """The number of the next question, and whether it is to be shown."""
        if line == ".":
            return number + 1, True
        if line == "<":
            return self._undo(number)
        label = self._label(number, line)
        if label is None:
            return number, False
        one = self.questions[number].picture
        self.file.put(PictureLabel(one.name, one.md5, label))
        if label not in self.names:
            self.names.append(label)
        self.done.append(number)
        return number + 1, True

    def _undo(self, number: int) -> tuple[int, bool]:
        if not self.done:
            self.show("nothing was labelled in this sitting yet")
            return number, False
        last = self.done.pop()
        one = self.questions[last].picture
        self.file.put(PictureLabel(one.name, one.md5, ""))
        self.show(f"taken back: {one.name}")
        return last, True

    def _label(self, number: int, line: str) -> str | None:
        """The label that a line means; None: it means none, which is said."""
        proposed = [name for name, _ in self.questions[number].proposed]
        if not line:
            if proposed:
                return proposed[0]
            self.show(KEYS)
            return None
        if line == "-":
            return NOBODY
        if line.startswith("+"):
            return self._new_name(line[1:].strip())
        if line.isdecimal() and len(line) == 1 and 1 <= int(line) <= len(proposed):
            return proposed[int(line) - 1]
        found = meant(line, self.names)
        if len(found) == 1:
            return found[0]
        if found:
            more = ", …" if len(found) > _LISTED else ""
            self.show(f"{line!r} may be {', '.join(found[:_LISTED])}{more}; type more of it")
        else:
            self.show(f"no class is called like {line!r}; +{line} makes it one ({KEYS})")
        return None

    def _new_name(self, typed: str) -> str | None:
        try:
            return new_class(typed)
        except BadClass as error:
            self.show(str(error))
            return None

    def _show(self, number: int) -> None:
        question = self.questions[number]
        self.show(f"[{number + 1} of {len(self.questions)}] {question.picture.path}")
        self.picture(question.picture)
        if question.proposed:
            self.show("  ".join(f"{at} {name} {share:.2f}" for at, (name, share) in enumerate(question.proposed, 1)))

    def _prompt(self, number: int) -> str:
        proposed = self.questions[number].proposed
        return f"{proposed[0][0]}? " if proposed else "class? "
