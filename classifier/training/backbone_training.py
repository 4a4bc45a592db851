"""Training a backbone on all the characters at once.

Every picture may show several characters, so each character has a logit of its own; a picture whose tags name no
known character is an example of "none of these". Half way, the unlabelled pictures of which the network is sure join
the training set (self-training): they are pictures of this very gallery. Weights are averaged over the last steps.

Nothing here is TensorFlow's: the loop uses Keras' backend-neutral calls alone, and a test may run it with pictures of
sixteen pixels. The same seed gives the same training; only the time budget may shorten it, and the summary says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.training.augmentation import Changes, FloatPictures, Pictures, changed
from classifier.training.history import TrainingHistory, history_of
from classifier.training.pace import Clock, Share, TrainingPace
from system.processor_share import ProcessorShare

_HALF_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
CLASSIFIER_LAYER = "characters"  # name of the layer that gives one logit a character
FULL, HALF = "float32", "mixed_bfloat16"
LOG_ODDS_LIMIT = 15.0  # of the embedding's last columns: float16 keeps them to 0.01
_NEVER = -1e4  # a logit that plays no part
_PREDICT_BATCH = 128
_PACKAGE_KEYS = {"self_trained": "self_taught"}  # where a field is called otherwise in packages
_TOO_EARLY = 0.5  # pseudo-labels made after fewer of the steps that they should have waited for are made again


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """How a backbone is trained: hyperparameters."""

    epochs: float = 30.0  # passes over the labelled pictures
    least_steps: int = 900  # however few the pictures are: a network from scratch needs its steps
    batch: int = 64  # pictures
    peak_rate: float = 3e-3  # learning rate, reached after the warm-up and lowered along a half cosine
    weight_decay: float = 0.02
    logit_penalty: float = 0.003  # weight of the squared logits in the loss
    dropout: float = 0.2
    averaging: float = 0.99  # of the weights, per step
    self_training_from: float = 0.5  # share of the steps after which pseudo-labelled pictures join; 1: never
    sure: float = 0.8  # probability from which an unlabelled picture gets a pseudo-label
    changes: Changes = field(default_factory=Changes)
    seed: int = 0
    time_budget_s: float = 360.0  # of a machine that is free; the number of steps is fitted to it
    precision: str = "auto"  # float32 | mixed_bfloat16 | auto: whichever is faster on this processor

    def __post_init__(self) -> None:
        if self.epochs <= 0 or self.batch < 2 or self.time_budget_s <= 0:
            raise ValueError(
                f"expected epochs > 0, batch >= 2 and a time budget > 0, got {self.epochs}, {self.batch}, "
                f"{self.time_budget_s}"
            )


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a backbone is trained on; n labelled and m unlabelled pictures, k characters."""

    pictures: Pictures  # RGB, shape (n, size, size, 3)
    shows: Float32Array  # shape (n, k), 1 where the tags name the character, else 0
    unlabelled: Pictures  # shape (m, size, size, 3); may be empty

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.shows) or self.shows.ndim != 2:
            raise ValueError(f"{len(self.pictures)} pictures, but what they show has the shape {self.shows.shape}")
        if not len(self.pictures):
            raise ValueError("a training set needs pictures")


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far training is."""

    step: int
    steps: int
    loss: float  # mean of the last steps
    pictures_per_s: float


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What training took."""

    steps: int
    planned_steps: int  # more than `steps` where the time budget was short
    seconds: float
    pictures_per_s: float
    loss: float
    self_trained: int  # unlabelled pictures that joined the training set
    precision: str = "float32"  # while training
    left_out: int = 0  # pictures whose tags were contradicted beforehand, so that they were not trained on
    counted_s: float = 0.0  # of the seconds, what counted against the time budget: less where the machine was busy
    stages: tuple[str, ...] = ()  # what a recipe's stages came to, for people
    history: TrainingHistory = field(default_factory=TrainingHistory)  # kept in a file of its own

    def facts(self) -> dict[str, Any]:
        """Plain values by the names that they have in packages, without the history."""
        names = [one.name for one in fields(self) if one.name not in ("history", "stages")]
        facts = {_PACKAGE_KEYS.get(name, name): getattr(self, name) for name in names}
        return facts | ({"stages": list(self.stages)} if self.stages else {})


@dataclass(frozen=True, slots=True)
class Network:
    """A backbone with one logit a character on top."""

    logits: Any  # keras.Model: pictures (n, size, size, 3) -> (n, k)
    embedding: Any  # keras.Model: pictures -> (n, features + k): mean features and log odds of picture and mirror image
    characters: int  # k
    loss: Callable[[Any, Any], Any] | None = None  # of what is to be learned and the logits; None: of shown characters


