"""What can go wrong in this room, and what the caller does about it.

RoundError
├── TooLittleToLearn   the gallery's tags are too few to train on: say what there is (exit code 2)
├── TooLittleToMeasure there are too few pictures of a kind to say anything: say how many (exit code 2)
├── LearningFailed     the training process failed or died: the active model, if any, stays as it was (exit code 10)
├── UnknownModel       no model of that name is registered: name one that is (exit code 2)
├── NameTaken          a name of targets for a recogniser, or the reverse: choose another (exit code 2)
├── TrainingBesides    another training lies where one is to begin: name another place, or go on with it (exit code 2)
├── ReportRefused      a file that is not ours is in a report's place: name another folder (exit code 2)
├── ReportNotWritten   the disk refuses a report: free space, or name another folder (exit code 7)
└── PicturesMissing    too many of the sampled pictures could not be downloaded: try again later (exit code 3)
"""

from __future__ import annotations

from collections.abc import Mapping

from storage.records import RunError


class RoundError(RunError):
    """The family of this room."""


class TooLittleToLearn(RoundError):
    """The sampled posts do not suffice for some target."""

    exit_code = 2

    def __init__(self, message: str, target: str = "", counts: Mapping[str, int] | None = None) -> None:
        super().__init__(message)
        self.target, self.counts = target, dict(counts or {})


class TooLittleToMeasure(RoundError):
    """There are hardly any pictures that show the target, or hardly any that do not."""

    exit_code = 2


class LearningFailed(RoundError):
    """The training process ended without a model."""

    exit_code = 10


class PicturesMissing(RoundError):
    """Too many pictures of the sample could not be fetched or decoded."""

    exit_code = 3


class UnknownModel(RoundError):
    """No model of that name is registered."""

    exit_code = 2


class NameTaken(RoundError):
    """A name is a target's or a recogniser's, never both."""

    exit_code = 2


class TrainingBesides(RoundError):
    """A training of other settings or pictures lies where one is to begin; nothing of it was touched."""

    exit_code = 2


class ReportRefused(RoundError):
    """A report would replace a file that is not ours."""

    exit_code = 2


class ReportNotWritten(RoundError):
    """The disk refuses a report."""

    exit_code = 7
