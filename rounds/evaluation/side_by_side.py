"""Several models of one target on the same pictures, which none of them was trained on.

Each round measures its model on the test pictures and labels that it has. Such figures are not comparable: after a few
answers and new posts a better model can seem worse. Here all models are measured now, on one set of pictures, and tags
that a cross-fitted head contradicts are left out for all.

The pictures are those that a round has assigned to the test split, and the contradicted tags are those that the newest
round found: so nothing is fitted, and only held-out rows of the gallery are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from classifier.arrays import BoolArray, IntArray
from classifier.metrics.quality import Quality, evaluate
from rounds.evaluation.measurement import LEAST
from rounds.evaluation.subject import Subject
from rounds.examples.held_out import PEOPLE, HeldOut, held_out
from rounds.questions.doubted_tags import doubted_tags
from storage.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Comparable figures."""

    pictures: int  # the same for all
    positives: int
    set_apart: int  # more pictures whose tags are probably wrong; in no figure
    figures: Mapping[str, Quality]  # by ModelCard.name; a model that is missing shares too few test pictures


@dataclass(frozen=True, slots=True, eq=False)
class _ModelView:
    """The gallery under one model."""

    subject: Subject
    held: HeldOut
    row_of: Mapping[int, int]  # version id -> row, of test pictures whose tags name somebody

    @classmethod
    def of(cls, subject: Subject, evidence: Evidence) -> _ModelView:
        held = held_out(subject.package, evidence)
        rows = np.flatnonzero(held.counted).tolist()
        return cls(subject, held, {int(evidence.version_ids[row]): row for row in rows})

    def rows(self, version_ids: Sequence[int]) -> IntArray:
        return np.array([self.row_of[version_id] for version_id in version_ids], dtype=np.int64)


FindDoubted = Callable[[Evidence], BoolArray]  # rows whose tags are probably wrong, shape (n,)
EvidenceOf = Callable[[str, Set[str]], Evidence]  # network hash and MD5s -> rows held out by rounds, and those pictures


def side_by_side(
    subjects: Sequence[Subject], evidence_of: EvidenceOf, find_doubted: FindDoubted = doubted_tags
) -> SideBySide | None:
    """Measure all of a target's models that share enough test pictures with the one in force.

    Args:
        subjects: one target's models, the oldest first, each once.
        evidence_of: what the gallery knows of the pictures that rounds have assigned to the test split, and of those
            named, with
            the vectors of the network of that hash.
        find_doubted: fits heads to find contradicted tags, where no round has recorded them.

    Returns:
        None where there is no model, or the one in force has too few test pictures.
    """
    if not subjects:
        return None
    first = next((subject for subject in subjects if subject.model.active), subjects[-1])
    tested = frozenset(
        md5 for subject in subjects for md5 in (subject.package.snapshot.get("parts") or {}).get("test", ())
    )
    evidence = evidence_of(first.package.backbone_hash, tested)
    if not len(evidence):
        return None
    view = _ModelView.of(first, evidence)
    doubted = _doubted(subjects, view, evidence, find_doubted)
    common = [version_id for version_id, row in view.row_of.items() if not doubted[row]]
    if not _enough(view, common):
        return None
    views = [view]
    for other in reversed([subject for subject in subjects if subject is not first]):
        added = _ModelView.of(other, evidence_of(other.package.backbone_hash, tested))
        shared = [version_id for version_id in common if version_id in added.row_of]
        if _enough(view, shared):
            views.append(added)
            common = shared
    return SideBySide(
        pictures=len(common),
        positives=int(_truth(view, common).sum()),
        set_apart=sum(bool(doubted[row]) for row in view.row_of.values()),
        figures={added.subject.model.card.name: _quality(added, view, common) for added in views},
    )


def _doubted(subjects: Sequence[Subject], view: _ModelView, evidence: Evidence, find_doubted: FindDoubted) -> BoolArray:
    """Rows whose tags the newest round found contradicted, and that were not labelled since, shape (n,).

    Older packages have no list of them; then heads are cross-fitted now.
    """
    doubted_md5s = next(
        (
            subject.package.snapshot["doubted"]
            for subject in reversed(subjects)
            if "doubted" in subject.package.snapshot
        ),
        None,
    )
    if doubted_md5s is None:
        return find_doubted(evidence)
    return np.isin(np.array(evidence.md5s), sorted(doubted_md5s)) & ~np.isin(view.held.label_sources, PEOPLE)


def _truth(view: _ModelView, common: Sequence[int]) -> BoolArray:
    return np.asarray(view.held.positive[view.rows(common)])


def _enough(view: _ModelView, common: Sequence[int]) -> bool:
    shown = int(_truth(view, common).sum())
    return min(shown, len(common) - shown) >= LEAST


def _quality(view: _ModelView, first: _ModelView, common: Sequence[int]) -> Quality:
    """Quality of one model; the truth and the groups of pictures are those of the first for all."""
    rows = first.rows(common)
    return evaluate(
        view.held.scores[view.rows(common)],
        first.held.positive[rows],
        view.subject.model.card.threshold,
        groups=first.held.groups[rows],
    )
