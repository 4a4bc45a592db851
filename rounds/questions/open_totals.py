"""How many unanswered pictures show the target: predicted by scores, corrected by answers to the random sample.

Seven answers alone say next to nothing: two or three pictures a stratum. Scores alone do not say how far off they are.
So both are combined. The share of a stratum's open pictures that show the target is the share that the scores predict,
moved in log odds by an unknown error: one error that all scores share, and one of each stratum's own. The prior of
these errors is wide (`_SHARED`, `_OWN`), and with probability `_BLIND` the scores of a stratum carry no information.
The likelihood of the answers is hypergeometric, as in each stratum they are a simple random sample without replacement.
So with few answers the estimate is the prediction, give or take an error as large as miscalibrated models have; with
many it is the interval of the answers alone, however wrong the scores are.

Source: Särndal, Swensson & Wretman 1992, "Model Assisted Survey Sampling", for a model that a random sample corrects;
Firth & Bennett 1998, "Robust models in probability sampling", for an intercept a stratum; the prior on the errors
stands in for a variance that cannot be estimated from two answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from classifier.arrays import FloatArray, IntArray
from classifier.metrics.calibration import log_odds, sigmoid

DRAWS = 3000
_SHARED = 0.5  # standard deviation of the error that all scores share, log odds
_OWN = 0.7  # scale of each stratum's own error, log odds; Student's t with _FREEDOM
_TOO_SURE = 0.06  # more of it for each unit of predicted log odds, towards an even chance: scores may be too sure
_TOO_MODEST = 0.4  # and away from it: they may be too modest, which widens the interval little
_FREEDOM = 4.0
_BLIND = 0.1  # probability that a stratum's scores carry no information
_REACH = 12.0  # log odds; range of the shares that are tried
_STEPS = 321  # shares
_REPEATS = 4  # numbers of pictures tried for each share
_SHARED_STEPS = 15


@dataclass(frozen=True, slots=True)
class StratumSample:
    """Counts and prediction of one stratum."""

    size: int  # pictures
    open: int  # nobody has answered, or somebody was unsure
    known: int  # answered, and they show the target
    sampled: int  # answered as members of the random sample
    shown: int  # of the sample: they show the target
    predicted: float  # share of the open ones that show it by scores and tags, 0..1
    by_score: bool  # the prediction is by score, not by tag, so it shares the scores' error


def open_totals(strata: Sequence[StratumSample], *, seed: int = 0) -> IntArray:
    """Posterior draws of the number of open pictures that show the target, shape (strata, DRAWS)."""
    random = np.random.default_rng(seed)
    shared = _SHARED * _normal_quantiles(_SHARED_STEPS)
    tried = [_Tried.of(stratum, shared, random) for stratum in strata]
    likely = np.sum([stratum.evidence() for stratum in tried], axis=0)
    chances = np.exp(likely - likely.max())
    errors = random.choice(len(shared), DRAWS, p=chances / chances.sum())
    return np.stack([stratum.draw(errors, random) for stratum in tried])


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """Possible numbers of one stratum, and the likelihood of its answers under each."""

    numbers: IntArray  # (_STEPS, _REPEATS) of open pictures that show the target
    fit: FloatArray  # (_STEPS, _REPEATS) likelihood of the answers, 1 for the best
    believed: FloatArray  # (shared errors, _STEPS) prior probability of each share

    @classmethod
    def of(cls, stratum: StratumSample, shared: FloatArray, random: np.random.Generator) -> _Tried:
        odds = np.linspace(-_REACH, _REACH, _STEPS)
        shares = np.repeat(sigmoid(odds)[:, None], _REPEATS, axis=1)
        numbers = random.binomial(stratum.open, shares).astype(np.int64)
        fit = _hypergeometric(stratum, numbers)
        return cls(numbers, np.exp(fit - fit.max()), _believed(stratum, odds, shared))

    def evidence(self) -> FloatArray:
        """Log likelihood of each shared error, up to a constant."""
        return np.asarray(np.log(self.believed @ self.fit.sum(axis=1)))

    def draw(self, errors: IntArray, random: np.random.Generator) -> IntArray:
        """A number for each draw of the shared error (an index), shape of `errors`."""
        draws = np.empty(len(errors), dtype=np.int64)
        for place in np.unique(errors).tolist():
            rows = np.flatnonzero(errors == place)
            chances = (self.believed[place][:, None] * self.fit).ravel()
            draws[rows] = random.choice(self.numbers.ravel(), len(rows), p=chances / chances.sum())
        return draws


def _believed(stratum: StratumSample, odds: FloatArray, shared: FloatArray) -> FloatArray:
    """The prior probability of each share, by shared error, shape (shared errors, shares)."""
    predicted = log_odds(
        (stratum.predicted * stratum.open + 0.5) / (stratum.open + 1)
    )  # never less than half a picture
    centres = predicted + shared * stratum.by_score
    error = odds[None, :] - centres[:, None]
    own = error / (_OWN + abs(predicted) * np.where(error * predicted > 0, _TOO_MODEST, _TOO_SURE))
    near = (1 + own**2 / _FREEDOM) ** (-(_FREEDOM + 1) / 2)
    near /= near.sum(axis=1, keepdims=True)
    anything = np.sqrt(sigmoid(odds) * sigmoid(-odds))  # Jeffreys' prior of a share, on the scale of log odds
    anything /= anything.sum()
    return np.asarray((1 - _BLIND) * near + _BLIND * anything)


def _hypergeometric(stratum: StratumSample, numbers: IntArray) -> FloatArray:
    """Log likelihood of the sample when so many of the open ones show the target, up to a constant."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, stratum.size + 1)))])  # of the factorials
    showing = stratum.known + numbers
    others = stratum.size - showing
    missed = stratum.sampled - stratum.shown
    possible = (showing >= stratum.shown) & (others >= missed)
    hits = logs[showing] - logs[np.maximum(showing - stratum.shown, 0)]
    misses = logs[others] - logs[np.maximum(others - missed, 0)]
    return np.where(possible, hits + misses, -np.inf)


def _normal_quantiles(count: int) -> FloatArray:
    """Equally likely values of a standard normal."""
    return np.array([NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)])
