"""The quality bench: both sides learn from the same painted pictures and are tested on the same others."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.quality.__main__ import OTHER, PLAIN, SAME, WHOLE, QualityBench, asked_for, compared, parser
from bench.quality.folder_splits import FolderPicture, FolderSplits, splits_of
from bench.quality.seven_layer_recipe import SevenLayerRecipe, balanced
from bench.quality.table import Contestant, Scored, goal_met, ratio_to, report
from classifier.metrics.quality import evaluate
from classifier.pictures.preprocessing import Preprocessing
from rounds.round_zero import RoundSettings

pytestmark = pytest.mark.timeout(300)  # starts the real learning process; seconds on free cores

CAST = {"mona": (220, 40, 40), "fischl": (40, 220, 40), "klee": (40, 40, 220)}
SIDE = 24  # pixels
TINY = SevenLayerRecipe(size=SIDE, epochs=1, filters=(4, 8), units=(8,))
SHORT = RoundSettings(preprocessing=Preprocessing(32), time_budget_s=1.5, epochs=1)


def painted(folder: Path, counts: dict[str, int], *, labels: bool = False) -> Path:
    """Coloured squares on noise, a folder a class; with `labels`, twos are of one group, every fourth of them tests."""
    random, rows = np.random.default_rng(0), []
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
            top, left = random.integers(0, SIDE // 2, 2)
            pixels[top : top + 12, left : left + 12] = CAST[name]
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
            group = f"{name}{number // 2}"
            rows.append((f"{name}/{number}.png", name, group, "val" if number // 2 % 4 == 0 else "train"))
    if labels:
        with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("path", "class", "group", "split"), *rows])
    return folder


def groups(pictures: Sequence[FolderPicture]) -> set[str]:
    return {picture.group for picture in pictures}


def bench_of(folder: Path, variants: tuple[str, ...]) -> QualityBench:
    return QualityBench(
        folder=folder, splits=splits_of(folder), recipe=TINY, ours=SHORT, variants=variants, say=lambda words: None
    )


@pytest.fixture(scope="module")
def contestants(tmp_path_factory: pytest.TempPathFactory) -> list[Contestant]:
    folder = painted(tmp_path_factory.mktemp("gallery"), {"mona": 60, "fischl": 130, "klee": 130}, labels=True)
    return compared(bench_of(folder, (SAME,)), ["mona"])["mona"]


@pytest.mark.slow  # trains networks
def test_both_sides_are_tested_on_the_same_pictures(contestants: list[Contestant]) -> None:
    assert [one.name for one in contestants] == ["seven layers", "ours, same files"]
    assert contestants[0].tested_on == contestants[1].tested_on
    assert all(len(one.scored.scores) == len(one.tested_on) for one in contestants)


@pytest.mark.slow  # trains networks
def test_nobody_learns_from_a_group_that_is_tested(contestants: list[Contestant]) -> None:
    for one in contestants:
        assert one.learned_from
        assert not groups(one.learned_from) & groups(one.tested_on)


@pytest.mark.slow  # trains networks
def test_ours_learns_from_the_very_files_of_the_recipe(contestants: list[Contestant]) -> None:
    recipe, ours = contestants

    assert ours.learned_from == recipe.learned_from
    assert set(ours.facts["classes"]) == set(CAST)


def test_every_variant_of_ours_is_trained_on_what_its_name_says(tmp_path: Path) -> None:
    bench = bench_of(painted(tmp_path, {"mona": 40, "fischl": 150, "klee": 150}, labels=True), (SAME, PLAIN, WHOLE))

    same, plain, whole = (bench.training_pictures(variant, "mona") for variant in bench.variants)

    assert [one.path for one in plain] == [one.path for one in same]
    assert {one.kind for one in plain} == {"mona", OTHER}
    assert set(same) < set(whole) == set(bench.splits.training)


@pytest.mark.slow
def test_several_targets_are_compared_in_one_run(tmp_path: Path) -> None:
    bench = bench_of(painted(tmp_path, {"mona": 60, "fischl": 130, "klee": 130}, labels=True), (PLAIN, WHOLE))

    by_target = compared(bench, ["mona", "klee"])

    for target, contestants in by_target.items():
        assert [one.target for one in contestants] == [target] * 3
        assert len({one.tested_on for one in contestants}) == 1
        assert set(contestants[1].facts["classes"]) == {target, OTHER}
        assert contestants[2].learned_from == bench.splits.training


@pytest.mark.slow  # trains networks
def test_the_recipe_learns_from_classes_balanced_to_within_a_hundred(contestants: list[Contestant]) -> None:
    recipe = contestants[0]

    others = len(recipe.learned_from) - recipe.positives
    assert recipe.positives == 44  # all there are
    assert 44 <= others <= 144


@pytest.mark.parametrize(("positives", "others"), [(300, 4000), (900, 200), (50, 60)])
def test_balancing_leaves_out_only_what_is_too_much(positives: int, others: int) -> None:
    shows = np.arange(positives + others) < positives

    rows = balanced(shows, 100, seed=1)

    kept = int(shows[rows].sum()), int((~shows[rows]).sum())
    assert abs(kept[0] - kept[1]) <= 100
    assert kept == (min(positives, others + 100), min(others, positives + 100))
    assert len(set(rows.tolist())) == len(rows)


@pytest.mark.slow  # trains networks
def test_the_table_puts_the_figures_side_by_side_and_says_what_was_smaller(contestants: list[Contestant]) -> None:
    text = report(contestants)

    lines = {line[:34].strip(): line[34:] for line in text.splitlines()}
    for label in ("precision", "recall", "F1", "average precision", "errors (wrongly kept + missed)", "wall time"):
        assert label in lines
    for one in contestants:
        assert one.name in text
        assert str(int(one.scored.wrong.sum())) in lines["errors (wrongly kept + missed)"]
    assert "NOT THE RECIPE AS WRITTEN: 24 px instead of 512, 1 of 20 epochs" in text


@pytest.mark.slow  # trains networks
def test_all_figures_fit_into_json(contestants: list[Contestant]) -> None:
    records = json.loads(json.dumps([one.to_json() for one in contestants], allow_nan=False))

    assert [one["errors"] for one in records] == [int(one.scored.wrong.sum()) for one in contestants]


def test_the_recipe_as_written_is_not_called_smaller() -> None:
    assert SevenLayerRecipe().smaller() == ""
    assert SevenLayerRecipe(epochs=5).smaller() == "5 of 20 epochs"


def test_near_duplicates_in_a_plain_folder_stay_in_one_split(tmp_path: Path) -> None:
    folder = painted(tmp_path / "plain", {"mona": 40, "klee": 40})
    for path in sorted((folder / "mona").iterdir()):
        path.with_stem(f"{path.stem}-again").write_bytes(path.read_bytes())

    splits = splits_of(folder)

    test = {Path(picture.path).stem.removesuffix("-again") for picture in splits.test if picture.kind == "mona"}
    training = {Path(picture.path).stem.removesuffix("-again") for picture in splits.training if picture.kind == "mona"}
    assert test and training
    assert not test & training


def test_a_group_in_both_splits_is_refused() -> None:
    with pytest.raises(ValueError, match="'set 1'"):
        FolderSplits((FolderPicture("a.png", "mona", "set 1"),), (FolderPicture("b.png", "mona", "set 1"),))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--keep", "mina"), "--keep mina: .* has no such class; it has klee, mona"),
        (("--keep", "mona", "--pictures", "12"), r"--keep mona: \d training pictures show it .* at least 30, 60 and 1"),
        (("--keep", "mona", "--epochs", "0"), "epochs"),
        (("--keep", "mona", "--pictures", "0"), "at least one training picture, got 0"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    folder = painted(tmp_path / "pictures", {"mona": 60, "klee": 120})

    with pytest.raises(ValueError, match=words):
        asked_for(parser().parse_args([str(folder), *options]))


def test_fewer_training_pictures_leave_the_test_pictures_alone(tmp_path: Path) -> None:
    folder = painted(tmp_path / "labelled", {"mona": 40, "klee": 40}, labels=True)

    few = splits_of(folder, at_most=10)

    assert len(few.training) == 10
    assert few.test == splits_of(folder).test


def scored(scores: Sequence[float], truth: Sequence[bool], threshold: float = 0.5) -> Scored:
    estimates, shown = np.array(scores), np.array(truth)
    return Scored(evaluate(estimates, shown, threshold), estimates, shown, np.arange(len(estimates)))


def test_the_best_case_of_the_recipe_takes_the_best_threshold_there_is() -> None:
    one = scored([0.9, 0.8, 0.7, 0.6, 0.4], [True, True, False, True, False])

    assert int(one.wrong.sum()) == 1
    assert one.fewest[1] == 1
    assert one.highest_f1[0] == 0.6
    assert one.highest_f1[1] == pytest.approx(6 / 7)


def test_a_network_that_learned_nothing_does_best_by_keeping_nothing() -> None:
    threshold, errors = scored([0.5, 0.5, 0.5, 0.5], [True, False, False, False]).fewest

    assert errors == 1
    assert threshold > 0.5


@pytest.mark.slow  # trains networks
def test_the_goal_is_a_fifth_of_the_errors_at_the_thresholds_in_use(contestants: list[Contestant]) -> None:
    truth = [True] * 10 + [False] * 10
    recipe = replace(contestants[0], scored=scored([0.1] * 10 + [0.2] * 10, truth))
    good = replace(contestants[1], scored=scored([0.9] * 8 + [0.1] * 12, truth))
    poor = replace(contestants[1], scored=scored([0.9] * 7 + [0.1] * 13, truth))

    assert (goal_met(recipe, good), goal_met(recipe, poor)) == (True, False)
    assert ratio_to(recipe, good).value == pytest.approx(0.2)
