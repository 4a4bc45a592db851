"""The label source of each picture: a person, a tag of the target, tags of others, or nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classifier.heads.noisy_labels import LabelSource
from storage.evidence import Evidence


def noisy_labels_of(evidence: Evidence) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """Label source of each row, shape (n,) of `LabelSource`, and whether it may train: not when a person was unsure."""
    label_sources = np.where(
        evidence.tagged, LabelSource.TAGGED, np.where(evidence.named, LabelSource.OTHERS, LabelSource.NOTHING)
    ).astype(np.int8)
    labels = np.array(evidence.labels, dtype=object)
    label_sources[labels == "keep"] = LabelSource.KEEP
    label_sources[labels == "delete"] = LabelSource.DELETE
    return label_sources, np.asarray(labels != "unsure", dtype=np.bool_)
