"""Errors of the seven-layer recipe and of ours, side by side: trained and tested on the same pictures.

    python -m bench.quality DIR --keep kiara [--keep NAME …] [--pictures N] [--epochs N] [--size PIXELS] [--json FILE]

DIR has one folder a class and may have `labels.csv` (path, class, group, split). The recipe sees the target against
others, balanced by leaving others out, and nothing else. Ours learns as round 0 does; `--ours` selects its pictures:

    same   the very files that the recipe kept, with the characters' names as a gallery has them
    plain  these files, labelled only *target* or *other*
    whole  the whole training split with its names, most of which the recipe's balancing leaves out

No side sees a test picture before it is tested. The fewest errors that any threshold would give on the test pictures
are an oracle's: the best case for the recipe, which has no way to choose one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.quality.folder_splits import FolderPicture, FolderSplits, splits_of
from bench.quality.seven_layer_recipe import EPOCHS, THRESHOLD, SevenLayerRecipe, balanced, trained
from bench.quality.seven_layers import SIZE
from bench.quality.table import Contestant, Scored, goal_met, report
from bench.round_zero_offline import TAG, FolderSource
from classifier.arrays import BoolArray, FloatArray
from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.metrics.quality import evaluate
from classifier.package.package import Package, load_package
from classifier.pictures.decoder_pool import Decoders
from classifier.pictures.preprocessing import picture_array
from classifier.progress import ProgressCallback
from classifier.training.pipeline import Minimum
from rounds.examples.sample import SampleSize
from rounds.round_zero import RoundSettings, RoundZeroInputs, round_zero
from rounds.training_job import NewModel
from storage.records import Target

OTHER = "other"
SAME, PLAIN, WHOLE = "same", "plain", "whole"
VARIANTS = {  # of ours, with their names in the table
    SAME: "ours, same files",
    PLAIN: "ours, target/other",
    WHOLE: "ours, whole part",
}
_BATCH = 32

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityBench:
    """A comparison: its pictures, recipe and variants."""

    folder: Path
    splits: FolderSplits
    recipe: SevenLayerRecipe
    ours: RoundSettings
    variants: tuple[str, ...] = (SAME, WHOLE)  # of ours
    say: Say = print

    def files(self, pictures: Sequence[FolderPicture]) -> list[Path]:
        """Where they lie."""
        return [self.folder / picture.path for picture in pictures]

    def balanced(self, target: str) -> tuple[FolderPicture, ...]:
        """The training pictures that the recipe's balancing leaves."""
        rows = balanced(_shows(self.splits.training, target), self.recipe.balance, self.recipe.seed)
        return tuple(self.splits.training[row] for row in rows.tolist())

    def training_pictures(self, variant: str, target: str) -> tuple[FolderPicture, ...]:
        """The pictures that a variant of ours is trained on, each with its class."""
        if variant == WHOLE:
            return self.splits.training
        if variant == SAME:
            return self.balanced(target)
        return tuple(replace(one, kind=target if one.kind == target else OTHER) for one in self.balanced(target))


def compared(bench: QualityBench, targets: Sequence[str]) -> dict[str, list[Contestant]]:
    """Train and test every contestant; gives them for each target, the recipe first."""
    contestants = {target: [_recipe(bench, target)] for target in targets}
    for variant in bench.variants:
        one_by_one = [[target] for target in targets]
        for some in [targets] if variant == WHOLE else one_by_one:  # trained on the same files: one backbone
            for target, contestant in _ours(bench, variant, some).items():
                contestants[target].append(contestant)
    return contestants


def _recipe(bench: QualityBench, target: str) -> Contestant:
    pictures = bench.balanced(target)
    bench.say(f"{target}: training seven layers on {len(pictures)} pictures, {bench.recipe.size} px")
    begun = time.monotonic()
    network = trained(
        bench.files(pictures), _shows(pictures, target), bench.recipe, report=lambda at: bench.say(f"  {at}")
    )
    scores = network.scores(bench.files(bench.splits.test))
    return Contestant(
        name="seven layers",
        target=target,
        learned_from=pictures,
        tested_on=bench.splits.test,
        scored=_scored(bench, target, scores, THRESHOLD),
        seconds=time.monotonic() - begun,
        facts={"losses": network.losses, "smaller_than_written": bench.recipe.smaller()},
    )


def _ours(bench: QualityBench, variant: str, targets: Sequence[str]) -> dict[str, Contestant]:
    """Round 0 on a variant's pictures, tags as their classes say; one backbone for all targets."""
    pictures = bench.training_pictures(variant, targets[0])
    kinds = len({picture.kind for picture in pictures})
    bench.say(f"{', '.join(targets)}: training {VARIANTS[variant]}: {len(pictures)} pictures of {kinds} classes")
    begun = time.monotonic()
    source = FolderSource(bench.folder, hide=0.0, seed=0, rows=[(one.path, one.kind, one.group) for one in pictures])
    with tempfile.TemporaryDirectory(prefix="bench-quality-") as scratch:
        models = asyncio.run(_round_zero(bench, source, targets, Path(scratch)))
        packages = {model.target: load_package(model.folder) for model in models}
        vectors = _embedded(next(iter(packages.values())), bench.files(bench.splits.test))
        seconds = time.monotonic() - begun
    contestants = {}
    for model in models:
        package = packages[model.target]
        taken = {source.paths[number] for number in package.snapshot["posts"]}
        scores = package.head.probabilities(vectors)
        contestants[model.target] = Contestant(
            name=VARIANTS[variant],
            target=model.target,
            learned_from=tuple(one for one in pictures if bench.folder / one.path in taken),
            tested_on=bench.splits.test,
            scored=_scored(bench, model.target, scores, package.threshold),
            seconds=seconds,
            facts=model.facts,
        )
    return contestants


