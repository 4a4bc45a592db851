"""What the main process asks the training process for: one JSON file, and the names of the files beside it.

All settings travel, as the records they are on either side; a field that one side does not know is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from classifier.pictures.preprocessing import Preprocessing
from classifier.training.pipeline import Example, TargetSpec, TrainingPlan
from classifier.training.record_json import plain, record_from
from classifier.training.splits import Identity

PICTURES, PACKAGES = "pictures.npy", "packages"
TAGGER_VECTORS = "tagger.npy"  # (n, k) float16, not-a-number where the user's tagger never looked


class Job(Protocol):
    """An order to the training process: a frozen record that knows the name of its file."""

    FILE: ClassVar[str]


AnyJob = TypeVar("AnyJob", bound=Job)


class TrainingStep(StrEnum):
    """What a training process makes of the pictures."""

    FIRST = "first"  # heads on features that learn nothing here: seconds
    NETWORK = "network"  # the network itself, and heads on it: minutes


@dataclass(frozen=True, slots=True)
class FirstWeights:
    """Which network is trained, and where its weights come from when no earlier network brings them."""

    name: str  # of the backbone
    weights: Path | None = None  # a local file
    may_download: bool = False  # published weights; the user agreed to their size


@dataclass(frozen=True, slots=True)
class StageOrder:
    """One stage of a recipe; its pictures lie in the array `stage_file(number)`, those that show it first."""

    name: str
    positives: int  # how many of them show it
    identities: Sequence[Identity]  # one a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeOrder:
    """What a recipe is asked for, in addition; its name is the backbone's."""

    settings: Sequence[str] = ()  # every setting as a word, KEY=VALUE
    stages: Sequence[StageOrder] = ()  # before the training itself
    checkpoints: Path | None = None  # a folder from which an interrupted training goes on
    logs: Path | None = None  # for TensorBoard


def stage_file(number: int) -> str:
    """Name of the array with a stage's pictures; numbers begin with 0."""
    return f"stage-{number}.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """One order to the training process: models of targets."""

    FILE: ClassVar[str] = "job.json"
    examples: Sequence[Example]  # one a picture, in the order of the array in `PICTURES`
    specs: Sequence[TargetSpec]
    plan: TrainingPlan
    preprocessing: Preprocessing
    backbone: FirstWeights
    snapshot: Mapping[str, Any] = field(default_factory=dict)  # what the packages remember of it; plain values
    step: TrainingStep = TrainingStep.NETWORK
    recipe: RecipeOrder | None = None  # where the network is a recipe's
    tagger_network: str = ""  # whose vectors of the pictures lie in `TAGGER_VECTORS`; "": nobody's


def write_job(folder: Path, job: Job) -> None:
    """Put a job into its folder.

    Raises:
        ValueError: a figure is no finite number.
    """
    (folder / job.FILE).write_text(json.dumps(plain(job), allow_nan=False))


def read_job(folder: Path, kind: type[AnyJob]) -> AnyJob:
    """The job of that kind in a folder.

    Raises:
        OSError: there is none.
        ValueError: it is none that this version of the program writes; says which field and value.
    """
    return record_from(kind, json.loads((folder / kind.FILE).read_bytes()), "job")
