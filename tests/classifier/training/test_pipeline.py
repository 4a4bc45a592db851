"""Learning: from pictures and tags to a model, with pictures of sixteen pixels."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import TooFewExamples
from classifier.package.embedding_blocks import Block, in_a_row
from classifier.package.package import load_package
from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import ProgressCallback
from classifier.training.backbone_training import (
    TrainingRecipe,
    TrainingSet,
    TrainingSummary,
    embeddings,
    trained_network,
)
from classifier.training.history import training_curves
from classifier.training.job import PICTURES, FirstWeights, TrainingJob, write_job
from classifier.training.packager import report, split_md5s
from classifier.training.pipeline import (
    Embedded,
    Example,
    Goal,
    Learned,
    Material,
    Minimum,
    TargetSpec,
    TrainingPlan,
    from_scratch,
    learn,
)
from classifier.training.splits import Identity
from classifier.training.worker import run

CAST = ("red", "green", "blue")
QUICK = TrainingRecipe(epochs=12, least_steps=20, batch=16, peak_rate=0.02, averaging=0.9, precision="float32")
QUICKLY = TrainingPlan(recipe=QUICK)


def painted(count: int, seed: int, hidden: float = 0.3) -> tuple[np.ndarray, list[str], list[Example]]:
    """Squares in three colours on noise; some without their tag."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 90, (count, 16, 16, 3)).astype(np.uint8)
    colours = random.integers(0, 3, count)
    pictures[np.arange(count), 4:12, 4:12, colours] = 230 if count == 1 else 220
    for row, colour in enumerate(colours):
        pictures[row, 4:12, 4:12, colour] = 220
    names = [CAST[colour] for colour in colours]
    untagged = random.random(count) < hidden
    examples = [
        Example(Identity(row + 1, md5=str(row)), () if bare else (name,), not bare)
        for row, (name, bare) in enumerate(zip(names, untagged.tolist(), strict=True))
    ]
    return pictures, names, examples


def tiny() -> Any:
    import keras

    pictures = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(pictures)
    x = keras.layers.Conv2D(8, 4, strides=4, activation="relu")(x)
    return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(x))


@pytest.fixture(scope="module")
def learned() -> tuple[Learned, list[str], list[Example]]:
    pictures, names, examples = painted(400, 0)
    specs = [TargetSpec("red", "red"), TargetSpec("blue", "blue", goal=Goal(precision=None, recall=0.9))]
    return learn(pictures, examples, specs, QUICKLY, embedder=from_scratch(tiny, QUICKLY)), names, examples


def test_untagged_pictures_of_the_target_are_found(learned: tuple[Learned, list[str], list[Example]]) -> None:
    model, names, examples = learned

    for target in model.targets:
        scores = target.learned.head.probabilities(model.embedded.embeddings)
        untagged = np.array([not example.labelled for example in examples])
        shown = np.array([name == target.spec.target for name in names])
        kept = scores >= target.learned.chosen.threshold
        assert shown[untagged & kept].mean() > 0.9
        assert kept[untagged & shown].mean() > 0.85


def test_several_targets_share_one_backbone(learned: tuple[Learned, list[str], list[Example]]) -> None:
    model, _, _ = learned

    assert [target.spec.target for target in model.targets] == ["red", "blue"]
    assert model.embedded.classes[:2] == ("red", "blue")
    assert {target.learned.head.dimension for target in model.targets} == {model.embedded.embeddings.shape[1]}


def test_untagged_pictures_never_count_as_anything_tagged(learned: tuple[Learned, list[str], list[Example]]) -> None:
    model, _, examples = learned

    rows = np.concatenate([model.split.train, model.split.validation, model.split.test])

    assert all(examples[row].labelled for row in rows)


def test_the_prevalence_is_that_of_the_untagged_part(learned: tuple[Learned, list[str], list[Example]]) -> None:
    model, names, examples = learned

    untagged = [name for name, example in zip(names, examples, strict=True) if not example.labelled]
    assert model.targets[0].learned.facts["prevalence"] == pytest.approx(untagged.count("red") / len(untagged), abs=0.1)


