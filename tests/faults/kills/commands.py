"""The scenes that run a command: the main job, rounds, rescoring, files that follow decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from storage.archive import open_reader
from storage.archive_records import Label
from storage.label_writer import Labelling
from tests.faults import driver
from tests.faults.kills.grounds import DEMO_SITE, REAL, TAG, Ground
from tests.faults.kills.scenes import LIMIT_S, SMALL_BATCH, CommandScene, in_a_child, whatever_number

LABELS = 60  # filed during one command
APPLY = ("apply", "--yes", "--quiet")
ONE_IN_FLIGHT = {"CRAWL_LIMITS_FREE_SPACE_MB": "10", "STUB_PACE": "real"}


def crawl(ground: Ground) -> CommandScene:
    """The main job into an empty root, judged by brightness, so that it is short and kills fall everywhere."""
    words = ["--site", DEMO_SITE, "--tag", TAG, "--keep", ground.target, "--quiet"]
    return CommandScene(name="crawl", ground=ground, words=words, environment=ONE_IN_FLIGHT, fresh=lambda root: None)


def crawl_with_models(ground: Ground, models: Path) -> CommandScene:
    """The main job into a root that knows models and no posts, judged by them."""
    return replace(
        crawl(ground.with_template(models)),
        name="crawl, real models",
        program=REAL,
        undisturbed=_real,
        fresh=None,
    )


def _real(words: Sequence[str], environment: Mapping[str, str]) -> driver.CommandResult:
    return driver.run(words, program=REAL, environment=environment, limit_s=LIMIT_S)


def train(ground: Ground, seed: int) -> CommandScene:
    """A round of the head alone; `--force` because a second one is not better than the first."""
    return CommandScene(
        name="train",
        ground=ground,
        words=["train", ground.target, "--how", "head", "--force", "--quiet"],
        labels=random_labels(ground, seed, "TRUE", ("keep", "delete", "unsure", "clear")),
        same=whatever_number,
    )


def network(ground: Ground, seed: int) -> CommandScene:
    """A round that teaches the network again, in processes of its own."""
    return replace(
        train(ground, seed),
        name="network",
        words=["train", ground.target, "--how", "network", "--force", "--quiet"],
        compares=False,
    )


def rescore(ground: Ground, seed: int) -> CommandScene:
    """Everything decided again at another threshold: the median, so that many decisions change."""
    return CommandScene(
        name="rescore",
        ground=ground,
        words=["rescore", ground.target, "--threshold", f"{_median_score(ground):.6f}"],
        labels=random_labels(ground, seed, "TRUE", ("keep", "delete")),
    )


def activate(ground: Ground, seed: int, template: Path) -> CommandScene:
    """Back to the first model after a round: it comes into force, and everything is decided by it."""
    later = ground.with_template(ground.copied_to(template))
    _done(later, ["train", later.target, "--how", "head", "--force", "--quiet"])
    return CommandScene(
        name="activate",
        ground=later,
        words=["models", "activate", f"{later.target}/1"],
        labels=random_labels(later, seed, "TRUE", ("keep", "delete")),
    )


def apply(ground: Ground, seed: int, template: Path) -> CommandScene:
    """Files follow decisions in all directions: to the trash, back, and, where there is a site, from it."""
    upset = _upset(ground, seed, template)
    return CommandScene(
        name="apply",
        ground=upset,
        words=APPLY,
        labels=random_labels(upset, seed, "place IN ('gallery', 'trash')", ("keep", "delete")),
        fair=(0, 3),  # what is labelled between the plan and its move stays, and is reported
        environment={**SMALL_BATCH, "STUB_PACE": "real"},
    )


def restore(ground: Ground, template: Path) -> CommandScene:
    """Everything back from the trash."""
    emptied = ground.with_template(ground.copied_to(template))
    _say(emptied, emptied.labels("reject", (posts := emptied.posts("place = 'gallery'")), ["delete"] * len(posts)))
    _done(emptied, APPLY)
    return CommandScene(name="restore", ground=emptied, words=["trash", "restore", "--all"])


def random_labels(ground: Ground, seed: int, where: str, values: tuple[str, ...]) -> list[Label]:
    """What a person says meanwhile: of posts at random, of some more than once."""
    dice, posts = Random(f"labels {seed}"), ground.posts(where)
    return ground.labels("given", dice.choices(posts, k=LABELS), dice.choices(values, k=LABELS))


def _upset(ground: Ground, seed: int, template: Path) -> Ground:
    """Half of the kept files in the trash; then half of those wanted back, half of the others not, others fetched."""
    upset, dice = ground.with_template(ground.copied_to(template)), Random(f"upset {seed}")
    kept, rejected = ground.posts("place = 'gallery'"), ground.posts("decision = 'delete' AND place = 'none'")
    dice.shuffle(kept)
    gone, stay = kept[: len(kept) // 2], kept[len(kept) // 2 :]
    _say(upset, ground.labels("gone", gone, ["delete"] * len(gone)))
    _done(upset, APPLY)
    back, leave = gone[::2], stay[::2]
    fetched = dice.sample(rejected, k=min(10, len(rejected))) if ground.site == DEMO_SITE else []
    changes = [*((post, "keep") for post in (*back, *fetched)), *((post, "delete") for post in leave)]
    _say(upset, ground.labels("changed", [post for post, _ in changes], [value for _, value in changes]))
    return upset


def _say(ground: Ground, labels: list[Label]) -> None:
    with Labelling(ground.template) as labelling:
        labelling.relabel(labels)


def _done(ground: Ground, words: Sequence[str]) -> None:
    """Run a command on a template."""
    ended = in_a_child([*words, *ground.at(ground.template)], SMALL_BATCH)
    if ended.code != 0:
        raise RuntimeError(f"crawl {words[0]} ended with {ended.code}: {ended.output}")


def _median_score(ground: Ground) -> float:
    query = f"SELECT score FROM results WHERE target = '{ground.target}' AND score IS NOT NULL ORDER BY 1"
    with open_reader(ground.template) as reader:
        scores = [float(row[0]) for row in reader.sql(query).rows]
    return scores[len(scores) // 2]
