"""`--precision`, `--recall` and `--threshold` of `crawl`, `crawl train` and `crawl rescore` pull one way and alike."""

from __future__ import annotations

import asyncio
import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from classifier.package.package import Package, load_package
from commands.context.registered_models import card_for
from commands.context.threshold_goal import ThresholdGoal
from storage.records import ModelCard
from tests.commands.training.test_rounds import crawl, fill

GOALS = (0.6, 0.8, 0.95, 0.99)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery whose model keeps a curve to choose from."""
    root = tmp_path_factory.mktemp("trained") / "root"
    asyncio.run(fill(root))
    assert crawl(root, "train", "mona", "--quiet").exit_code == 0
    return root


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "root"))


def chosen(root: Path, command: str, option: str, goal: float) -> tuple[float, int]:
    """The threshold that a command takes for a goal, and how many pictures are kept by it."""
    force = ["--force"] if command == "train" else []  # in force although a stricter one keeps less
    done = crawl(root, command, "mona", option, str(goal), "--json", *force)
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    if command == "rescore":
        return record["threshold"], record["kept"]
    package = load_package(root / "models" / record["model"])
    return package.threshold, json.loads(crawl(root, "rescore", "mona", "--json").stdout)["kept"]


@pytest.mark.parametrize("command", ["train", "rescore"])
def test_more_recall_is_never_stricter_and_more_precision_never_looser(root: Path, command: str) -> None:
    goals = GOALS[1:] if command == "train" else GOALS  # a round takes longer
    for_recall = [chosen(root, command, "--recall", goal) for goal in goals]
    for_precision = [chosen(root, command, "--precision", goal) for goal in goals]

    for (before, kept_before), (after, kept_after) in (*pairwise(for_recall[::-1]), *pairwise(for_precision)):
        assert before <= after and kept_before >= kept_after
    assert len(set(for_recall)) > 1 and len(set(for_precision)) > 1


def test_a_higher_threshold_never_keeps_more(root: Path) -> None:
    taken = [chosen(root, "rescore", "--threshold", goal) for goal in (0.0, *GOALS, 1.0)]

    assert [threshold for threshold, _ in taken] == [0.0, *GOALS, 1.0]
    assert [kept for _, kept in taken] == sorted((kept for _, kept in taken), reverse=True)
    assert taken[0][1] > taken[-1][1]


@pytest.mark.parametrize("option", ["--precision", "--recall"])
@pytest.mark.parametrize("goal", [0.8, 0.95])
def test_a_goal_asks_for_the_same_threshold_of_a_model_that_was_learned_for_it_as_of_one_that_was_not(
    root: Path, option: str, goal: float
) -> None:
    later = chosen(root, "rescore", option, goal)

    learned = chosen(root, "train", option, goal)

    assert learned == pytest.approx(later)


def test_a_crawl_takes_the_threshold_that_rescoring_takes(root: Path) -> None:
    package = load_package(root / "models" / "mona" / "2")

    by_crawl = [threshold_of(package, goal) for goal in GOALS[1:3] for goal in goals(goal)]

    by_rescoring = [chosen(root, "rescore", option, goal)[0] for goal in GOALS[1:3] for option in OPTIONS]
    assert by_crawl == by_rescoring


OPTIONS = ("--precision", "--recall", "--threshold")


def goals(goal: float) -> tuple[ThresholdGoal, ...]:
    return ThresholdGoal(precision=goal), ThresholdGoal(recall=goal), ThresholdGoal(threshold=goal)


def threshold_of(package: Package, goal: ThresholdGoal) -> float:
    card = ModelCard("mona", 2, package.hash, package.backbone_hash, package.threshold)
    return card_for(card, package, goal).threshold


@pytest.mark.parametrize("command", ["train", "rescore"])
@pytest.mark.parametrize("share", ["0", "1"])
def test_a_recall_of_nothing_or_everything_is_refused_in_a_sentence(root: Path, command: str, share: str) -> None:
    done = crawl(root, command, "mona", "--recall", share)

    assert done.exit_code == 2
    assert "--recall is a share between 0 and 1, both excluded" in done.stderr
