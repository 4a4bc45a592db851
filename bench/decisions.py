"""How good the decisions of a first model are, on every class of a folder in turn, as a gallery would have them tagged.

    python -m bench.decisions DIR [--missing everybody|target|nobody] [--seeds 0,1,2] [--minutes 5] [--networks LIST]
                             [--targets LIST]

DIR has one folder a class and may have `labels.csv` (path, class, group). A gallery is made of all its pictures: 40 %
of everybody's tags are missing (or the target's alone, or none), 5 % of the tags name another character, half of these
because a character wears another's costume, which the site marks with a tag of its own. One network serves all targets
where the tags are the same for all; a table says what the pretrained network decides as it is, and what it decides
fine-tuned (`--networks small`: what a small network decides that is trained from scratch), each on the same gallery.

For each target: precision and recall of what its score decides, which is every post without its tag; the best recall
that any threshold would give at the precision that was asked for; the average precision; how many posts of the target
its tag alone finds; what the model forecast; and whether it refuses to decide.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.arrays import IntArray
from classifier.backbones.catalogue import FINE_TUNED, PRETRAINED, Origin, backbone_named, builder
from classifier.metrics.quality import average_precision
from classifier.pictures.preprocessing import Pixels
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.pipeline import (
    Embedder,
    Example,
    Learned,
    LearnedTarget,
    TargetSpec,
    TrainingPlan,
    from_scratch,
    learn,
)
from classifier.training.splits import Identity
from storage.records import Stratum

GOAL = 0.95
MISSING, WRONG = 0.4, 0.05  # shares of the tags
_NOBODY = -1
_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_NETWORKS = (PRETRAINED, FINE_TUNED)


@dataclass(frozen=True, slots=True, eq=False)
class DecisionGallery:
    """Pictures, the characters that they show, and those that their tags name; n rows."""

    pictures: Pixels
    shows: IntArray  # (n,) number of the class
    tags: IntArray  # (n,) number of the class that its tags name, or -1
    groups: Sequence[str]  # n
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class TargetDecisions:
    """The results for one target."""

    target: str
    precision: float
    recall: float
    best: float  # recall at the best threshold that keeps the precision asked for
    ranking: float  # average precision
    forecast: tuple[float, float]  # precision, recall
    refusal: str
    kept_wrongly: int  # of the posts without the target's tag that do not show it


def gallery_of(folder: Path, size: int) -> DecisionGallery:
    """Every picture of a folder of classes, tagged with its class."""
    rows = _listed(folder)
    if not rows:
        raise SystemExit(f"{folder} holds no pictures: it needs one folder a class")
    names = sorted({row["class"] for row in rows})
    pictures = [np.asarray(_squared(folder / row["path"], size)) for row in rows]
    shows = np.array([names.index(row["class"]) for row in rows], dtype=np.int64)
    return DecisionGallery(np.stack(pictures), shows, shows, [row["group"] for row in rows], names)


def _listed(folder: Path) -> list[Mapping[str, str]]:
    """Path, class and group of each picture; where no `labels.csv` says otherwise, each is a group of its own."""
    if not (folder / "labels.csv").is_file():
        paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in _EXTENSIONS)
        return [{"path": f"{path.parent.name}/{path.name}", "class": path.parent.name, "group": ""} for path in paths]
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if (folder / row["path"]).exists()]


def _squared(path: Path, size: int) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)


def tagged(gallery: DecisionGallery, missing: str, target: int | None, seed: int) -> DecisionGallery:
    """The gallery with tags as people leave them."""
    random, count = np.random.default_rng(seed), len(gallery.shows)
    tags = gallery.shows.copy()
    if missing != "nobody":
        wrong = random.random(count) < WRONG
        dressed = wrong & (random.random(count) < 0.5)  # the costume's own tag states that the character is not there
        tags[wrong] = random.integers(0, len(gallery.names), int(wrong.sum()))
        tags[dressed] = _NOBODY
    if missing != "nobody":
        gone = random.random(count) < MISSING
        tags[gone if target is None else gone & (gallery.shows == target)] = _NOBODY
    return replace(gallery, tags=tags)


def learned(gallery: DecisionGallery, targets: Sequence[int], embedder: Embedder, plan: TrainingPlan) -> Learned:
    """Models for some classes, from the tags alone."""
    examples = [
        Example(
            Identity(row + 1, set_key=group),
            (gallery.names[tag],) if tag != _NOBODY else (),
            labelled=tag != _NOBODY,
            stratum=int(Stratum.OTHERS if tag != _NOBODY else Stratum.NOBODY),
        )
        for row, (tag, group) in enumerate(zip(gallery.tags.tolist(), gallery.groups, strict=True))
    ]
    specs = [TargetSpec(gallery.names[target], gallery.names[target]) for target in targets]
    return learn(gallery.pictures, examples, specs, plan, embedder=embedder)


def decided(gallery: DecisionGallery, learned_models: Learned, model: LearnedTarget, target: int) -> TargetDecisions:
    """What a model decides about the posts without its target's tag."""
    rows = gallery.tags != target
    strata = np.where(gallery.tags == _NOBODY, int(Stratum.NOBODY), int(Stratum.OTHERS)).astype(np.int8)
    scores = model.learned.head.probabilities(learned_models.embedded.embeddings, strata)[rows]
    truth = gallery.shows[rows] == target
    kept = scores >= model.learned.chosen.threshold
    expected = model.learned.forecast
    return TargetDecisions(
        gallery.names[target],
        float(truth[kept].mean()) if kept.any() else float("nan"),
        float(kept[truth].mean()) if truth.any() else float("nan"),
        best_recall(scores, truth, GOAL) if truth.any() else float("nan"),
        average_precision(scores, truth) if truth.any() else float("nan"),
        (expected.precision.value, expected.recall.value),
        model.learned.refusal,
        int((kept & ~truth).sum()),
    )


