"""What the main process asks the training process for: `job.json`, and the names of the files beside it.

All settings travel, as the records they are on either side; a field that one side does not know is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from classifier.pictures.preprocessing import Preprocessing
from classifier.training.pipeline import Example, TargetSpec, TrainingPlan
from classifier.training.record_json import plain, record_from

JOB, PICTURES, PACKAGES = "job.json", "pictures.npy", "packages"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """One order to the training process."""

    examples: Sequence[Example]  # one a picture, in the order of the array in `PICTURES`
    specs: Sequence[TargetSpec]
    plan: TrainingPlan
    preprocessing: Preprocessing
    backbone: FirstWeights
    snapshot: Mapping[str, Any] = field(default_factory=dict)  # what the packages remember of it; plain values
    step: TrainingStep = TrainingStep.NETWORK


def write_job(folder: Path, job: TrainingJob) -> None:
    """Put a job into its folder.

    Raises:
        ValueError: a figure is no finite number.
    """
    (folder / JOB).write_text(json.dumps(plain(job), allow_nan=False))


def read_job(folder: Path) -> TrainingJob:
    """The job in a folder.

    Raises:
        OSError: there is none.
        ValueError: it is none that this version of the program writes; says which field and value.
    """
    return record_from(TrainingJob, json.loads((folder / JOB).read_bytes()), "job")
