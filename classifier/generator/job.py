"""What a generator's training process is asked for: one JSON file in a work folder, beside the pictures.

FOLDER/job.json      settings, classes, and who the pictures are
FOLDER/pictures.npy  (n, 96, 96, 3), uint8, RGB
FOLDER/checkpoints/  logs/  sheets/   while it trains
FOLDER/package/      at the end
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from classifier.arrays import IntArray
from classifier.errors import TooFewExamples
from classifier.generator.batches import TrainingPictures
from classifier.generator.package import LearnedFrom
from classifier.generator.settings import EXPERIMENTS, GeneratorSettings
from classifier.pictures.dhash import hash_array
from classifier.pictures.preprocessing import Pixels
from classifier.recipes.settings import from_words
from classifier.training.splits import Identity, Shares, group, split

JOB, PICTURES, CHECKPOINTS, LOGS, SHEETS, PACKAGE = (
    "job.json",
    "pictures.npy",
    "checkpoints",
    "logs",
    "sheets",
    "package",
)
LEAST_PICTURES = 50  # fewer are learned by heart


@dataclass(frozen=True, slots=True)
class LearnedPicture:
    """One row of the pictures."""

    md5: str
    label: str  # its class; "" where the folder has none
    hash: int  # by `classifier.pictures.dhash`
    group: str = ""  # pictures of one group are one set; "": none


@dataclass(frozen=True, slots=True)
class GeneratorJob:
    """A training."""

    name: str
    source: str  # name of the folder that the pictures come from; not its whole path: packages travel
    experiment: str
    words: tuple[str, ...]  # of every setting
    pictures: tuple[LearnedPicture, ...]  # in the order of the rows

    @property
    def settings(self) -> GeneratorSettings:
        return from_words(EXPERIMENTS[self.experiment], self.words)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, in their order."""
        return tuple(sorted({one.label for one in self.pictures}))

    @property
    def labels(self) -> IntArray:
        """The number of each picture's class, (n,)."""
        number = {name: at for at, name in enumerate(self.names)}
        return np.array([number[one.label] for one in self.pictures], dtype=np.int64)

    def text(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def of(cls, text: str) -> GeneratorJob:
        """The job that `text` described."""
        values = json.loads(text)
        pictures = tuple(LearnedPicture(**one) for one in values.pop("pictures"))
        return cls(**{**values, "words": tuple(values["words"]), "pictures": pictures})


def check_enough(name: str, count: int) -> None:
    """Check that there are pictures enough for a generator of that name.

    Raises:
        TooFewExamples: there are too few.
    """
    if count < LEAST_PICTURES:
        advice = "a generator learns fewer by heart; add pictures to the folder"
        raise TooFewExamples(name, {"pictures": count}, {"pictures": LEAST_PICTURES}, advice)


def training_pictures(job: GeneratorJob, pictures: Pixels) -> TrainingPictures:
    """The job's pictures in their splits; near-duplicates, sets and equal files share one."""
    settings, labels = job.settings, job.labels
    identities = [
        Identity(post_id=row, md5=one.md5, picture_hash=one.hash, set_key=one.group)
        for row, one in enumerate(job.pictures, start=1)
    ]
    shares = Shares(1 - settings.validation_share - settings.test_share, settings.validation_share, settings.test_share)
    dealt = split(group(identities), labels.tolist(), shares=shares, seed=settings.seed)
    return TrainingPictures(pictures, labels, job.names, dealt.train, dealt.validation, dealt.test)


def learned_from(job: GeneratorJob, data: TrainingPictures) -> LearnedFrom:
    """The pictures that decided anything of the generator: those of training and of validation."""
    rows = [job.pictures[row] for row in sorted([*data.train.tolist(), *data.validation.tolist()])]
    return LearnedFrom(tuple(one.md5 for one in rows), hash_array([one.hash for one in rows]))


def class_counts(job: GeneratorJob) -> dict[str, int]:
    """Pictures by class."""
    return dict(sorted(Counter(one.label for one in job.pictures).items()))
