"""A model's scores of the gallery, and the posterior of the pictures that it was not trained on.

The same rule as in a round: a person's label is true, a tag is a noisy label, believed as far as the model confirms it.
Pictures that trained the model have no posterior here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.heads.noisy_labels import LabelSource, LabelTrust, pools_of, posterior_of
from classifier.heads.training_set import TEST, VALIDATION
from classifier.metrics.quality import Estimate, bootstrap
from classifier.package.package import Package
from rounds.examples.frozen_splits import groups_of, splits_of
from rounds.examples.label_sources import noisy_labels_of
from rounds.rescoring.rescore import scores_of
from storage.evidence import Evidence

SPOKEN = (LabelSource.TAGGED, LabelSource.OTHERS, LabelSource.KEEP, LabelSource.DELETE)
PEOPLE = (LabelSource.KEEP, LabelSource.DELETE)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeldOut:
    """The gallery's pictures under one model; n rows, those of the evidence."""

    label_sources: npt.NDArray[np.int8]  # (n,) of `LabelSource`
    usable: BoolArray  # (n,) it has an embedding, and no person was unsure of it
    groups: IntArray  # (n,)
    split: npt.NDArray[np.int8]  # (n,) TRAIN | VALIDATION | TEST, or used for nothing
    scores: FloatArray  # (n,) by the model, 0..1; NaN where the picture is not usable
    belief: FloatArray  # (n,) that it shows the target, 0..1; NaN where it is not held out, or not usable
    untagged: BoolArray  # (n,) without any character tag

    @property
    def counted(self) -> BoolArray:
        """Test pictures whose own tags name somebody, whether or not a person was asked about them."""
        return np.asarray((self.split == TEST) & self.usable & ~self.untagged & np.isin(self.label_sources, SPOKEN))

    @property
    def positive(self) -> BoolArray:
        """Whether each shows the target if its label source is right."""
        return np.isin(self.label_sources, (LabelSource.TAGGED, LabelSource.KEEP))


def held_out(package: Package, evidence: Evidence, *, artists: bool = True) -> HeldOut:
    """Score the gallery with a model.

    Args:
        package: the model.
        evidence: with vectors of the model's network.
        artists: whether an artist's set goes one way; the model's own snapshot knows better where it says so.
    """
    together = bool(package.snapshot.get("artists_together", artists))
    groups = groups_of(evidence, artists=together)
    split = splits_of(evidence, groups, package.snapshot, artists=together)
    label_sources, sure = noisy_labels_of(evidence)
    finite = np.isfinite(evidence.vectors).all(axis=1)
    usable = np.asarray(sure & finite)
    logits = np.full(len(evidence), np.nan)
    if finite.any():
        logits[finite] = package.head.logits(evidence.vectors[finite])
    belief = np.full(len(evidence), np.nan)
    held_rows = np.isin(split, (VALIDATION, TEST)) & usable
    if held_rows.any():
        # Answers improve the beliefs of tagged pictures. (Measured on 319 test pictures of four targets, 190 answers:
        # with them 4 beliefs were wrong instead of 6, and 10 tags were.)
        pools = pools_of(label_sources, ~evidence.named, evidence.strata)
        belief[held_rows] = posterior_of(
            logits[held_rows], label_sources[held_rows], LabelTrust(), pools[held_rows]
        ).belief
    return HeldOut(
        label_sources=label_sources,
        usable=usable,
        groups=groups,
        split=split,
        scores=np.where(usable, scores_of(package.head, evidence), np.nan) if len(evidence) else logits,
        belief=belief,
        untagged=~evidence.named,
    )


def believed_share(held: HeldOut, *, seed: int = 0) -> Estimate:
    """The share of the gallery that shows the target, by the mean belief; NaN without any belief.

    Each label source has its mean belief among held-out pictures, weighted by how often it occurs in the gallery;
    answers count as given. The interval is that of sampling pictures; errors of the beliefs are not in it.
    """
    rows = np.flatnonzero(held.usable & np.isfinite(held.belief)).astype(np.int64)
    if not len(rows):
        return Estimate(float("nan"), float("nan"), float("nan"))
    kinds = [LabelSource(kind) for kind in np.unique(held.label_sources[held.usable]).tolist()]
    often = {kind: float((held.label_sources[held.usable] == kind).mean()) for kind in kinds}
    overall = {kind: _mean_belief(held, rows, kind, 0.0) for kind in kinds}

    def share_of(draw: IntArray) -> float:
        return sum(often[kind] * _mean_belief(held, rows[draw], kind, overall[kind]) for kind in kinds)

    return bootstrap(share_of, held.groups[rows], seed=seed)


def _mean_belief(held: HeldOut, rows: IntArray, kind: LabelSource, otherwise: float) -> float:
    if kind in PEOPLE:
        return float(kind is LabelSource.KEEP)
    beliefs = held.belief[rows[held.label_sources[rows] == kind]]
    return float(beliefs.mean()) if len(beliefs) else otherwise


def newest_label_of(facts: Mapping[str, Any], package: Package) -> int:
    """Sequence number of the newest label that a model may have learned from; 0: it has learned from none."""
    return max(int(facts.get("newest_label") or 0), int(package.snapshot.get("newest_label") or 0))
