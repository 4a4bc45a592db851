"""Quality of a model on the gallery: on its frozen test split, at the prevalence of the gallery.

    test split -> labels and tags -> pictures set apart whose tags are probably wrong -> figures -> slices -> the worst
    mistakes -> notes

Nothing is written. Test pictures without a character tag count only as members of the random sample: pictures that a
person was asked about because of their score would make scores look worse than they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from classifier.arrays import BoolArray, IntArray
from classifier.heads.noisy_labels import LabelSource
from classifier.heads.training_set import TEST
from classifier.metrics.assessment import AsItStands, Assessment, Mistake, SetApart, Slice
from classifier.metrics.curves import ScoredPictures, confusion_at, slices_by
from classifier.metrics.quality import Quality, evaluate
from classifier.pictures.thumbnails import thumbnail
from rounds.evaluation.measurement import LEAST, MISTAKES, assess, check
from rounds.evaluation.prevalence import gallery_estimates, own_share, prevalence_of
from rounds.evaluation.subject import GalleryKnowledge, Subject
from rounds.examples.held_out import PEOPLE, HeldOut, held_out, newest_label_of
from rounds.questions.doubted_tags import doubted_tags
from rounds.questions.estimate import among
from storage.evidence import Evidence
from storage.gallery_view import Picture
from storage.people_count import people_count
from storage.plurals import counted

_POST = "post "  # what the name of a mistake begins with
_SEARCHED = 50  # most pictures set apart that one search lists
_RATINGS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
_COMPANY = ("solo", "group", "unknown")
_MORE_TAGS = "answer some (crawl review), crawl a larger tag, or measure on your own pictures (--on DIR)"


class PictureSource(Protocol):
    """Cards, renditions and links of the gallery's pictures, for the report."""

    def pictures(self, ids: Sequence[int]) -> Sequence[Picture]:
        """Cards of file versions; unknown ones are left out."""
        ...

    def rendition(self, picture: int) -> bytes | None:
        """The stored rendition of a file version."""
        ...

    def link(self, site: str, post: int) -> str | None:
        """The post's page at its site."""
        ...


def evaluate_gallery(subject: Subject, known: GalleryKnowledge, source: PictureSource, *, seed: int = 0) -> Assessment:
    """Measure a model on the test split of the gallery.

    Args:
        subject: the model.
        known: the gallery.
        source: pictures for the report.
        seed: of the draws behind intervals.

    Raises:
        TooLittleToMeasure: the test split holds hardly any pictures of a kind; counts them.
    """
    held = _held(subject, known.evidence)
    doubted = doubted_tags(known.evidence, seed=seed) & held.counted
    rows = np.flatnonzero(held.counted & ~doubted).astype(np.int64)
    judged = _judged(held, rows)
    check(judged, f"for {subject.target.name}, the gallery's test split has, with character tags,", _MORE_TAGS)
    estimated = gallery_estimates(known)
    prevalence = prevalence_of(held, estimated) or own_share(judged, "the test pictures' own share")
    assessment = assess(subject, judged, prevalence, f"{counted(len(rows), 'test picture')} of the gallery", seed=seed)
    untagged = _untagged(subject, known, held)
    cards = {card.id: card for card in source.pictures(known.evidence.version_ids[rows].tolist())}
    collector = _MistakeCollector(subject, known.evidence, held, doubted, source)
    return replace(
        assessment,
        slices=(
            *_slices(known.evidence, rows, judged, cards, assessment.threshold),
            Slice(by="tags", value="tagged", quality=assessment.quality),
            *([] if untagged is None else [Slice(by="tags", value="untagged", quality=untagged)]),
        ),
        kept_wrong=collector.mistakes(collector.wrong(kept=True), kept=True),
        missed=collector.mistakes(collector.wrong(kept=False), kept=False),
        notes=_notes(held, rows, untagged),
        as_it_stands=None
        if not estimated.answers
        else AsItStands(precision=estimated.precision, recall=estimated.recall, answers=estimated.answers),
        set_apart=collector.set_apart(seed) if doubted.any() else None,
    )


def _judged(held: HeldOut, rows: IntArray) -> ScoredPictures:
    """These rows, with labels and tags taken as true."""
    return ScoredPictures(held.scores[rows], held.positive[rows], held.groups[rows])


def _held(subject: Subject, evidence: Evidence) -> HeldOut:
    """As a round does: artists' sets together, unless one artist's gallery cannot be divided so."""
    held = held_out(subject.package, evidence)
    truth, counted = held.positive, held.counted
    if min(int((truth & counted).sum()), int((~truth & counted).sum())) >= LEAST:
        return held
    return held_out(subject.package, evidence, artists=False)


def _untagged(subject: Subject, known: GalleryKnowledge, held: HeldOut) -> Quality | None:
    """Quality of the scores on untagged pictures, from answers that the model was not trained on."""
    rows = held.untagged & held.usable
    newest = newest_label_of(subject.model.facts, subject.package)
    if any(label.seq <= newest for label in known.labels):
        rows &= held.split == TEST
    scored = replace(known.evidence, scores=held.scores)
    return among(scored, subject.model.card.threshold, known.sample_rows(), rows)


def _slices(
    evidence: Evidence, rows: IntArray, judged: ScoredPictures, cards: Mapping[int, Picture], threshold: float
) -> tuple[Slice, ...]:
    ratings = [_RATINGS.get(evidence.ratings[row], evidence.ratings[row]) for row in rows.tolist()]
    company = [_company(evidence, row, cards.get(int(evidence.version_ids[row]))) for row in rows.tolist()]
    return (
        *slices_by("rating", ratings, judged, threshold, order=tuple(_RATINGS.values())),
        *slices_by("people", company, judged, threshold, order=_COMPANY),
    )


