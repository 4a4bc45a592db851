"""Whole illustrations and pages of panels: looked at whole only, in windows as a crawl does, and in a grid of four.

    python -m bench.illustrations DIR --package GALLERY/models/kiara/1 [--pictures N] [--only pages] [--json FILE]

DIR has one folder a class, face crops; those that the model has learned from are left out. Of the others pictures are
composed: faces of several characters on busy grounds, 5 to 40 % of the shorter side each, and pages of panels, once as
drawn and once as a site's rendition of 720 pixels. Half of each kind show the target. All three ways to look come from
the same pictures and the same model; the grid is what the product does not do. Exit code 1 where a page of twenty
panels that shows the target is deleted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.samples.compositions import Composed, Crop, illustration, page, rendition
from classifier.arrays import FloatArray
from classifier.heads.training_set import SPARED
from classifier.inference.pooling import pooled
from classifier.inference.runtime import Runtime, RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.metrics.quality import average_precision
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import Pixels, prepare, prepare_windows
from classifier.pictures.windows import Window, too_small, windows_of
from crawler.decisions import Policy, Ruling
from storage.records import PICTURE_EXTENSIONS, DecisionValue, Look, ModelCard, PostTags, Target

WHOLE, WINDOWS, GRID = "whole only", "with windows", "grid of four"
PAGES, ILLUSTRATIONS = "pages", "illustrations"
FACE_SHARES = ((0.05, 0.10), (0.10, 0.20), (0.20, 0.40))  # of the picture's shorter side
FIGURES = (1, 2, 4)
PANELS = (1, 2, 4, 8, 20)
PANEL_SIDE = 200  # pixels
RENDITION = 720  # pixels of the longer side
_BATCH = 32


@dataclass(frozen=True, slots=True)
class RankingResult:
    """How well illustrations are ranked and found."""

    kind: str
    way: str
    pictures: int
    average_precision: float
    recall: float  # at the model's threshold
    precision: float


@dataclass(frozen=True, slots=True)
class PageDecisions:
    """How pages are decided."""

    panels: int
    all_panels: bool  # the target is in all of them, else in one
    box: int  # pixels of the longer side of what is looked at; 0: as drawn
    way: str
    kept: int  # of those that show the target
    undecided: int
    deleted: int
    kept_wrongly: int  # of those that do not
    looks: float  # a picture


class IllustrationBench:
    """One model, and the crops that it has not learned from."""

    def __init__(self, package: Package, crops: Sequence[Crop], *, pictures: int, seed: int) -> None:
        self.package, self._pictures = package, pictures
        self._shows = [crop for crop in crops if crop.kind == package.target]
        self._others = [crop for crop in crops if crop.kind != package.target]
        self._random = np.random.default_rng(seed)
        self._runtime: Runtime = choose_runtime([package], RuntimeSettings())
        card = ModelCard(package.target, 1, package.hash, package.backbone_hash, package.threshold)
        self._target = Target(package.target, package.target)
        self._ruling = Ruling(Policy(), {package.target: card})

    def illustrations(self) -> Iterator[RankingResult]:
        """Every size of a face, then every number of figures."""
        made = {
            (share, figures): [
                illustration(self._cast(figures, shows=bool(number % 2)), share, self._random)
                for number in range(self._pictures)
            ]
            for share in FACE_SHARES
            for figures in FIGURES
        }
        scores = {cell: self._ways(pictures) for cell, pictures in made.items()}
        for share in FACE_SHARES:
            cells = [(share, figures) for figures in FIGURES]
            yield from self._ranked(f"faces of {share[0]:.0%} to {share[1]:.0%}", cells, made, scores)
        for figures in FIGURES:
            cells = [(share, figures) for share in FACE_SHARES]
            yield from self._ranked(f"{figures} figure{'s' if figures > 1 else ''}", cells, made, scores)

    def pages(self) -> Iterator[PageDecisions]:
        """Every number of panels, as drawn and as a rendition, with the target in one panel and in all."""
        for panels in PANELS:
            for everywhere in (False, True) if panels > 1 else (True,):
                drawn = [
                    page(self._panels(panels, shows=bool(number % 2), everywhere=everywhere), PANEL_SIDE, self._random)
                    for number in range(self._pictures)
                ]
                for box in (0, RENDITION):
                    pictures = [rendition(one, box) for one in drawn] if box else drawn
                    yield self._decided(panels, everywhere, box, WHOLE, pictures, lambda width, height: ())
                    yield self._decided(panels, everywhere, box, WINDOWS, pictures, windows_of)

    def _cast(self, figures: int, *, shows: bool) -> list[Crop]:
        first = self._one_of(self._shows if shows else self._others)
        others = [self._one_of(self._others) for _ in range(figures - 1)]
        return [*others, first]

    def _panels(self, panels: int, *, shows: bool, everywhere: bool) -> list[Crop]:
        if everywhere:
            return [self._one_of(self._shows if shows else self._others)] * panels
        cast = self._cast(panels, shows=shows)
        return [cast[at] for at in self._random.permutation(panels).tolist()]

    def _one_of(self, crops: Sequence[Crop]) -> Crop:
        return crops[int(self._random.integers(len(crops)))]

    def _ways(self, pictures: Sequence[Composed]) -> dict[str, FloatArray]:
        cut: dict[str, Callable[[int, int], Sequence[Window]]] = {
            WHOLE: lambda width, height: (),
            WINDOWS: windows_of,
            GRID: grid_of,
        }
        return {way: np.array([pooled(each) for each in self._looks(pictures, how)]) for way, how in cut.items()}

    def _ranked(
        self,
        kind: str,
        cells: Sequence[tuple[tuple[float, float], int]],
        made: dict[tuple[tuple[float, float], int], list[Composed]],
        scores: dict[tuple[tuple[float, float], int], dict[str, FloatArray]],
    ) -> Iterator[RankingResult]:
        truth = np.array([self.package.target in one.kinds for cell in cells for one in made[cell]], dtype=np.bool_)
        for way in (WHOLE, WINDOWS, GRID):
            probabilities = np.concatenate([scores[cell][way] for cell in cells])
            kept = probabilities >= self.package.threshold
            right = float((kept & truth).sum())
            yield RankingResult(
                kind=kind,
                way=way,
                pictures=len(truth),
                average_precision=average_precision(probabilities, truth),
                recall=right / float(truth.sum()),
                precision=right / float(kept.sum()) if kept.any() else float("nan"),
            )

    def _decided(
        self,
        panels: int,
        everywhere: bool,
        box: int,
        way: str,
        pictures: Sequence[Composed],
        cut: Callable[[int, int], Sequence[Window]],
    ) -> PageDecisions:
        looks = self._looks(pictures, cut)
        values = [self._decision(one, each, way) for one, each in zip(pictures, looks, strict=True)]
        shows = [self.package.target in one.kinds for one in pictures]
        count = {value: sum(v is value and s for v, s in zip(values, shows, strict=True)) for value in DecisionValue}
        return PageDecisions(
            panels=panels,
            all_panels=everywhere,
            box=box,
            way=way,
            kept=count[DecisionValue.KEEP],
            undecided=count[DecisionValue.UNDECIDED],
            deleted=count[DecisionValue.DELETE],
            kept_wrongly=sum(v is DecisionValue.KEEP and not s for v, s in zip(values, shows, strict=True)),
            looks=float(np.mean([len(each) for each in looks])),
        )

    def _decision(self, one: Composed, looks: FloatArray, way: str) -> DecisionValue:
        size = self.package.preprocessing.size
        whole = prepare(one.content, self.package.preprocessing)
        small = way == WINDOWS and too_small(whole.width, whole.height, size)
        look = Look(scores={self.package.target: pooled(looks)}, too_small=small)
        return self._ruling.decide(self._target, PostTags(), look).value

    def _looks(self, pictures: Sequence[Composed], cut: Callable[[int, int], Sequence[Window]]) -> list[FloatArray]:
        """The probability that each look at each picture gives: the whole first."""
        views = [self._views(one.content, cut) for one in pictures]
        flat = [pixels for each in views for pixels in each]
        vectors = [self._runtime.embed(np.stack(flat[at : at + _BATCH])) for at in range(0, len(flat), _BATCH)]
        scores = self.package.head.probabilities(np.concatenate(vectors).astype(np.float32))
        return np.split(scores, np.cumsum([len(each) for each in views])[:-1].tolist())

    def _views(self, content: bytes, cut: Callable[[int, int], Sequence[Window]]) -> list[Pixels]:
        preprocessing = self.package.preprocessing
        whole = prepare(content, preprocessing)
        windows = cut(whole.width, whole.height)
        return [whole.pixels, *(prepare_windows(content, preprocessing, windows) if windows else ())]


def grid_of(width: int, height: int) -> tuple[Window, ...]:
    """Four parts of a picture, two by two, each a little over half as wide and as high."""
    wide, high = 0.6 * width, 0.6 * height
    return tuple((left, top, left + wide, top + high) for top in (0.0, height - high) for left in (0.0, width - wide))


def new_crops(folder: Path, package: Package) -> list[Crop]:
    """A folder's pictures, one folder a class, without those that the model was trained on or that chose its threshold.

    Raises:
        ValueError: no class is the model's target, or nothing else is left.
    """
    parts = package.snapshot.get("parts") or {}
    learned = {md5 for part in ("train", "validation", SPARED) for md5 in parts.get(part, ())}
    crops = [
        Crop(path, path.parent.name)
        for path in sorted(folder.glob("*/*"))
        if path.suffix.lower().removeprefix(".") in PICTURE_EXTENSIONS
        and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() not in learned
    ]
    kinds = {crop.kind for crop in crops}
    if package.target not in kinds or len(kinds) < 2:
        raise ValueError(
            f"{folder} needs a folder {package.target} and another one, with pictures that the model has not learned "
            f"from; it has {', '.join(sorted(kinds)) or 'none'}"
        )
    return crops


def ranked_table(rows: Sequence[RankingResult]) -> str:
    """For people."""
    lines = [
        "| illustrations | pictures | looked at | AP | recall | precision |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one.kind} | {one.pictures} | {one.way} | {one.average_precision:.3f} | {one.recall:.3f} | "
        f"{one.precision:.3f} |"
        for one in rows
    ]
    return "\n".join(lines)


def decided_table(rows: Sequence[PageDecisions]) -> str:
    """For people."""
    lines = [
        "| panels | the target is in | looked at as | looked at | kept | undecided | deleted | kept wrongly | looks |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in rows:
        where, size = "all" if one.all_panels else "one", f"{one.box} px" if one.box else "drawn"
        lines.append(
            f"| {one.panels} | {where} | {size} | {one.way} | {one.kept} | {one.undecided} | {one.deleted} | "
            f"{one.kept_wrongly} | {one.looks:.1f} |"
        )
    return "\n".join(lines)


def met(rows: Sequence[PageDecisions]) -> bool:
    """Whether no page of twenty panels that shows the target was deleted."""
    return not any(one.deleted for one in rows if one.panels == PANELS[-1] and one.way == WINDOWS)


def main() -> int:
    """Run the bench."""
    options = parser().parse_args()
    package = load_package(options.package)
    try:
        crops = new_crops(options.folder, package)
    except ValueError as error:
        parser().error(str(error))
    bench = IllustrationBench(package, crops, pictures=options.pictures, seed=options.seed)
    print(f"{package.target}, threshold {package.threshold:.3f}, {len(crops)} crops that it has not learned from\n")
    pages = list(bench.pages()) if options.only != ILLUSTRATIONS else []
    if pages:
        print(f"{decided_table(pages)}\n", flush=True)
    ranked = list(bench.illustrations()) if options.only != PAGES else []
    if ranked:
        print(ranked_table(ranked))
    if options.json:
        figures = {"pages": [asdict(one) for one in pages], "illustrations": [asdict(one) for one in ranked]}
        options.json.write_text(json.dumps(figures, indent=1))
    return 0 if met(pages) else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", type=Path)
    line.add_argument("--package", type=Path, required=True, help="the model's folder")
    line.add_argument("--pictures", type=int, default=40, metavar="N", help="of each kind; half show the target")
    line.add_argument("--only", choices=(PAGES, ILLUSTRATIONS), help="one of the two tables")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return line


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    raise SystemExit(main())