def best_recall(scores: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], precision: float) -> float:
    """The largest recall that any threshold gives at this precision."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    reached = hits / np.arange(1, len(hits) + 1) >= precision
    return float((hits[reached] / hits[-1]).max(initial=0.0))


def table(title: str, rows: Sequence[TargetDecisions], seconds: float) -> str:
    """Every target's line, and their summary."""
    lines = [
        f"{title} ({seconds:.0f} s)",
        f"{'target':>10}  precision  recall   best     AP  forecast     kept wrongly",
    ]
    for row in rows:
        lines.append(
            f"{row.target[:10]:>10}      {row.precision:.3f}   {row.recall:.3f}  {row.best:.3f}  {row.ranking:.3f}  "
            f"{row.forecast[0]:.3f} {row.forecast[1]:.3f}  {row.kept_wrongly:>12}"
            + (f"  does not decide: {row.refusal}" if row.refusal else "")
        )
    deciding = [row for row in rows if not row.refusal] or list(rows)
    lines.append(f"{len(deciding)} decide: {_summary(deciding)}")
    return "\n".join(lines)


def _summary(deciding: Sequence[TargetDecisions]) -> str:
    precision, recall, best = (
        np.array([getattr(row, name) for row in deciding]) for name in ("precision", "recall", "best")
    )
    if np.isnan(recall).any():
        wrongly = np.array([row.kept_wrongly for row in deciding])
        return f"no post lacks its tag; kept wrongly: mean {wrongly.mean():.1f} posts, worst {wrongly.max()}"
    return (
        f"precision mean {precision.mean():.3f}, worst {precision.min():.3f}, "
        f"{int((precision >= GOAL - 0.01).sum())} at 0.94 or over; recall median {np.median(recall):.3f}, "
        f"worst {recall.min():.3f}, mean {recall.mean():.3f}, {(best - recall).mean():.3f} under the best threshold's"
    )


def run(gallery: DecisionGallery, how: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Every network on every gallery."""
    every = [number for number, name in enumerate(gallery.names) if not how.targets or name in how.targets]
    alone = how.missing == "target"
    for seed in how.seeds:
        for name in how.networks:
            rows: list[TargetDecisions] = []
            started = time.monotonic()
            for targets in [[one] for one in every] if alone else [every]:
                as_tagged = tagged(gallery, how.missing, targets[0] if alone else None, seed)
                plan = TrainingPlan(recipe=TrainingRecipe(time_budget_s=how.minutes * 60, seed=seed), seed=seed)
                with tempfile.TemporaryDirectory() as folder:
                    learned_models = learned(as_tagged, targets, _embedder(name, plan, Path(folder)), plan)
                rows += [
                    decided(as_tagged, learned_models, model, target)
                    for model, target in zip(learned_models.targets, targets, strict=True)
                ]
            facts = learned_models.embedded.training.facts()
            title = f"{name}, tags of {how.missing} missing, seed {seed}, {facts['steps']} steps"
            say(table(title, rows, time.monotonic() - started))


def _embedder(name: str, plan: TrainingPlan, folder: Path) -> Embedder:
    from classifier.training.embedders import pretrained

    if name == PRETRAINED:
        return pretrained.frozen(plan.seed)
    if name == FINE_TUNED:
        return pretrained.fine_tuned(plan.recipe, folder / "looked-at", None)
    return from_scratch(builder(backbone_named(name), Origin()), plan)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--missing", choices=("everybody", "target", "nobody"), default="everybody")
    parser.add_argument("--seeds", type=lambda text: [int(one) for one in text.split(",")], default=[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--targets", type=lambda text: text.split(","), default=[], help="classes; all by default")
    parser.add_argument("--networks", type=lambda text: text.split(","), default=list(_NETWORKS))
    how = parser.parse_args(arguments)
    size: Any = backbone_named(how.networks[0]).size
    run(gallery_of(how.folder, size), how, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
