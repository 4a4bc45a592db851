"""Whom a picture shows, by the nearest pictures that tags give to one character, and how often such a vote is right.

How often is measured on the gallery itself: tagged pictures, each left out in turn, are named by the others. Those are
fewer than the gallery has, so a neighbour is farther away on average than for a real question, and the figure is on the
careful side. Whom no tag names is nobody's neighbour: such a picture is named all the same, and only less alike.
Source: k nearest neighbours with distance weights (Dudani 1976, "The distance-weighted k-nearest-neighbor rule").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.pictures.dhash import NEAR
from rounds.retrieval.neighbours import Neighbour, Neighbours, Terms
from storage.plurals import counted
from storage.reader import Reader
from storage.retrieval.embedding_rows import picture_hashes, sampled_embeddings
from storage.retrieval.transform import Stored, Vectors, stacked
from storage.rows.named_posts import sole_characters
from storage.search.language import parse

VOTERS = 10
_SHARPNESS = 8.0  # a neighbour's weight falls to 1/e at this one over it less likeness than the nearest
_THE_SAME = 0.9995  # likeness from which two pictures are one, whatever their hashes are
_SAMPLED = (64, 64)  # runs of tagged pictures, and how long, that are named to see how often that is right
_LIKE_VOTES = 200  # votes of about the same share that a frequency is counted on
_LEAST_VOTES = 30
_STRANGE = 0.02  # share of rightly named pictures that are less like their nearest three than this one


@dataclass(frozen=True, slots=True)
class NameVote:
    """The name that the nearest tagged pictures give."""

    name: str
    share: float  # of the votes, by weight, 0..1
    voters: int  # pictures that vote
    agreeing: int  # of them that are tagged so
    likeness: float  # to the nearest three of those, in the mean
    others: Mapping[str, float]  # share of every other name


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """How votes among the gallery's own tagged pictures came out; n of them."""

    shares: npt.NDArray[np.float64]  # (n,)
    likeness: npt.NDArray[np.float64]  # (n,)
    right: npt.NDArray[np.bool_]  # (n,)

    def of(self, vote: NameVote) -> tuple[float, int] | None:
        """How often the votes with the nearest shares were right, and how many these are; None: too few to say."""
        if len(self.shares) < _LEAST_VOTES:
            return None
        like = np.argsort(np.abs(self.shares - vote.share), kind="stable")[:_LIKE_VOTES]
        return float((self.right[like].sum() + 1) / (len(like) + 2)), len(like)  # Laplace: never 0 or 1

    def is_strange(self, vote: NameVote) -> bool:
        """Whether the picture is less like those that name it than nearly any that was named rightly."""
        rightly = self.likeness[self.right]
        return len(rightly) >= _LEAST_VOTES and vote.likeness < float(np.quantile(rightly, _STRANGE))


def vote_of(names: Sequence[str], likeness: Sequence[float]) -> NameVote:
    """The vote of pictures with these names, the most alike first; at least one.

    Args:
        names: of the one character of each.
        likeness: of each to the picture that is asked about.
    """
    weights: defaultdict[str, float] = defaultdict(float)
    for name, like in zip(names, likeness, strict=True):
        weights[name] += float(np.exp(_SHARPNESS * (like - likeness[0])))
    total = sum(weights.values())
    first, *rest = sorted(weights, key=lambda name: (-weights[name], name))
    own = [like for name, like in zip(names, likeness, strict=True) if name == first]
    others = {name: weights[name] / total for name in rest}
    return NameVote(first, weights[first] / total, len(names), len(own), float(np.mean(own[:3])), others)


def vote_text(vote: NameVote, reliability: Reliability) -> str:
    """Whom a picture shows, who says so, and how often that is right, in a line for people."""
    rest = ", ".join(f"{name} {share:.2f}" for name, share in list(vote.others.items())[:3])
    words = f"{vote.name}, by {vote.agreeing} of the {counted(vote.voters, 'nearest picture')} with one character's tag"
    words += f" (else {rest})" if rest else ""
    right = reliability.of(vote)
    if right is None:
        words += "; too few pictures are tagged to say how often that is right"
    else:
        words += f"; of {right[1]} tagged pictures of this gallery with such a vote {right[0]:.3f} were named rightly"
    if reliability.is_strange(vote):
        words += "; but it is less like them than nearly any of those: perhaps nobody whom tags name"
    return words


def named(
    reader: Reader, neighbours: Neighbours, vector: Stored, *, leave_out: frozenset[int] = frozenset()
) -> tuple[NameVote | None, Sequence[Neighbour]]:
    """Whom a picture shows, and who says so; None where no tag names a single character.

    Args:
        reader: of the gallery.
        neighbours: of the network that gave the embedding.
        vector: its embedding, shape (d,).
        leave_out: ids of file versions that have no vote: the picture itself.
    """
    alone = Terms(reader.meant(parse("chartags:1")))
    nearest = neighbours.nearest(vector, VOTERS, alone, leave_out=leave_out)
    names = reader.ask(lambda c: sole_characters(c, [one.version_id for one in nearest]))
    voters = [one for one in nearest if one.version_id in names]
    if not voters:
        return None, ()
    return vote_of([names[one.version_id] for one in voters], [one.similarity for one in voters]), voters


def reliability(reader: Reader, neighbours: Neighbours) -> Reliability:
    """Name a sample of the gallery's tagged pictures by one another."""
    transform, network = neighbours.index.rows.transform, neighbours.network
    sample = reader.ask(lambda c: sampled_embeddings(c, network, *_SAMPLED))
    tags = reader.ask(lambda c: sole_characters(c, [one.version_id for one in sample]))
    usable = [one for one in sample if one.version_id in tags and len(one.vector) == 2 * transform.dimension]
    rows = transform.whole(stacked([one.vector for one in usable], transform.dimension))
    hashes = reader.ask(lambda c: picture_hashes(c, [one.version_id for one in usable]))
    known = np.array([hashes.get(one.version_id, 0) for one in usable], dtype=np.int64).view(np.uint64)
    return measured(rows, [tags[one.version_id] for one in usable], known)


def measured(rows: Vectors, names: Sequence[str], hashes: npt.NDArray[np.uint64]) -> Reliability:
    """How votes come out among pictures with known names, each left out in turn, and its copies with it.

    Args:
        rows: directions of length one, shape (n, d).
        names: of the one character of each, n.
        hashes: of what they look like, shape (n,); 0 where unknown.
    """
    shares, likeness, right = [], [], []
    for row in range(len(rows)):
        near = rows @ rows[row]
        copies = (np.bitwise_count(hashes ^ hashes[row]) <= NEAR) & (hashes != 0)
        near[copies | (near >= _THE_SAME)] = -1.0
        near[row] = -1.0
        best = np.argsort(-near, kind="stable")[:VOTERS]
        best = best[near[best] > -1.0]
        if len(best):
            vote = vote_of([names[place] for place in best], near[best].tolist())
            shares.append(vote.share)
            likeness.append(vote.likeness)
            right.append(vote.name == names[row])
    return Reliability(np.array(shares), np.array(likeness), np.array(right, dtype=np.bool_))