def trained_network(
    backbone: Callable[[], Any],
    training_set: TrainingSet,
    recipe: TrainingRecipe,
    *,
    begin: Callable[[Network], None] = lambda _: None,
    report: Callable[[TrainingProgress], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> tuple[Network, TrainingSummary]:
    """Build and train a network, in whichever precision is faster here; it is returned in full precision.

    Args:
        backbone: builds the `keras.Model` from pictures to features.
        training_set: pictures and what they show.
        recipe: how.
        begin: called with the built network before it learns; may give it what an earlier one knows.
        report: called every few steps.
        clock: seconds.
    """
    import keras

    characters = training_set.shows.shape[1]
    precision = recipe.precision
    if precision == "auto":
        precision = _faster_precision()
    keras.utils.set_random_seed(recipe.seed)
    model = _in_precision(precision, backbone, characters, recipe.dropout)
    begin(model)
    facts = train(model, training_set, recipe, report=report, clock=clock)
    if precision != FULL:
        whole = _in_precision(FULL, backbone, characters, recipe.dropout)
        for variable, trained in zip(whole.logits.variables, model.logits.variables, strict=True):
            variable.assign(keras.ops.convert_to_tensor(trained, dtype=variable.dtype))
        model = whole
    return model, replace(facts, precision=precision)


def network(features: Any, characters: int, dropout: float = 0.2) -> Network:
    """Put a logit a character on a backbone's features.

    Args:
        features: `keras.Model` from pictures, 0..255, to features.
        characters: how many it learns.
        dropout: share of the features that is left out while training.

    Returns:
        The network. Its embedding looks at the picture and at its mirror image and ends with the log odds.
    """
    import keras

    pictures = features.inputs[0]
    thinned = keras.layers.Dropout(dropout)(features.outputs[0])
    classifier_layer = keras.layers.Dense(characters, dtype="float32", name=CLASSIFIER_LAYER)
    logits = keras.Model(pictures, classifier_layer(thinned), name="logits")

    both = keras.Model(pictures, [features.outputs[0], classifier_layer(features.outputs[0])], name="both")
    seen = keras.Input(pictures.shape[1:], name="pictures")
    straight, mirrored = both(seen), both(keras.ops.flip(seen, axis=2))
    parts = [(one + other) * 0.5 for one, other in zip(straight, mirrored, strict=True)]
    parts[1] = keras.ops.clip(parts[1], -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
    whole = keras.layers.Concatenate(name="embedding", dtype="float32")(parts)
    return Network(logits, keras.Model(seen, whole, name="embedding"), characters)


def train(
    model: Network,
    training_set: TrainingSet,
    recipe: TrainingRecipe,
    *,
    report: Callable[[TrainingProgress], None] = lambda _: None,
    clock: Clock = time.monotonic,
    share: Share | None = None,
) -> TrainingSummary:
    """Train the network in place.

    Args:
        model: from `network`.
        training_set: pictures and what they show.
        recipe: how.
        report: called every few steps.
        clock: seconds; read to keep to the time budget.
        share: how much of the machine other work leaves; None: as the system counts it.
    """
    import keras

    optimizer = keras.optimizers.AdamW(
        recipe.peak_rate, weight_decay=recipe.weight_decay, use_ema=True, ema_momentum=recipe.averaging
    )
    model.logits.compile(optimizer, model.loss or _loss(recipe.logit_penalty))
    course = _Course(training_set, recipe, clock, share or ProcessorShare())
    losses: list[float] = []
    rates: list[float] = []
    pace = course.pace
    with ThreadPoolExecutor(1, "augmentation") as ahead:
        coming = ahead.submit(course.batch, 0)
        while pace.step < pace.steps:
            pictures, shows = coming.result()
            coming = ahead.submit(course.batch, pace.step + 1)
            rates.append(recipe.peak_rate * pace.rate())
            optimizer.learning_rate = rates[-1]
            losses.append(float(model.logits.train_on_batch(pictures, shows)))
            pace.stepped()
            if course.pseudo_labels_are_due():
                coming.result()  # it must not read the training set while that grows
                with pace.pause():
                    course.join(*_pseudo_labels(model, optimizer, training_set, recipe))
                coming = ahead.submit(course.batch, pace.step)
            if pace.step % 10 == 0 or pace.step == pace.steps:
                report(TrainingProgress(pace.step, pace.steps, float(np.mean(losses[-50:])), course.pictures_per_s()))
        coming.cancel()
    optimizer.finalize_variable_values(model.logits.trainable_variables)
    return TrainingSummary(
        steps=pace.step,
        planned_steps=pace.planned,
        seconds=pace.seconds(),
        pictures_per_s=course.pictures_per_s(),
        loss=float(np.mean(losses[-50:])),
        self_trained=course.joined,
        counted_s=pace.counted_s(),
        history=history_of(losses, rates, len(training_set.pictures) / recipe.batch),
    )


def _in_precision(precision: str, backbone: Callable[[], Any], characters: int, dropout: float) -> Network:
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        return network(backbone(), characters, dropout)
    finally:
        keras.config.set_dtype_policy(before)


def _faster_precision(processor_facts: Path = Path("/proc/cpuinfo")) -> str:
    """Half precision where the processor computes in it; elsewhere it is emulated, and many times slower."""
    try:
        flags = set(processor_facts.read_text().split())
    except OSError:
        return FULL  # not Linux: nobody says
    return HALF if flags & _HALF_FLAGS else FULL


def embeddings(model: Network, pictures: Pictures) -> Float32Array:
    """Embeddings of pictures, shape (n, features + characters)."""
    batches = [_predicted(model.embedding, part.astype(np.float32)) for part in _parts(pictures)]
    return np.concatenate(batches) if batches else np.zeros((0, model.embedding.output_shape[-1]), np.float32)


class _Course:
    """Which pictures come when, and when pseudo-labelled ones join them."""

    def __init__(self, training_set: TrainingSet, recipe: TrainingRecipe, clock: Clock, share: Share) -> None:
        self._training_set, self._recipe = training_set, recipe
        planned = max(recipe.least_steps, math.ceil(recipe.epochs * len(training_set.pictures) / recipe.batch))
        self.pace = TrainingPace(planned, recipe.time_budget_s, clock, share)
        self.joined = 0
        self._pseudo_labelled_after = 0  # steps; 0: not yet
        self._pictures, self._shows = training_set.pictures, training_set.shows
        self._order = self._shuffled(0)

    def batch(self, step: int) -> tuple[FloatPictures, Float32Array]:
        rows = np.array([next(self._order) for _ in range(self._recipe.batch)])
        random = np.random.default_rng((self._recipe.seed, 1, step))
        return changed(self._pictures[rows], self._recipe.changes, random), self._shows[rows]

    def pseudo_labels_are_due(self) -> bool:
        """Half way; and again where that turns out to have been far from half way, because the plan has grown since."""
        wait, step = self._recipe.self_training_from * self.pace.steps, self.pace.step
        if not wait <= step < self.pace.steps or not len(self._training_set.unlabelled):
            return False
        if self._pseudo_labelled_after and self._pseudo_labelled_after >= _TOO_EARLY * wait:
            return False
        self._pseudo_labelled_after = step
        return True

    def join(self, pictures: Pictures, shows: Float32Array) -> None:
        """Learn from these, too, in the place of earlier pseudo-labels."""
        self.joined = len(pictures)
        self._pictures = np.concatenate([self._training_set.pictures, pictures])
        self._shows = np.concatenate([self._training_set.shows, shows])
        self._order = self._shuffled(self._pseudo_labelled_after)

    def pictures_per_s(self) -> float:
        return self.pace.steps_per_s() * self._recipe.batch

    def _shuffled(self, part: int) -> Iterator[int]:
        random = np.random.default_rng((self._recipe.seed, 2, part))
        count = len(self._pictures)

        def forever() -> Iterator[int]:
            while True:
                yield from random.permutation(count).tolist()

        return forever()


def _loss(logit_penalty: float) -> Callable[[Any, Any], Any]:
    """Every character that is shown must outscore zero, and zero every other one; soft maxima say by how much.

    With one character a picture it learns as fast as a softmax, yet it allows for several and for none. The squares
    of the logits, times `logit_penalty`, keep it from growing too sure. (Measured: binary cross-entropy learns slower.)
    Source: Su et al. 2022, "ZLPR: A Novel Loss for Multi-label Classification".
    """

    def loss(shows: Any, logits: Any) -> Any:
        from keras import ops

        shown, zero = shows > 0.5, ops.zeros_like(logits[:, :1])
        right = ops.concatenate([ops.where(shown, -logits, _NEVER), zero], axis=1)
        wrong = ops.concatenate([ops.where(shown, _NEVER, logits), zero], axis=1)
        size = logit_penalty * ops.sum(ops.square(logits), axis=1)
        return ops.logsumexp(right, axis=1) + ops.logsumexp(wrong, axis=1) + size

    return loss


def _pseudo_labels(
    model: Network, optimizer: Any, training_set: TrainingSet, recipe: TrainingRecipe
) -> tuple[Pictures, Float32Array]:
    """The unlabelled pictures of which the averaged network is sure, and the characters that it gives them."""
    import keras

    current = [keras.ops.copy(variable) for variable in model.logits.trainable_variables]
    optimizer.finalize_variable_values(model.logits.trainable_variables)  # look with the averaged weights
    odds = embeddings(model, training_set.unlabelled)[:, -model.characters :]
    for variable, value in zip(model.logits.trainable_variables, current, strict=True):
        variable.assign(value)
    seen = odds >= math.log(recipe.sure / (1 - recipe.sure))
    sure = seen.any(axis=1)
    return training_set.unlabelled[sure], seen[sure].astype(np.float32)


def _parts(pictures: Pictures) -> Iterator[Pictures]:
    for start in range(0, len(pictures), _PREDICT_BATCH):
        yield pictures[start : start + _PREDICT_BATCH]


def _predicted(model: Any, pictures: FloatPictures) -> Float32Array:
    """Predict one padded batch, so that the backend compiles one shape only."""
    padded = np.zeros((_PREDICT_BATCH, *pictures.shape[1:]), np.float32)
    padded[: len(pictures)] = pictures
    return np.asarray(model.predict_on_batch(padded), dtype=np.float32)[: len(pictures)]