def _company(evidence: Evidence, row: int, card: Picture | None) -> str:
    """Solo or group: by the general tags, else by how many characters are named."""
    general = () if card is None else card.tags.get("general", ())
    people = 1 if "solo" in general else people_count(general) or int(evidence.character_counts[row])
    return "unknown" if not people else "solo" if people == 1 else "group"


@dataclass(slots=True, eq=False)
class _MistakeCollector:
    """Collects mistakes, with what a person needs to judge them."""

    subject: Subject
    evidence: Evidence
    held: HeldOut
    doubted: BoolArray  # (n,) counted pictures whose tags are probably wrong
    source: PictureSource

    def wrong(self, *, kept: bool) -> BoolArray:
        """Mistakes of a kind: test pictures that are counted, and untagged ones that a person answered."""
        held = self.held
        answered = (held.split == TEST) & held.usable & np.isin(held.label_sources, PEOPLE)
        return np.asarray((held.counted | answered) & ~self.doubted & self._contradicted(kept=kept))

    def mistakes(self, rows: BoolArray, *, kept: bool) -> tuple[Mistake, ...]:
        """The worst of these rows, which the model keeps or does not."""
        chosen = np.flatnonzero(rows)
        order = np.argsort(-self.held.scores[chosen] if kept else self.held.scores[chosen], kind="stable")
        worst = chosen[order][:MISTAKES].tolist()
        cards = {card.id: card for card in self.source.pictures([int(self.evidence.version_ids[row]) for row in worst])}
        return tuple(self._mistake(row, cards.get(int(self.evidence.version_ids[row]))) for row in worst)

    def set_apart(self, seed: int) -> SetApart:
        """The pictures whose tags are probably wrong: counts, figures by their tags, the clearest ones."""
        held, threshold = self.held, self.subject.model.card.threshold
        everything = _judged(held, np.flatnonzero(held.counted).astype(np.int64))
        by_tags = confusion_at(everything.scores, everything.truth, threshold)
        lacking, wrong = (self.doubted & self._contradicted(kept=kept) for kept in (True, False))
        lacks_tag, wrong_tag = self.mistakes(lacking, kept=True), self.mistakes(wrong, kept=False)
        against = np.where(held.positive, held.scores, -held.scores)  # those that the model contradicts most come first
        first = np.argsort(np.where(self.doubted, against, np.inf), kind="stable")[: int(self.doubted.sum())]
        return SetApart(
            pictures=int(self.doubted.sum()),
            kept=int(lacking.sum()),
            rejected=int(wrong.sum()),
            kept_wrong_by_tags=by_tags.kept_wrong,
            missed_by_tags=by_tags.missed,
            by_tags=evaluate(everything.scores, everything.truth, threshold, groups=everything.groups, seed=seed),
            lacks_tag=lacks_tag,
            wrong_tag=wrong_tag,
            search=f"id:{','.join(map(str, self.evidence.post_ids[first[:_SEARCHED]].tolist()))}",
        )

    def _contradicted(self, *, kept: bool) -> BoolArray:
        """Pictures that the model keeps, or does not, against their label source."""
        keeps = np.nan_to_num(self.held.scores) >= self.subject.model.card.threshold
        return np.asarray((keeps == kept) & (self.held.positive != kept))

    def _mistake(self, row: int, card: Picture | None) -> Mistake:
        post, version = int(self.evidence.post_ids[row]), int(self.evidence.version_ids[row])
        picture = self.source.rendition(version)
        return Mistake(
            name=f"{_POST}{post}",
            score=float(self.held.scores[row]),
            why=self._why(row, () if card is None else card.tags.get("character", ())),
            link=self.source.link(self.evidence.sites[row], post),
            picture=None if picture is None else thumbnail(picture),
        )

    def _why(self, row: int, characters: Sequence[str]) -> str:
        source, names = LabelSource(int(self.held.label_sources[row])), self.subject.target.names
        if source in PEOPLE:
            return f"labelled {source.name.lower()}"
        if source is LabelSource.TAGGED:
            named = [name for name in characters if name in names]
            return f"tagged {', '.join(named) or self.subject.target.tag}"
        return f"tagged {', '.join(characters) or 'with others'}, not {self.subject.target.tag}"


def _notes(held: HeldOut, rows: IntArray, untagged: Quality | None) -> list[str]:
    """The notes of the report: how the truth is known, and what is left out."""
    people = int(np.isin(held.label_sources[rows], PEOPLE).sum())
    notes = [
        f"the truth of {counted(people, 'picture')} is known from answers; that of {len(rows) - people} is taken from "
        "tags, which may be wrong"
    ]
    notes.append(_untagged_note(untagged))
    answered = int((held.untagged & np.isin(held.label_sources, PEOPLE)).sum())
    aside = max(0, answered - (0 if untagged is None else untagged.examples))
    if aside:
        notes.append(
            f"{counted(aside, 'answer')} about untagged pictures left out: asked for because of a score, which makes "
            "untagged pictures look harder than they are, or used to train the model"
        )
    return notes


def _untagged_note(untagged: Quality | None) -> str:
    if untagged is None:
        return (
            "pictures without a character tag are not included, because none in the random sample has been answered "
            "(crawl review asks about them); the figures assume that they look like tagged ones"
        )
    return (
        f"pictures without a character tag have a row of their own, from {counted(untagged.examples, 'answer')} to the "
        "random sample, each weighted by how often its kind was sampled"
    )
