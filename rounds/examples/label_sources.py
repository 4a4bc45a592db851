"""Evidence as testimony: who said what of each picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classifier.heads.noisy_labels import Said
from storage.evidence import Evidence


def testimony_of(evidence: Evidence) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """What is said of each row, and whether it may teach: not when a person was unsure."""
    said = np.where(evidence.tagged, Said.TAGGED, np.where(evidence.named, Said.OTHERS, Said.NOTHING)).astype(np.int8)
    labels = np.array(evidence.labels, dtype=object)
    said[labels == "keep"] = Said.KEEP
    said[labels == "delete"] = Said.DELETE
    return said, np.asarray(labels != "unsure", dtype=np.bool_)
