"""How much of the gallery shows the target: what figures on other pictures are converted to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from classifier.metrics.curves import ScoredPictures
from classifier.metrics.quality import Estimate, wilson
from rounds.evaluation.subject import GalleryKnowledge
from rounds.examples.held_out import HeldOut, believed_share
from rounds.questions.estimate import Estimates, estimates
from storage.plurals import counted

_ENOUGH_ANSWERS = 50  # to the random sample; with fewer the prevalence is estimated instead
_LEAST_SHARE = 1e-4  # assumed at least, of pictures that show it and of others


@dataclass(frozen=True, slots=True)
class Prevalence:
    """How much of the gallery shows the target."""

    share: Estimate
    source: str  # for people


def gallery_estimates(known: GalleryKnowledge) -> Estimates:
    """Current precision and recall of the gallery, by tags, labels and scores together, from the random sample."""
    return Estimates() if known.rule is None else estimates(known.evidence, known.rule, known.sample_rows())


def prevalence_of(held: HeldOut, estimated: Estimates) -> Prevalence | None:
    """How much of the gallery shows the target: measured by the random sample where that says enough, else estimated.

    None: nobody has answered the random sample, and the model was trained on every picture.
    """
    share = estimated.share
    if estimated.answers >= _ENOUGH_ANSWERS and share.high - share.low <= share.value:
        return Prevalence(
            _possible(share), f"measured, from {counted(estimated.answers, 'answer')} to the random sample"
        )
    believed = believed_share(held)
    if not math.isfinite(believed.value):
        return None
    return Prevalence(
        _possible(believed),
        "estimated from tags, answers and scores; measured once about 100 of the random sample are answered",
    )


def _possible(share: Estimate) -> Estimate:
    """Clip to a share at which precision and recall are defined."""
    return Estimate(*(min(max(end, _LEAST_SHARE), 1 - _LEAST_SHARE) for end in (share.value, share.low, share.high)))


def own_share(judged: ScoredPictures, source: str) -> Prevalence:
    """The prevalence among the measured pictures, where the gallery gives none."""
    return Prevalence(wilson(int(judged.truth.sum()), len(judged)), source)
