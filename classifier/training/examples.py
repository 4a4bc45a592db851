"""What is known of the pictures that a network and heads are trained on, and which of them belongs to which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.arrays import BoolArray, IntArray
from classifier.errors import TooFewExamples
from classifier.metrics.thresholds import Goal
from classifier.pictures.dhash import dhash
from classifier.pictures.preprocessing import Pixels
from classifier.references.folder import LEAST_REFERENCES
from classifier.references.heads import rests_on_references
from classifier.training import splits

CLASSES_AT_MOST = 64


@dataclass(frozen=True, slots=True)
class Example:
    """One picture's tags, as far as they are believed."""

    identity: splits.Identity
    characters: tuple[str, ...]  # tags
    labelled: bool  # False: untagged, anybody may be in the picture
    split: str = ""  # train | validation | test, where an earlier round has settled it; of all examples or of none
    stratum: int = 0  # of `storage.records.Stratum`, with every name taken for somebody else's
    # by target's tag, then by source: what taggers give it, 0..100
    ai_percents: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    synthetic: bool = False  # painted by a generator: learned from, with `split` train; chooses and measures nothing
    reference: bool = False  # no picture of the gallery: a person's word, for heads alone; the network never learns it


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """A target to learn."""

    target: str  # Target.name
    tag: str
    variants: tuple[str, ...] = ()  # tags that imply it
    goal: Goal = field(default_factory=Goal)

    def named_in(self, characters: Sequence[str]) -> bool:
        """Whether these tags name the target."""
        return any(tag in characters for tag in (self.tag, *self.variants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """The fewest examples from which something measurable can be learned."""

    positives: int = 30  # tagged pictures of the target
    negatives: int = 60  # well-tagged pictures of others
    per_split: int = 3  # positives in validation and in test
    per_class: int = 16  # training pictures of a character that becomes a class of the backbone


@dataclass(frozen=True, slots=True)
class SplitExamples:
    """The examples as every target's head is fitted to them: their split, groups and special rows."""

    split: splits.Split
    unlabelled: IntArray
    groups: IntArray
    references: IntArray


def check_counts(examples: Sequence[Example], specs: Sequence[TargetSpec], minimum: Minimum) -> None:
    """Check that there are enough well-tagged pictures of every target, and of others.

    Raises:
        TooFewExamples: there are not; counts them.
    """
    labelled = [example for example in examples if example.labelled and not example.synthetic]
    least = LEAST_REFERENCES if any(example.reference for example in examples) else minimum.positives
    for spec in specs:
        positives = sum(spec.named_in(example.characters) for example in labelled)
        negatives = len(labelled) - positives
        if positives < least or negatives < minimum.negatives:
            raise TooFewExamples(
                spec.target,
                {f"pictures tagged {spec.tag}": positives, "well-tagged pictures of others": negatives},
                {f"pictures tagged {spec.tag}": least, "well-tagged pictures of others": minimum.negatives},
                "show it pictures of the target (--references DIR), crawl a larger tag, or import a model",
            )


def split_examples(
    pictures: Pixels,
    examples: Sequence[Example],
    specs: Sequence[TargetSpec],
    minimum: Minimum,
    shares: splits.Shares,
    seed: int,
) -> SplitExamples:
    """Split the well-tagged examples, and say which untagged ones may be trained on.

    Args:
        pictures: prepared, shape (n, size, size, 3); hashed where an example is not.
        examples: what is known of each.
        specs: the targets; the splits have about as much of each.
        minimum: how many of each.
        shares: of the splits.
        seed: of the draw.

    Raises:
        TooFewExamples: a split would have too few pictures of a target; counts them.
    """
    identities = [_hashed(example.identity, picture) for example, picture in zip(examples, pictures, strict=True)]
    groups = splits.group(identities)
    references = np.flatnonzero([example.reference for example in examples]).astype(np.int64)
    copies = _copies(identities, references)
    usable = np.flatnonzero(~copies & [example.labelled for example in examples]).astype(np.int64)
    split = _split_of(examples, groups, specs, usable, shares, seed)
    _check_split(examples, split, specs, minimum, len(references))
    # An unlabelled copy of a held-out picture would carry its answer into training.
    held_out = set(groups[np.concatenate([split.validation, split.test])].tolist())
    rows = [
        row
        for row, example in enumerate(examples)
        if not (example.labelled or copies[row]) and example.split in ("", "train") and groups[row] not in held_out
    ]
    return SplitExamples(split, np.array(rows, dtype=np.int64), groups, references)


def _copies(identities: Sequence[splits.Identity], references: IntArray) -> BoolArray:
    """The references, and the pictures that a person would take for one of them: those stand for these, shape (n,)."""
    if not len(references):
        return np.zeros(len(identities), dtype=np.bool_)
    same = splits.group([replace(identity, parent_id=None, set_key="") for identity in identities])
    return np.isin(same, same[references])


def _check_split(
    examples: Sequence[Example], split: splits.Split, specs: Sequence[TargetSpec], minimum: Minimum, references: int
) -> None:
    for spec in specs:
        counts = [
            sum(spec.named_in(examples[int(row)].characters) for row in rows)
            for rows in (split.train, split.validation, split.test)
        ]
        if not rests_on_references(references, sum(counts)) and min(counts) < minimum.per_split:
            names = ("to train on", "to choose the threshold on", "to measure on")
            raise TooFewExamples(
                spec.target,
                dict(zip(names, counts, strict=True)),
                dict.fromkeys(names, minimum.per_split),
                "near-duplicates and sets stay together, and these are nearly all of one set; sample more",
            )


def _hashed(identity: splits.Identity, picture: Pixels) -> splits.Identity:
    """With the hash of the prepared picture, where the whole one is not hashed."""
    if identity.picture_hash is not None:
        return identity
    return replace(identity, picture_hash=dhash(Image.fromarray(picture)))


def _split_of(
    examples: Sequence[Example],
    groups: IntArray,
    specs: Sequence[TargetSpec],
    labelled: IntArray,
    shares: splits.Shares,
    seed: int,
) -> splits.Split:
    assigned = np.array([examples[int(row)].split for row in labelled])
    if assigned.any():
        train, validation, test = (labelled[assigned == part] for part in ("train", "validation", "test"))
        return splits.Split(train, validation, test)
    kinds = [_kind(examples[int(row)], specs) for row in labelled]
    dealt = splits.split(groups[labelled], kinds, shares=shares, seed=seed)
    return splits.Split(labelled[dealt.train], labelled[dealt.validation], labelled[dealt.test])


def _kind(example: Example, specs: Sequence[TargetSpec]) -> str:
    """What the split spreads evenly: the targeted target where there is one, else the rarest-sorted first character."""
    for spec in specs:
        if spec.named_in(example.characters):
            return spec.tag
    return example.characters[0] if example.characters else ""


def classes_of(
    examples: Sequence[Example], train: IntArray, specs: Sequence[TargetSpec], minimum: Minimum
) -> tuple[str, ...]:
    """The targets, then the commonest other characters of the training part.

    Where there are references, the tags may name the target too seldom for a class of its own.
    """
    names = _class_names(specs)
    counts = Counter(name for row in train for name in {names.get(tag, tag) for tag in examples[int(row)].characters})
    given = any(example.reference for example in examples)
    targeted = [spec.tag for spec in specs if not given or counts[spec.tag] >= minimum.per_class]
    others = [name for name, count in counts.most_common() if name not in targeted and count >= minimum.per_class]
    return tuple(targeted + others[: max(0, CLASSES_AT_MOST - len(targeted))])


def _class_names(specs: Sequence[TargetSpec]) -> dict[str, str]:
    return {variant: spec.tag for spec in specs for variant in spec.variants}


def shown_by(
    examples: Sequence[Example], classes: Sequence[str], specs: Sequence[TargetSpec]
) -> npt.NDArray[np.float32]:
    """Whom the tags name, shape (n, k): 1 for each of the classes, a variant for its target."""
    names, column = _class_names(specs), {name: number for number, name in enumerate(classes)}
    shows = np.zeros((len(examples), len(classes)), dtype=np.float32)
    for row, example in enumerate(examples):
        for tag in example.characters:
            if (place := column.get(names.get(tag, tag))) is not None:
                shows[row, place] = 1.0
    return shows
