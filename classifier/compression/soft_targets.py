"""What a smaller network is to answer: the parent's log odds, and what the parent sees, in a few numbers.

    log odds of the parent's characters | log odds of the target | directions in which its embeddings vary most

A picture that a person has labelled has that label for the target instead. The parent has seen pictures as they are;
the network that learns sees changed copies and is to answer the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array, IntArray
from classifier.backbones.catalogue import known_or_plain
from classifier.compression.job import ParentAnswers
from classifier.package.package import Package
from classifier.principal import principal
from classifier.training.backbone_training import LOG_ODDS_LIMIT

DIRECTIONS = 128  # at most
_SURE = 5.0  # log odds of what a person says
_NEARLY = 1e-4  # least distance of a probability to 0 and 1


@dataclass(frozen=True, slots=True, eq=False)
class SoftTargets:
    """What is to be learned of n pictures."""

    classes: tuple[str, ...]  # characters, m; the target is one of them
    odds: Float32Array  # (n, m)
    directions: Float32Array  # (n, p): of the parent's centred embeddings; the squares of a row sum to 1 in the mean
    centre: Float32Array  # (d,) of the embeddings
    basis: Float32Array  # (d, p): directions = (embeddings - centre) @ basis

    @property
    def columns(self) -> Float32Array:
        """All of it, side by side, (n, m + p)."""
        return np.concatenate([self.odds, self.directions], axis=1)

    def rows(self, rows: IntArray) -> SoftTargets:
        """Those of some of the pictures."""
        return replace(self, odds=self.odds[rows], directions=self.directions[rows])


def soft_targets(package: Package, answers: ParentAnswers, tag: str, seed: int = 0) -> SoftTargets:
    """What a parent answers, as numbers to learn.

    Args:
        package: the parent.
        answers: of the pictures.
        tag: of the target.
        seed: of the search for directions.
    """
    vectors = answers.vectors.astype(np.float32)
    weight = known_or_plain(package.backbone_name).odds_weight
    first = package.dimension - len(package.classes)
    odds = np.clip(vectors[:, first:] * weight, -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
    target = _target_odds(answers)[:, None]
    others = [number for number, name in enumerate(package.classes) if name != tag]
    classes = (*(package.classes[number] for number in others), tag)
    train = answers.train
    centre = vectors[train].mean(axis=0)
    centred = vectors - centre
    basis = principal(centred[train], DIRECTIONS, np.random.default_rng(seed))
    directions = centred @ basis
    scale = max(float(np.sqrt(np.square(directions[train]).sum(axis=1).mean())), 1e-6)
    return SoftTargets(
        classes=classes,
        odds=np.concatenate([odds[:, others], target], axis=1).astype(np.float32),
        directions=(directions / scale).astype(np.float32),
        centre=centre.astype(np.float32),
        basis=(basis / scale).astype(np.float32),
    )


def _target_odds(answers: ParentAnswers) -> npt.NDArray[np.float64]:
    scores = np.clip(answers.scores, _NEARLY, 1 - _NEARLY)
    odds = np.clip(np.log(scores / (1 - scores)), -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
    return np.where(answers.labels < 0, odds, np.where(answers.labels == 1, _SURE, -_SURE))


def soft_loss(odds: int, temperature: float, features: float) -> Callable[[Any, Any], Any]:
    """The loss of a network whose output is laid out as `SoftTargets.columns`.

    The divergence of each log odds at a temperature, times its square, as the gradients shrink by that; and the squared
    distance in the directions. Nothing is lost where all is answered as wanted.

    Source: Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network".

    Args:
        odds: how many of the columns are log odds.
        temperature: by which they are divided.
        features: weight of the directions.
    """

    def loss(wanted: Any, given: Any) -> Any:
        from keras import ops

        asked, answered = wanted[:, :odds] / temperature, given[:, :odds] / temperature
        soft = ops.sigmoid(asked)
        apart = ops.sum(ops.softplus(answered) - ops.softplus(asked) - soft * (answered - asked), axis=1)
        away = ops.sum(ops.square(wanted[:, odds:] - given[:, odds:]), axis=1)
        return temperature**2 * apart + features * away

    return loss