@pytest.mark.fault("M15")
def test_too_few_pictures_of_the_target_are_counted_and_refused() -> None:
    pictures, _, examples = painted(60, 1)

    with pytest.raises(TooFewExamples, match=r"found \d+ pictures tagged red \(at least 30\)"):
        learn(pictures, examples, [TargetSpec("red", "red")], QUICKLY, embedder=from_scratch(tiny, QUICKLY))


def test_pictures_that_are_all_one_set_are_refused() -> None:
    pictures, _, examples = painted(300, 2)
    one_set = [
        Example(Identity(example.identity.post_id, set_key="one"), example.characters, example.labelled)
        for example in examples
    ]
    plan = replace(QUICKLY, minimum=Minimum(per_split=1))

    with pytest.raises(TooFewExamples, match="all of one set"):
        learn(pictures, one_set, [TargetSpec("red", "red")], plan, embedder=from_scratch(tiny, plan))


def test_labels_by_a_persons_folders_are_never_corrected() -> None:
    pictures, names, examples = painted(400, 7, hidden=0.0)
    green = [row for row, name in enumerate(names) if name == "green"]
    mislabelled = [replace(one, characters=("red",)) if row in green[::16] else one for row, one in enumerate(examples)]
    plan = TrainingPlan(recipe=QUICK, tags_may_lie=False)

    model = learn(pictures, mislabelled, [TargetSpec("red", "red")], plan, embedder=from_scratch(tiny, plan))

    assert model.targets[0].learned.doubted.sum() == 0
    assert model.targets[0].shows.sum() == sum("red" in one.characters for one in mislabelled)


def test_a_short_time_budget_shortens_the_training_and_says_so() -> None:
    pictures, _, _ = painted(64, 3)
    clock = iter(np.arange(0.0, 10_000.0, 0.5))  # every look at the clock costs half a second
    training_set = TrainingSet(pictures, np.eye(3, dtype=np.float32)[np.zeros(64, int)], pictures[:0])

    _, facts = trained_network(
        tiny,
        training_set,
        TrainingRecipe(epochs=100, least_steps=20, batch=16, precision="float32", time_budget_s=3.0),
        clock=lambda: float(next(clock)),
    )

    assert facts.planned_steps == 400
    assert facts.steps < 100


def test_the_same_seed_gives_the_same_network() -> None:
    pictures, names, _ = painted(48, 4)
    shows = np.array([[name == other for other in CAST] for name in names], dtype=np.float32)
    recipe = TrainingRecipe(epochs=2, least_steps=6, batch=16, precision="float32", seed=5)

    one, other = (
        embeddings(trained_network(tiny, TrainingSet(pictures, shows, pictures[:0]), recipe)[0], pictures)
        for _ in range(2)
    )

    assert np.abs(one - other).max() < 1e-3


def test_the_mirror_image_has_the_same_embedding(learned: tuple[Learned, list[str], list[Example]]) -> None:
    model, _, _ = learned
    pictures, _, _ = painted(8, 6)

    network = model.embedded.model
    straight, mirrored = (np.asarray(network(one.astype(np.float32))) for one in (pictures, pictures[:, :, ::-1]))

    assert np.abs(straight - mirrored).max() < 1e-4


def prepare(folder: Path, count: int) -> None:
    pictures, _, examples = painted(count, 7)
    specs = [TargetSpec("red", "red"), TargetSpec("blue", "blue")]
    job = TrainingJob(
        examples=examples,
        specs=specs,
        plan=TrainingPlan(recipe=QUICK),
        preprocessing=Preprocessing(16),
        backbone=FirstWeights("small"),
        snapshot={"tag": "colours"},
    )
    write_job(folder, job)
    np.save(folder / PICTURES, pictures)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, when it saves