async def _round_zero(
    bench: QualityBench, source: FolderSource, targets: Sequence[str], folder: Path
) -> tuple[NewModel, ...]:
    """As in a crawl without a model, its sample large enough for every picture of the folder."""
    count = len(source.paths)
    size = SampleSize(total=2 * count * len(targets), positives_at_most=0.9, unlabelled=0.0, pages_at_most=60 + count)
    settings = replace(bench.ours, size=size)
    places = {Target(name, name): folder / name / "1" for name in targets}
    async with Decoders([settings.preprocessing]) as decoder:
        return await round_zero(
            RoundZeroInputs(source, source, decoder), TAG, places, settings, report=_telling(bench.say)
        )


def _telling(say: Say) -> ProgressCallback:
    """Every stage once, and each quarter of the training."""
    reported: set[tuple[str, int]] = set()

    def report(stage: str, share: float, words: str) -> None:
        part = stage, int(4 * share) if stage == "training" else 0
        if part not in reported:
            reported.add(part)
            say(f"  {stage} {share:.0%} {words}")

    return report


def _embedded(package: Package, files: Sequence[Path]) -> npt.NDArray[np.float32]:
    runtime = choose_runtime([package], RuntimeSettings())
    batches = []
    for at in range(0, len(files), _BATCH):
        pictures = [picture_array(file.read_bytes(), package.preprocessing) for file in files[at : at + _BATCH]]
        batches.append(runtime.embed(np.stack(pictures)))
    return np.concatenate(batches).astype(np.float32)


def _scored(bench: QualityBench, target: str, scores: FloatArray, threshold: float) -> Scored:
    truth = _shows(bench.splits.test, target)
    groups = np.unique([picture.group for picture in bench.splits.test], return_inverse=True)[1].astype(np.int64)
    return Scored(evaluate(scores, truth, threshold, groups=groups), scores, truth, groups)


def _shows(pictures: Sequence[FolderPicture], target: str) -> BoolArray:
    return np.array([picture.kind == target for picture in pictures], dtype=np.bool_)


def asked_for(options: argparse.Namespace) -> QualityBench:
    """What the options ask for.

    Raises:
        ValueError: the folder cannot give it; says why.
    """
    ours = RoundSettings(time_budget_s=options.budget, seed=options.seed)
    bench = QualityBench(
        folder=options.folder,
        splits=splits_of(options.folder, seed=options.seed, at_most=options.pictures),
        recipe=SevenLayerRecipe(size=options.size, epochs=options.epochs, seed=options.seed),
        ours=ours if options.our_epochs is None else replace(ours, epochs=options.our_epochs),
        variants=tuple(options.ours or (SAME, WHOLE)),
    )
    for name in options.keep:
        _check(bench, name)
    return bench


def _check(bench: QualityBench, target: str) -> None:
    """Refuse at once what would fail after the recipe has been trained for an hour."""
    kinds = sorted({picture.kind for picture in (*bench.splits.training, *bench.splits.test)})
    if target not in kinds:
        raise ValueError(f"--keep {target}: {bench.folder} has no such class; it has {', '.join(kinds)}")
    least, shows = Minimum(), _shows(bench.balanced(target), target)
    if shows.sum() < least.positives or (~shows).sum() < least.negatives or not _shows(bench.splits.test, target).any():
        raise ValueError(
            f"--keep {target}: {shows.sum()} training pictures show it and {(~shows).sum()} do not, and "
            f"{_shows(bench.splits.test, target).sum()} test pictures show it; at least {least.positives}, "
            f"{least.negatives} and 1 are needed"
        )


def main() -> int:
    """Run the bench; 1 where the first variant of ours misses the goal."""
    line = parser()
    options = line.parse_args()
    try:
        bench = asked_for(options)
    except ValueError as error:
        line.error(str(error))
    if smaller := bench.recipe.smaller():
        print(f"the recipe is run smaller than written: {smaller}")
    by_target = compared(bench, options.keep)
    for contestants in by_target.values():
        print(f"\n{report(contestants)}", flush=True)
    if options.json:
        figures = {target: [one.to_json() for one in contestants] for target, contestants in by_target.items()}
        options.json.write_text(json.dumps({"settings": _settings(options), "targets": figures}, indent=1))
    return 0 if all(goal_met(*contestants[:2]) for contestants in by_target.values()) else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", type=Path)
    line.add_argument("--keep", action="append", required=True, metavar="NAME", help="a target; may be repeated")
    line.add_argument("--pictures", type=int, metavar="N", help="training pictures at most, for everybody")
    line.add_argument("--epochs", type=int, metavar="N", default=EPOCHS, help=f"of the recipe (as written: {EPOCHS})")
    line.add_argument("--size", type=int, metavar="PIXELS", default=SIZE, help=f"of the recipe (as written: {SIZE})")
    line.add_argument("--ours", action="append", choices=VARIANTS, help="a variant of ours (default: same and whole)")
    line.add_argument("--our-epochs", type=float, metavar="N", help="passes over the pictures for ours")
    line.add_argument("--budget", type=float, metavar="S", default=3600.0, help="seconds for training ours at most")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return line


def _settings(options: argparse.Namespace) -> dict[str, object]:
    names = ("keep", "pictures", "epochs", "size", "ours", "our_epochs", "budget", "seed")
    return {name: getattr(options, name) for name in names}


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    raise SystemExit(main())
