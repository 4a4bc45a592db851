"""What the author of `mona_cnn` left open, answered with figures: batch, input size, epochs and padding.

    python -m bench.mona_cnn DIR --keep NAME [--set KEY=VALUE …] [--json FILE]

DIR has one folder a class and may have `labels.csv`. Every line is one training from the same seed on the same
pictures, which differs from the first in what it says. Accuracy is that of the target's prevalence wherever nothing is
kept, so average precision stands beside it. As published the network takes hours on two cores; `--set` makes every line
smaller alike, and the table names what was set. Unpadded convolutions do not fit small inputs: padding is compared only
where `--padding KEY=VALUE` (`width=0.05`, say) is given, at the smallest input that they fit.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.ancestors.material import Material, material_of
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.fit import fit, probabilities
from classifier.recipes.settings import from_words

QUESTIONS: dict[str, Sequence[Sequence[str]]] = {
    "batch": (["batch=16"], ["batch=64"], ["batch=128"]),
    "input size": (["size=48"], ["size=96"]),
    "input size against batch": (["size=96", "batch=64"],),
}
_UNPADDED = 382  # pixels


@dataclass(frozen=True, slots=True)
class Answer:
    """One training."""

    question: str
    settings: str  # that differ from the first line's
    epochs: int
    loss: float  # training, last epoch
    validation_loss: float  # of the best epoch
    accuracy: float  # on test pictures
    always_no: float  # accuracy of never keeping anything
    average_precision: float
    seconds: float


def answers(material: Material, target: str, words: Sequence[str], padding: Sequence[str]) -> Iterator[Answer]:
    """Train one network after another.

    Args:
        material: the pictures.
        target: a class.
        words: settings of every line.
        padding: settings of the two lines on padding, on top; none: these lines are left out.
    """
    yield from _trained(material, target, "as set", words, [])
    for question, variants in QUESTIONS.items():
        for variant in variants:
            yield from _trained(material, target, question, words, variant)
    for kind in ("valid", "same") if padding else ():
        yield from _trained(material, target, "padding", [*words, *padding], [f"padding={kind}"])


def _trained(
    material: Material, target: str, question: str, words: Sequence[str], more: Sequence[str]
) -> Iterator[Answer]:
    from sklearn.metrics import average_precision_score

    recipe = RECIPES["mona_cnn"]
    settings = from_words(recipe.settings(), [*words, *more])
    pictures = material.pixels(settings.preprocessing())
    shows = np.array(material.kinds) == target
    begun = time.monotonic()
    stage = LabelledPictures("target", pictures, np.where(shows, 0, 1), material.train, material.validation)
    network = fit(recipe, settings, (target, "rest"), [stage])
    seconds = time.monotonic() - begun
    scores, truth = probabilities(network, pictures[material.test])[:, 0], shows[material.test]
    (history,) = network.history
    for epochs in sorted({*range(1, len(history.epochs), max(1, len(history.epochs) // 3)), len(history.epochs)}):
        if question == "as set" and epochs < len(history.epochs):  # how the loss falls: the question about epochs
            one = history.epochs[epochs - 1]
            yield Answer("epochs", "", epochs, one.loss, one.validation_loss, np.nan, np.nan, np.nan, one.seconds)
    yield Answer(
        question,
        " ".join(more),
        len(history.epochs),
        history.epochs[-1].loss,
        history.kept.validation_loss,
        float(((scores >= 0.5) == truth).mean()),
        float(1 - truth.mean()),
        float(average_precision_score(truth, scores)),
        seconds,
    )


def table(found: Sequence[Answer]) -> str:
    """As Markdown."""
    lines = [
        "| question | setting | epochs | loss | validation loss | accuracy (always no) | average precision | s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        measured = (
            ("", "")
            if np.isnan(one.accuracy)
            else (f"{one.accuracy:.3f} ({one.always_no:.3f})", f"{one.average_precision:.3f}")
        )
        figures = (str(one.epochs), f"{one.loss:.3f}", f"{one.validation_loss:.3f}", *measured, f"{one.seconds:.0f}")
        lines.append(f"| {one.question} | {one.settings} | {' | '.join(figures)} |")
    return "\n".join(lines)


def main() -> int:
    """Run the bench."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", type=Path)
    line.add_argument("--keep", required=True, metavar="NAME", help="a class")
    line.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every line")
    line.add_argument("--padding", action="append", metavar="KEY=VALUE", help="a setting of the lines on padding")
    line.add_argument("--pictures", type=int, metavar="N", help="training pictures at most")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    options = line.parse_args()
    padding = [f"size={_UNPADDED}", *(options.padding or ())] if options.padding else []
    found: list[Answer] = []
    material = material_of(options.folder, options.seed, options.pictures)
    for one in answers(material, options.keep, options.set, padding):
        found.append(one)
        figures = f"loss {one.loss:.3f}, average precision {one.average_precision:.3f}, {one.seconds:.0f} s"
        print(f"{one.question} {one.settings}: {figures}", flush=True)
    print(f"\nmona_cnn {' '.join(options.set)}\n\n{table(found)}")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    return 0
