"""Tags that a cross-fitted head contradicts: no figure of a model may rest on them.

On a site whose tags lack names, many of the pictures that a good model "keeps wrongly" show the target: nobody tagged
it. Counted as errors they penalise the model that finds more; counted as hits by the judged model's own score they
would flatter it. So a cross-fitted head decides, which never saw the picture or its relatives; the questions of `crawl
review` come from the same head. What it contradicts is set apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classifier.heads.opinions import contradicted
from rounds.examples.label_sources import noisy_labels_of
from rounds.questions.second_opinion import second_opinion
from storage.evidence import Evidence


def doubted_tags(evidence: Evidence, *, seed: int = 0) -> npt.NDArray[np.bool_]:
    """Which rows' tags are more likely wrong than right, shape (n,); a labelled picture is never in doubt.

    Args:
        evidence: what the gallery knows of the target.
        seed: of the dealing into folds.
    """
    label_sources, _ = noisy_labels_of(evidence)
    _, belief = second_opinion(evidence, None, seed)
    return contradicted(label_sources, belief)
