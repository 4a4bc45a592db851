"""Would a detector of heads that is learned from the gallery pay on whole illustrations?

    python -m bench.detector DIR [--crops 600] [--solo 240] [--pictures 12] [--targets kiara,ame,mumei]

DIR has one folder a class, face crops, and may have `labels.csv` with groups. Half of the groups are the gallery: a
model of each target is learned from its crops (`pretrained`, all tags right), and so is the detector, from one face
each on a busy ground of which only the tag is known. Of the other half illustrations are composed: one, two or four
faces, 5 to 40 % of the shorter side, half of them with the target. Every way to look comes from the same pictures and
models; looks are joined as the product joins windows.

`true places` cuts at the faces themselves, which nobody knows: more than that no detector can give. `taught by places`
is a detector of the same shape that was shown where the faces are.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.detector.attention import CELLS, SIDE, feature_maps, learn_attention, learn_places, peaks
from bench.illustrations import FACE_SHARES, FIGURES, grid_of
from bench.samples.compositions import Composed, Crop, illustration
from classifier.arrays import FloatArray
from classifier.head import Head
from classifier.inference.pooling import pooled
from classifier.metrics.quality import average_precision
from classifier.pictures.preprocessing import Pixels, Preprocessing, fitted_image
from classifier.pictures.windows import Window
from classifier.training.embedders import pretrained
from classifier.training.pipeline import Example, TargetSpec, TrainingPlan, learn
from classifier.training.splits import Identity

LOOK = Preprocessing(128)
SEARCH = Preprocessing(SIDE)
ANY_SIZE = (0.05, 0.40)  # of a face in a solo post
SIDES = (0.15, 0.35)  # of the shorter side: what is cut around a peak, whose size is not known
MOST_PEAKS = 3
_ROOM = 1.2  # of a face's side, where its place is known
_AT_ONCE = 64

Way = Callable[[int], Sequence[Window]]  # number of a test picture -> parts that are looked at beside the whole


@dataclass(frozen=True, slots=True)
class Models:
    """One network, and a head for each target."""

    network: Any  # keras.Model: looks -> (n, d)
    heads: Mapping[str, tuple[Head, float]]  # with the threshold


def crops_of(folder: Path, seed: int) -> tuple[list[Crop], list[Crop]]:
    """The folder's crops, half of the groups each: of the gallery, and new ones."""
    import csv

    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (folder / row["path"]).exists()]
    groups = sorted({row["group"] for row in rows})
    held = set(np.random.default_rng(seed).permutation(groups)[: len(groups) // 2].tolist())
    parts: tuple[list[Crop], list[Crop]] = ([], [])
    for row in rows:
        parts[row["group"] in held].append(Crop(folder / row["path"], row["class"]))
    return parts


def learn_models(crops: Sequence[Crop], targets: Sequence[str], seed: int) -> Models:
    """Models of the targets from face crops whose tags are right."""
    pictures = np.stack([np.asarray(crop.image(LOOK.size)) for crop in crops])
    examples = [Example(Identity(number + 1), (crop.kind,), labelled=True) for number, crop in enumerate(crops)]
    specs = [TargetSpec(target, target) for target in targets]
    learned = learn(pictures, examples, specs, TrainingPlan(seed=seed), embedder=pretrained.frozen(seed))
    heads = {one.spec.target: (one.learned.head, one.learned.chosen.threshold) for one in learned.targets}
    return Models(learned.embedded.model, heads)


def solo_posts(crops: Sequence[Crop], count: int, random: np.random.Generator) -> list[Composed]:
    """Whole illustrations of one figure each."""
    chosen = random.choice(len(crops), count, replace=False)
    return [illustration([crops[int(number)]], ANY_SIZE, random) for number in chosen]


def searched(pictures: Sequence[Composed]) -> Pixels:
    """As the detector takes them."""
    return np.stack([fitted_image(_image(one), SEARCH) for one in pictures])


def face_cells(one: Composed) -> Any:
    """Cells of the map that lie in a face, shape (CELLS, CELLS)."""
    scale, left, top = _fitting(one)
    cells = np.zeros((CELLS, CELLS), dtype=np.bool_)
    middles = (np.arange(CELLS) + 0.5) * SIDE / CELLS
    for x, y, side in one.boxes:
        across = np.abs(middles - (left + scale * (x + side / 2))) <= max(scale * side / 2, SIDE / CELLS / 2)
        down = np.abs(middles - (top + scale * (y + side / 2))) <= max(scale * side / 2, SIDE / CELLS / 2)
        cells |= down[:, None] & across[None, :]
    return cells


def around_peaks(one: Composed, scores: Any) -> list[Window]:
    """Parts of a picture around the highest cells, two sizes each."""
    scale, left, top = _fitting(one)
    width, height = _image(one).size
    found: list[Window] = []
    for row, column in peaks(scores, MOST_PEAKS):
        x, y = (((at + 0.5) * SIDE / CELLS - off) / scale for at, off in ((column, left), (row, top)))
        found += [_square(x, y, share * min(width, height), (width, height)) for share in SIDES]
    return found


def true_places(one: Composed) -> list[Window]:
    """Parts of a picture that are its faces."""
    size = _image(one).size
    return [_square(x + side / 2, y + side / 2, _ROOM * side, size) for x, y, side in one.boxes]


def scores_of(models: Models, pictures: Sequence[Composed], way: Way) -> dict[str, FloatArray]:
    """By target the probability of each picture, its looks joined."""
    views: list[list[Pixels]] = []
    for number, one in enumerate(pictures):
        image = _image(one)
        parts = [image.crop(tuple(round(edge) for edge in window)) for window in way(number)]  # type: ignore[arg-type]  # four stay four
        views.append([fitted_image(each, LOOK) for each in (image, *parts)])
    flat = np.stack([view for each in views for view in each])
    vectors = np.concatenate(
        [np.asarray(models.network([flat[at : at + _AT_ONCE]])) for at in range(0, len(flat), _AT_ONCE)]
    )
    ends = np.cumsum([len(each) for each in views])[:-1].tolist()
    return {
        target: np.array([pooled(each) for each in np.split(head.probabilities(vectors), ends)])
        for target, (head, _) in models.heads.items()
    }


def table(
    models: Models, made: Mapping[tuple[Any, int], list[Composed]], ways: Mapping[str, Callable[[Any], Way]]
) -> str:
    """Average precision of every way by size of the face and number of figures, mean of the targets; and recall."""
    scored = {
        (cell, name): scores_of(models, pictures, way(cell))
        for cell, pictures in made.items()
        for name, way in ways.items()
    }
    kinds: list[tuple[str, list[tuple[Any, int]]]] = [
        (f"{share[0]:.0%}–{share[1]:.0%}", [(share, figures) for figures in FIGURES]) for share in FACE_SHARES
    ]
    kinds += [(f"{figures} fig.", [(share, figures) for share in FACE_SHARES]) for figures in FIGURES]
    lines = ["| AP | " + " | ".join(name for name, _ in kinds) + " | recall | precision |", "| --- " * 9 + "|"]
    for name in ways:
        row = [
            f"{np.mean([_ranked(models, made, scored, name, cells, t) for t in models.heads]):.3f}"
            for _, cells in kinds
        ]
        lines.append(
            f"| {name} | " + " | ".join(row) + " | {:.3f} | {:.3f} |".format(*_decided(models, made, scored, name))
        )
    return "\n".join(lines)


def _ranked(models: Models, made: Any, scored: Any, name: str, cells: Sequence[Any], target: str) -> float:
    truth = np.array([target in one.kinds for cell in cells for one in made[cell]])
    return average_precision(np.concatenate([scored[cell, name][target] for cell in cells]), truth)


def _decided(models: Models, made: Any, scored: Any, name: str) -> tuple[float, float]:
    """Recall and precision at the models' thresholds, over everything."""
    right = kept = shown = 0
    for target, (_, threshold) in models.heads.items():
        for cell, pictures in made.items():
            truth = np.array([target in one.kinds for one in pictures])
            reached = scored[cell, name][target] >= threshold
            right, kept, shown = (
                right + int((reached & truth).sum()),
                kept + int(reached.sum()),
                shown + int(truth.sum()),
            )
    return right / max(1, shown), right / max(1, kept)


def _image(one: Composed) -> Image.Image:
    with Image.open(io.BytesIO(one.content)) as image:
        return image.convert("RGB")


def _fitting(one: Composed) -> tuple[float, float, float]:
    """How the detector's input is made of a picture: scale, and the borders at the left and at the top."""
    width, height = _image(one).size
    scale = SIDE / max(width, height)
    return scale, (SIDE - scale * width) / 2, (SIDE - scale * height) / 2


def _square(x: float, y: float, side: float, size: tuple[int, int]) -> Window:
    """A square around a place, moved into the picture."""
    left, top = (min(max(0.0, at - side / 2), most - side) for at, most in zip((x, y), size, strict=True))
    return left, top, left + side, top + side


def found_share(scores: Any, pictures: Sequence[Composed]) -> float:
    """Share of pictures whose highest cell lies in a face."""
    hits = [bool(face_cells(one)[peaks(each, 1)[0]]) for each, one in zip(scores, pictures, strict=True)]
    return float(np.mean(hits))


def main() -> None:
    """Run it and print."""
    how = parser().parse_args()
    random, started = np.random.default_rng(how.seed), time.monotonic()
    gallery, new = crops_of(how.folder, how.seed)
    chosen = [gallery[int(number)] for number in random.choice(len(gallery), how.crops, replace=False)]
    models = learn_models(chosen, how.targets, how.seed)
    print(
        f"models of {', '.join(how.targets)} from {len(chosen)} crops, {time.monotonic() - started:.0f} s", flush=True
    )
    solo = solo_posts(gallery, how.solo, random)
    maps, names = feature_maps(searched(solo)), sorted({crop.kind for crop in gallery})
    kinds = np.array([names.index(next(iter(one.kinds))) for one in solo], dtype=np.int64)
    attention = learn_attention(maps, kinds, how.seed)
    places = learn_places(maps, np.stack([face_cells(one) for one in solo]), how.seed)
    print(f"detectors from {len(solo)} solo posts, {time.monotonic() - started:.0f} s", flush=True)

    made: dict[tuple[Any, int], list[Composed]] = {}
    for share in FACE_SHARES:
        for figures in FIGURES:
            made[share, figures] = [_composed(new, how.targets, figures, share, random) for _ in range(how.pictures)]
    maps_of = {cell: feature_maps(searched(pictures)) for cell, pictures in made.items()}
    looked = {
        name: {cell: np.asarray(model(found)) for cell, found in maps_of.items()}
        for name, model in (("tags", attention), ("places", places))
    }
    for share in FACE_SHARES:
        shares = [f"{name} {found_share(by[share, 1], made[share, 1]):.2f}" for name, by in looked.items()]
        print(f"highest cell in the face, {share[0]:.0%}–{share[1]:.0%}, one figure: {', '.join(shares)}")
    ways: dict[str, Callable[[Any], Way]] = {
        "whole only": lambda cell: lambda number: (),
        "grid of four": lambda cell: lambda number: grid_of(*_image(made[cell][number]).size),
        "detector taught by tags": lambda cell: lambda n: around_peaks(made[cell][n], looked["tags"][cell][n]),
        "detector taught by places": lambda cell: lambda n: around_peaks(made[cell][n], looked["places"][cell][n]),
        "true places": lambda cell: lambda number: true_places(made[cell][number]),
    }
    print(table(models, made, ways))
    print(_costs(models, made))


def _costs(models: Models, made: Mapping[Any, list[Composed]]) -> str:
    """What a search costs beside a look, in processor time of this process."""
    some = next(iter(made.values()))[:8]
    large, small = searched(some), np.stack([fitted_image(_image(one), LOOK) for one in some])
    times = []
    for run in (lambda: feature_maps(large), lambda: np.asarray(models.network([small]))):
        run()
        begun = time.process_time()
        run()
        times.append((time.process_time() - begun) / len(some))
    return f"processor time a picture: search {1000 * times[0]:.0f} ms, one look {1000 * times[1]:.0f} ms"


def _composed(
    crops: Sequence[Crop], targets: Sequence[str], figures: int, share: tuple[float, float], random: np.random.Generator
) -> Composed:
    """An illustration with one of the targets, or with none of them."""
    target = targets[int(random.integers(len(targets)))] if random.random() < _WITH_TARGET else ""
    first = [crop for crop in crops if crop.kind == target] or [crop for crop in crops if crop.kind not in targets]
    others = [crop for crop in crops if crop.kind not in targets]
    cast = [others[int(random.integers(len(others)))] for _ in range(figures - 1)]
    return illustration([*cast, first[int(random.integers(len(first)))]], share, random)


_WITH_TARGET = 0.75  # of the pictures: a quarter each with three targets


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", type=Path)
    line.add_argument("--crops", type=int, default=600, metavar="N", help="face crops to learn the models from")
    line.add_argument("--solo", type=int, default=240, metavar="N", help="solo posts to learn the detector from")
    line.add_argument("--pictures", type=int, default=12, metavar="N", help="of each size and number of figures")
    line.add_argument("--targets", type=lambda text: text.split(","), default=["kiara", "ame", "mumei"])
    line.add_argument("--seed", type=int, default=0)
    return line


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