def test_a_job_becomes_packages_that_share_their_backbone(tmp_path: Path) -> None:
    prepare(tmp_path, 300)
    out = io.StringIO()

    code = run(tmp_path, out, lambda folder, job: from_scratch(tiny, job.plan))  # a minute less of compiling

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert code == 0, lines[-1]
    targets = lines[-1]["done"]["targets"]
    packages = [load_package(Path(target["folder"]), expected_hash=target["hash"]) for target in targets]
    assert [package.target for package in packages] == ["red", "blue"]
    assert packages[0].backbone_hash == packages[1].backbone_hash
    assert packages[1].blocks == (Block("taught", 0, 8), Block("log_odds", 8, 3))
    assert packages[0].curve is not None
    assert packages[0].card(1).margin is not None
    assert packages[0].card(1).margin == packages[0].margin_at(packages[0].threshold)
    assert packages[0].snapshot["tag"] == "colours"
    assert set(packages[0].snapshot["doubted"]) <= set(packages[0].snapshot["parts"]["test"])
    assert lines[0]["stage"] == "loading"
    loss = next(curve for curve in training_curves(packages[0]) if curve.name == "loss")
    assert len(loss.values) > 3
    assert loss.values[-1] < loss.values[0]


@pytest.mark.fault("M15")
def test_a_job_with_too_few_examples_ends_with_counts_and_its_code(tmp_path: Path) -> None:
    prepare(tmp_path, 40)
    out = io.StringIO()

    code = run(tmp_path, out)

    last = json.loads(out.getvalue().splitlines()[-1])
    assert code == last["exit_code"] == 2
    assert last["error"] == "TooFewExamples"
    assert last["facts"]["counts"]


def test_a_job_that_is_no_job_is_one_clear_line(tmp_path: Path) -> None:
    out = io.StringIO()

    assert run(tmp_path, out) == 1
    assert TrainingJob.FILE in json.loads(out.getvalue())["message"]


def test_what_a_published_network_need_not_learn_from_is_still_there_to_train_a_later_one() -> None:
    pictures, names, examples = painted(300, 9)
    seen = np.array([[name == one for one in CAST] for name in names]) + np.zeros((300, 3))

    def embedder(material: Material, report: ProgressCallback) -> Embedded:
        nobody = np.zeros(300, dtype=np.bool_)
        blocks = in_a_row(published=3)
        return Embedded(None, (), blocks, seen.astype(np.float16), nobody, TrainingSummary(0, 0, 1.0, 0.0, 0.0, 0))

    done = learn(pictures, examples, [TargetSpec("red", "red")], QUICKLY, embedder=embedder)
    parts = split_md5s(done, examples)

    labelled = sum(example.labelled for example in examples)
    shares = {name: len(md5s) / labelled for name, md5s in parts.items()}
    assert shares["train"] == 0 and 0.7 < shares["spared"] < 0.8
    assert 0.1 < shares["validation"] < 0.2 and 0.05 < shares["test"] < 0.15
    assert len({md5 for md5s in parts.values() for md5 in md5s}) == labelled


def test_the_sites_ai_tags_help_a_first_model_that_sees_little_and_the_report_says_so() -> None:
    pictures, names, examples = painted(600, 8)
    random = np.random.default_rng(8)
    percents = [int(random.integers(60, 99) if (name == "red") != (random.random() < 0.1) else 3) for name in names]
    heard = [
        replace(one, ai_percents={"red": {"site": percent}}) for one, percent in zip(examples, percents, strict=True)
    ]
    faint = random.normal(size=(600, 6)) + np.array([[name == "red"] for name in names]) * 1.5

    def embedder(material: Material, report: ProgressCallback) -> Embedded:
        nobody = np.zeros(600, dtype=np.bool_)
        blocks = in_a_row(published=faint.shape[1])
        return Embedded(None, (), blocks, faint.astype(np.float16), nobody, TrainingSummary(0, 0, 1.0, 0.0, 0.0, 0))

    specs = [TargetSpec("red", "red")]
    plain, joined = (learn(pictures, some, specs, QUICKLY, embedder=embedder) for some in (examples, heard))

    assert plain.targets[0].learned.head.ai_weights == ()
    (weight,) = joined.targets[0].learned.head.ai_weights
    assert (weight.source, weight.tag) == ("site", "red") and weight.slope > 0
    assert "also weighs the site's AI tag: red at 90 %" in report(joined.targets[0], joined)
    assert "AI tag" not in report(plain.targets[0], plain)
