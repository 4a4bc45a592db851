"""The head of a model: the few numbers that turn an embedding into a probability for one target.

embedding (d floats, stored as float16) -> weights and bias -> logit -> calibration -> shift of the post's stratum, and
of what taggers say of it -> probability 0..1 that the picture shows the target, given the picture, whether the post
names somebody else, and the taggers' percents and the penultimate layer of the user's own, where the head weighs them.
Fitting is done elsewhere; here is what is fitted, how it is applied, and how it is stored. The score is always
computed from the float16 embedding, one picture at a time, so that a stored embedding gives the identical score.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier import tagger_block
from classifier.arrays import FloatArray
from classifier.errors import PackageError
from classifier.package.bounded_json import read_json
from classifier.package.npz_arrays import ArraySpec, read_arrays
from classifier.tagger_block import TaggerBlock, TaggerVectors, block_from
from storage.ai_weights import LOG_ODDS_OF_PERCENT, ai_weights_from_json, unheard_shift
from storage.records import AiTagWeight, Stratum

Weights = npt.NDArray[np.float32]
Embeddings = npt.NDArray[np.float32] | npt.NDArray[np.float16]
Strata = npt.NDArray[np.int8]  # of `Stratum`
AiPercents = Mapping[str, npt.NDArray[np.int64]]  # by source what taggers say of each picture, 0..100; -1: nothing

EMBEDDING_DTYPE = np.dtype("<f2")  # as stored: half precision, little endian
_ARRAYS = {
    "weights": ArraySpec("<f4", 1),
    "bias": ArraySpec("<f8", 1),
    "knots": ArraySpec("<f8", 1),
    "values": ArraySpec("<f8", 1),
}
_LATER_ARRAYS = {  # that files of earlier versions lack
    "shifts": ArraySpec("<f8", 1),
    "ai_weights": ArraySpec("|u1", 1),  # JSON; only where there are any, so that versions that weigh none refuse these
    **tagger_block.ARRAYS,  # as these
}
_STRATA = len(Stratum)
_NO_SHIFTS = (0.0,) * _STRATA
_LARGEST_SHIFT = 50.0  # log odds; beyond, a score is 0 or 1 whatever the picture shows


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """From logit to probability.

    Without a table: Platt scaling, `sigmoid(slope * logit + intercept)`. With one: a rising piecewise-linear curve
    through (`knots`, `values`), constant beyond its ends.
    """

    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = ()  # logits, strictly rising
    values: tuple[float, ...] = ()  # probabilities at the knots, 0..1, never falling

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept)):
            raise ValueError(f"calibration must be finite, got slope {self.slope}, intercept {self.intercept}")
        if self.slope <= 0:
            raise ValueError(f"calibration slope must be positive (a higher logit is a better match), got {self.slope}")
        if len(self.knots) != len(self.values) or len(self.knots) == 1:
            raise ValueError(f"calibration has {len(self.knots)} knots and {len(self.values)} values; need two or more")
        if self.knots and not np.isfinite(self.knots).all():
            raise ValueError("calibration knots must be finite")
        if any(after <= before for before, after in zip(self.knots, self.knots[1:], strict=False)):
            raise ValueError("calibration knots must rise")
        if any(not 0 <= value <= 1 for value in self.values) or list(self.values) != sorted(self.values):
            raise ValueError("calibration values must be probabilities that never fall")

    def probabilities(self, logits: npt.ArrayLike, shifts: npt.ArrayLike = 0.0) -> FloatArray:
        """Probabilities, 0..1, in the shape of `logits`; not-a-number stays not-a-number.

        Args:
            logits: of the head.
            shifts: log odds added to the calibrated ones; of the shape of `logits`, or one for all.
        """
        x, by = np.asarray(logits, dtype=np.float64), np.asarray(shifts, dtype=np.float64)
        if self.knots:
            return _moved(np.interp(x, self.knots, self.values), by)
        z = np.clip(self.slope * x + self.intercept + by, -700, 700)  # exp overflows beyond
        return np.asarray(1.0 / (1.0 + np.exp(-z)), dtype=np.float64)


def _moved(probabilities: FloatArray, shifts: FloatArray) -> FloatArray:
    """Probabilities under log odds that are higher by `shifts`; certainty stays."""
    odds = np.exp(np.clip(shifts, -_LARGEST_SHIFT, _LARGEST_SHIFT))
    moved = probabilities * odds / (1 + probabilities * (odds - 1))
    return np.asarray(np.where(shifts == 0, probabilities, moved), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """One target's head."""

    weights: Weights  # (d,)
    bias: float
    calibration: Calibration = Calibration()  # holds for posts that name nobody
    shifts: tuple[float, ...] = _NO_SHIFTS  # by `Stratum`: log odds added to the calibrated ones of such a post
    ai_weights: tuple[AiTagWeight, ...] = ()  # what taggers' words add to them; one a source
    tagger_block: TaggerBlock | None = None  # what the penultimate layer of the user's tagger adds to them

    def __post_init__(self) -> None:
        if self.weights.ndim != 1 or not self.weights.size:
            raise ValueError(f"head weights must have the shape (d,), got {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and math.isfinite(self.bias)):
            raise ValueError("head weights and bias must be finite")
        if len(self.shifts) != _STRATA or not all(abs(shift) <= _LARGEST_SHIFT for shift in self.shifts):
            raise ValueError(f"a head needs {_STRATA} shifts of at most {_LARGEST_SHIFT:g}, got {self.shifts!r:.100}")
        if len({one.source for one in self.ai_weights}) < len(self.ai_weights):
            raise ValueError(f"a head weighs each tagger once, got {[one.source for one in self.ai_weights]!r:.100}")
        if self.shifts[Stratum.NOBODY]:
            raise ValueError(f"the calibration holds where nobody is named, so its shift is 0, got {self.shifts[0]}")

    @property
    def dimension(self) -> int:
        """Length of the embedding that it wants."""
        return int(self.weights.size)

    def logits(self, embeddings: Embeddings) -> FloatArray:
        """Logits, shape (n,), of embeddings, shape (n, d); rounded to float16 first, as they are stored.

        Raises:
            ValueError: the embeddings are of another length.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.dimension:
            raise ValueError(f"expected embeddings of shape (n, {self.dimension}), got {embeddings.shape}")
        with np.errstate(over="ignore", invalid="ignore"):  # ends as a score that is no probability, and is refused
            rounded = embeddings.astype(EMBEDDING_DTYPE).astype(np.float64)
            return np.asarray((rounded * self.weights.astype(np.float64)).sum(axis=1) + self.bias, dtype=np.float64)

    def tagger_words(self) -> list[str]:
        """What it makes of taggers, for people."""
        block = [] if self.tagger_block is None else [self.tagger_block.words()]
        return [*(one.words() for one in self.ai_weights), *block]

    @property
    def tagger_network(self) -> str:
        """Which tagger's penultimate layer it looks at too; "": none."""
        return "" if self.tagger_block is None else self.tagger_block.network

    def probabilities(
        self,
        embeddings: Embeddings,
        strata: Strata | None = None,
        ai_percents: AiPercents | None = None,
        tagger_vectors: TaggerVectors | None = None,
    ) -> FloatArray:
        """Calibrated probabilities, shape (n,), of embeddings, shape (n, d).

        Args:
            embeddings: of the pictures.
            strata: of `Stratum`, shape (n,), of the posts; None: of pictures whose posts are not known.
            ai_percents: what taggers say of the posts, (n,) a source; None: of pictures whose posts are not known.
            tagger_vectors: of the pictures by taggers' penultimate layers, (n, k) a network; None: there are none.
        """
        return self.calibrated(self.logits(embeddings), strata, ai_percents, tagger_vectors)

    def calibrated(
        self,
        logits: FloatArray,
        strata: Strata | None = None,
        ai_percents: AiPercents | None = None,
        tagger_vectors: TaggerVectors | None = None,
    ) -> FloatArray:
        """Probabilities, shape (n,), from this head's own logits, shape (n,); not-a-number stays not-a-number."""
        by: FloatArray | float = np.array(self.shifts)[strata] if strata is not None and any(self.shifts) else 0.0
        if ai_percents is not None and self.ai_weights:
            by = by + _ai_shifts(self.ai_weights, ai_percents, len(logits))
        if self.tagger_block is not None and tagger_vectors is not None and self.tagger_network in tagger_vectors:
            by = by + self.tagger_block.shifts(tagger_vectors[self.tagger_network])
        return self.calibration.probabilities(logits, by)

    def score(self, stored: bytes, stratum: int = Stratum.NOBODY) -> float:
        """The calibrated probability for one stored embedding (float16, little endian) of a post of a stratum.

        Raises:
            ValueError: it is of another length.
        """
        return float(self.probabilities(read_embedding(stored)[None, :], np.array([stratum], dtype=np.int8))[0])


def ai_log_odds(percents: npt.NDArray[np.int64]) -> FloatArray:
    """Log odds, shape (n,), of taggers' percents, shape (n,); 0 where they say nothing."""
    return np.array([*LOG_ODDS_OF_PERCENT, 0.0])[percents]


def _ai_shifts(weights: Sequence[AiTagWeight], ai_percents: AiPercents, rows: int) -> FloatArray:
    """Log odds, shape (n,), by what taggers say of n rows; as `storage.ai_weights.ai_shift` gives them one by one."""
    by, heard = np.zeros(rows), np.zeros(rows, dtype=np.bool_)
    for weight in weights:
        percents = ai_percents.get(weight.source)
        if percents is not None:
            by += np.where(percents >= 0, weight.slope * ai_log_odds(percents) + weight.offset, 0.0)
            heard |= percents >= 0
    return np.where(heard, by, unheard_shift(weights))


def read_embedding(stored: bytes) -> npt.NDArray[np.float16]:
    """A stored embedding, shape (d,)."""
    return np.frombuffer(stored, dtype=EMBEDDING_DTYPE).astype(np.float16)


def write_head(path: Path, head: Head) -> None:
    """Write a head as one `.npz` file without any pickled object."""
    calibration = head.calibration
    encoded = json.dumps([one.to_json() for one in head.ai_weights], allow_nan=False).encode()
    ai_weights = {"ai_weights": np.frombuffer(encoded, dtype=np.uint8)} if head.ai_weights else {}
    np.savez(
        path,
        allow_pickle=False,
        weights=head.weights.astype("<f4"),
        bias=np.array([head.bias, calibration.slope, calibration.intercept], dtype="<f8"),
        knots=np.array(calibration.knots, dtype="<f8"),
        values=np.array(calibration.values, dtype="<f8"),
        shifts=np.array(head.shifts, dtype="<f8"),
        **ai_weights,
        **({} if head.tagger_block is None else head.tagger_block.arrays()),
    )


def parse_head(content: bytes, path: Path) -> Head:
    """The head in what `write_head` wrote; the path is for messages.

    Raises:
        PackageError: its numbers make no head.
    """
    try:
        return _head(read_arrays(content, _ARRAYS, _LATER_ARRAYS))
    except ValueError as error:
        raise PackageError(f"{path} is not the head of a model: {error}; train the model again") from error


def _head(arrays: Mapping[str, npt.NDArray[np.generic]]) -> Head:
    bias, slope, intercept = (float(value) for value in arrays["bias"].astype(np.float64))
    knots, values = (tuple(float(x) for x in arrays[name].astype(np.float64)) for name in ("knots", "values"))
    shifts = tuple(float(shift) for shift in arrays["shifts"].astype(np.float64)) if "shifts" in arrays else _NO_SHIFTS
    ai_weights = ai_weights_from_json(read_json(arrays["ai_weights"].tobytes())) if "ai_weights" in arrays else ()
    calibration = Calibration(slope, intercept, knots, values)
    return Head(arrays["weights"].astype(np.float32), bias, calibration, shifts, ai_weights, block_from(arrays))
