"""What the main process asks the compressing process for, and what lies beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray
from classifier.compression.settings import CompressionSettings, settings_of
from classifier.heads.training_set import TRAIN, VALIDATION
from classifier.pictures.preprocessing import Preprocessing
from classifier.training.job import read_job, write_job

PARENT = "parent.npz"
Kind = TypeVar("Kind", bound=CompressionSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionJob:
    """One order to the compressing process; the pictures lie in `training.job.PICTURES` beside it."""

    FILE: ClassVar[str] = "compression.json"
    how: str  # a key of `settings.WAYS`
    words: Sequence[str]  # KEY=VALUE
    tag: str  # of the target
    parent: Path  # folder of the package that is compressed
    parent_hash: str
    preprocessing: Preprocessing  # of the pictures
    weights: Path | None = None  # a local file with a student's first weights
    may_download: bool = False  # published ones; the user agreed to their size
    snapshot: Mapping[str, Any] = field(default_factory=dict)  # what the package remembers; plain values

    @property
    def settings(self) -> CompressionSettings:
        """What was asked for."""
        return settings_of(self.how, self.words)

    def asked(self, kind: type[Kind]) -> Kind:
        """What was asked for, of a job of that kind.

        Raises:
            ValueError: the job is of another kind.
        """
        settings = self.settings
        if not isinstance(settings, kind):
            raise ValueError(f"expected a job for {kind.__name__}, got one for {self.how}")
        return settings


@dataclass(frozen=True, slots=True, eq=False)
class ParentAnswers:
    """What the parent says of the pictures, row by row; n pictures."""

    vectors: npt.NDArray[np.float16]  # (n, d) its embeddings
    scores: FloatArray  # (n,) its probabilities of the pictures alone, 0..1
    labels: npt.NDArray[np.int8]  # (n,) what a person says: 1 shows the target, 0 does not, -1 nobody said
    split: npt.NDArray[np.int8]  # (n,) of `heads.training_set`

    @property
    def train(self) -> BoolArray:
        """Rows to learn from, (n,)."""
        return np.asarray(self.split == TRAIN)

    @property
    def validation(self) -> BoolArray:
        """Rows to choose by, (n,)."""
        return np.asarray(self.split == VALIDATION)


def write_compression_job(folder: Path, job: CompressionJob, answers: ParentAnswers) -> None:
    """Put a job into its folder."""
    write_job(folder, job)
    np.savez(
        folder / PARENT,
        allow_pickle=False,
        vectors=answers.vectors,
        scores=answers.scores,
        labels=answers.labels,
        split=answers.split,
    )


def read_compression_job(folder: Path) -> tuple[CompressionJob, ParentAnswers]:
    """The job in a folder.

    Raises:
        OSError: there is none. ValueError: it is none that this version of the program writes.
    """
    job = read_job(folder, CompressionJob)
    with np.load(folder / PARENT, allow_pickle=False) as arrays:
        return job, ParentAnswers(arrays["vectors"], arrays["scores"], arrays["labels"], arrays["split"])
