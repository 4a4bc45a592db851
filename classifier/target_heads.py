"""The heads of a run's targets: embeddings in, calibrated probabilities out; no picture and no process is needed.

A few hundred multiplications a target. Scores from a stored embedding and from a picture are computed by the same
lines, wherever the picture was looked at.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from classifier.errors import PackageError, ScoreError
from classifier.head import EMBEDDING_DTYPE, Head
from classifier.inference.pooling import score_views
from classifier.package.package import Package, load_package
from classifier.pictures.decoder_pool import DecodedPicture
from storage.records import Look, ModelCard

BAD_SCORE = "bad score"
_BAD_WINDOW = 1000  # looks over which bad scores are counted
_BAD_SHARE = 0.01  # more than this, and more than one, and the model is to blame


class TargetHeads:
    """One model a target, as far as it needs no network."""

    def __init__(self, cards: Mapping[str, ModelCard], folders: Mapping[str, Path]) -> None:
        """Name the models; nothing is read yet.

        Args:
            cards: the active models by `Target.name`; their hashes pin the packages.
            folders: the packages' folders by `Target.name`.
        Raises:
            ValueError: no target, or not the same targets in both.
        """
        if not cards or set(cards) != set(folders):
            raise ValueError(f"expected one package for each target, got {sorted(cards)} and {sorted(folders)}")
        self._cards = dict(cards)
        self._folders = dict(folders)
        self._heads: dict[str, tuple[str, Head]] = {}  # target -> backbone hash, head
        self._bad: deque[bool] = deque(maxlen=_BAD_WINDOW)

    @property
    def cards(self) -> Mapping[str, ModelCard]:
        """The models by `Target.name`; once they are loaded, with what their packages say of deciding."""
        return self._cards

    def load(self) -> dict[str, Package]:
        """Verify and read the packages, by `Target.name`.

        Raises:
            PackageError: one is missing or altered, or has another backbone than it was registered with.
        """
        packages = {
            name: load_package(folder, expected_hash=self._cards[name].hash) for name, folder in self._folders.items()
        }
        for name, package in packages.items():
            card = self._cards[name]
            if package.backbone_hash != card.backbone_hash:
                raise PackageError(
                    f"{package.folder} has backbone {package.backbone_hash[:12]}, "
                    f"{card.name} is registered with {card.backbone_hash[:12]}; train {name} again"
                )
            self._heads[name] = (package.backbone_hash, package.head)
            head = package.head
            self._cards[name] = replace(
                card,
                shifts=head.shifts,
                refusal=package.refusal,
                ai_weights=head.ai_weights,
                tagger_network=head.tagger_network,
                margin=package.margin_at(card.threshold),
            )
        return packages

    def scored(self, views: Mapping[str, bytes], decoded: DecodedPicture | None) -> Look:
        """Apply every head whose embeddings are there.

        Args:
            views: float16 embeddings by backbone hash: the whole picture's, then its windows' where it has some; and by
                `TaggerVector.network` what the user's tagger saw in the whole picture.
            decoded: what else the look is to say of the picture; None: it was not decoded now.
        Raises:
            ScoreError: too many of the last scores are no probabilities: the run must stop.
        """
        size = (decoded.width, decoded.height, decoded.format) if decoded is not None else (0, 0, "")
        hash_ = decoded.hash if decoded is not None else None
        scores: dict[str, float] = {}
        for target, (backbone, head) in self._heads.items():
            if backbone in views:
                scores[target] = _score(head, views[backbone], views.get(head.tagger_network))
        good = all(0.0 <= score <= 1.0 for score in scores.values())  # false for not-a-number
        self.count(good=good)
        if not good:
            return Look({}, {}, *size, BAD_SCORE, hash_)
        whole = {backbone: head.dimension * EMBEDDING_DTYPE.itemsize for backbone, head in self._heads.values()}
        embeddings = {backbone: views[backbone][:end] for backbone, end in whole.items() if backbone in views}
        windows = {one: views[one][whole[one] :] for one in embeddings if len(views[one]) > whole[one]}
        small = decoded is not None and decoded.too_small
        return Look(scores, embeddings, *size, None, hash_, windows=windows, too_small=small)

    def count(self, *, good: bool) -> None:
        """Count one look, and stop the run when bad scores are no exception.

        Raises:
            ScoreError: they are not.
        """
        self._bad.append(not good)
        bad = sum(self._bad) if not good else 0
        if bad > 1 and bad > _BAD_SHARE * len(self._bad):
            names = ", ".join(card.name for card in self._cards.values())
            raise ScoreError(
                f"{bad} of the last {len(self._bad)} scores of {names} are not probabilities; "
                "the model or its device is broken, nothing more is scored"
            )


def _score(head: Head, embedding: bytes, tagger_vector: bytes | None) -> float:
    """Not-a-number where the embedding is of no use."""
    try:
        return score_views(head, embedding, tagger_vector)
    except ValueError:  # of another length: not from this backbone after all
        return math.nan
