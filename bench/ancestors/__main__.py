"""The ancestors' recipes and ours on the same pictures, one table, all from one run.

    python -m bench.ancestors --data DIR --small [--rows two many tuned frozen] [--minutes M] [--keep-in FILE]
    python -m bench.ancestors --two DIR --keep kiara --keep ina --many DIR [--mona KEY=VALUE …]

DIR of `--data` holds `vtubers`, `simpsons` and `hands`; these, and every other DIR, have one folder a class and may
have `labels.csv` (path, class, group, split). Rows: `two` compares `mona_cnn` with ours, each target of `--keep`
against all others; `many` `simpsons_cnn` with ours on all classes, `tuned` `inception_v3`, `frozen` `vgg16`. As
published, the ancestors take hours on two cores: `--small` sets what minutes allow, `--minutes` ends each training of
theirs after so many minutes of processors, `--mona`, `--simpsons`, `--vgg` and `--inception` set single settings,
`--at-most` takes fewer pictures to train on; the table names what was set, and how much of it was done. `--lite0` sets
ours where it is `efficientnet_lite0`. The table so far is printed after every line; `--keep-in FILE` keeps every
training that is done, and the same command goes on with the next one. Exit code 1: a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.ancestors import frozen_network, many_classes, tuned_network, two_classes
from bench.ancestors.material import material_of
from bench.ancestors.measurements import Measurements
from bench.ancestors.sides import Sides
from bench.ancestors.table import Comparison, table, unmeasured
from classifier.errors import ClassifierError

TUNED, TWO, MANY, FROZEN = ROWS = ("tuned", "two", "many", "frozen")  # `two` uses what `tuned` trained
FOLDERS = {TUNED: "vtubers", TWO: "vtubers", MANY: "simpsons", FROZEN: "hands"}
TARGETS = ("kiara", "ina")
SMALL: Mapping[str, tuple[str, ...]] = {
    "mona": ("size=64", "padding=same", "width=0.125", "samples=2000", "epochs=4", "batch=64", "patience=0"),
    "inception": ("epochs=1", "least_per_class=0"),
    "vgg": ("size=96", "epochs=2"),
    "simpsons": ("epochs=30",),
}
OURS: Mapping[str, tuple[str, ...]] = {  # what docs/experiments.md found
    TUNED: ("epochs=5",),
    TWO: ("epochs=5",),
    MANY: ("size=128", "first_size=64", "batch=64", "mixup=0.2"),
}

Line = partial[list[Comparison]]  # whose words say which line it is


class Bench:
    """Every row of one run."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Set what was asked for."""
        self._options = options
        self.sides = Sides(Measurements(options.keep_in, print))

    def rows(self) -> list[str]:
        """Those that were asked for and have pictures."""
        return [row for row in ROWS if row in self._options.rows and self._folder(row) is not None]

    def lines(self, row: str) -> Iterator[list[Comparison]]:
        """Its lines as they come; one that says why in the place of what cannot be measured."""
        ways: dict[str, Callable[[Path], list[Line]]] = {
            TUNED: self._tuned,
            TWO: self._two,
            MANY: self._many,
            FROZEN: self._frozen,
        }
        folder = self._folder(row)
        assert folder is not None
        try:
            lines = ways[row](folder)
        except (ClassifierError, OSError, ValueError) as error:
            lines = [partial(_refused, error)]
        for line in lines:
            yield _measured(f"{folder.name}: {row}", line)

    def _folder(self, row: str) -> Path | None:
        named: Path | None = getattr(self._options, row)
        data: Path | None = self._options.data
        return named or (None if data is None else data / FOLDERS[row])

    def words(self, kind: str) -> list[str]:
        """Settings of an ancestor: the small ones, the time, and what was typed, which counts most."""
        options = self._options
        time_ = [f"minutes={options.minutes}"] if options.minutes else []
        return [*(SMALL[kind] if options.small else ()), *time_, *getattr(options, kind)]

    def own_words(self, row: str) -> list[str]:
        """Settings of ours: what suits such pictures, and what was typed."""
        return [*OURS[row], *self._options.lite0]

    def _tuned(self, folder: Path) -> list[Line]:
        options = self._options
        material = material_of(folder, options.seed, options.at_most)
        bench = tuned_network.TunedBench(
            material, self.words("inception"), self.own_words(TUNED), options.by, self.sides
        )
        return [partial(tuned_network.comparisons, bench, folder.name)]

    def _two(self, folder: Path) -> list[Line]:
        options = self._options
        material = material_of(folder, options.seed)
        bench = two_classes.TwoClassBench(
            material, self.words("mona"), self.sides, options.ours, self.own_words(TWO), options.seed
        )
        targets = options.keep or [one for one in TARGETS if one in material.classes]
        kinds = (two_classes.EQUAL, two_classes.WHOLE)  # the second asks for what the row before trains
        return [partial(two_classes.comparisons, bench, target, kind) for kind in kinds for target in targets]

    def _many(self, folder: Path) -> list[Line]:
        material = material_of(folder, self._options.seed, self._options.at_most)
        bench = many_classes.ManyBench(material, self.words("simpsons"), self.own_words(MANY), self.sides)
        return [partial(many_classes.comparisons, bench, folder.name)]

    def _frozen(self, folder: Path) -> list[Line]:
        material = material_of(folder, self._options.seed, self._options.at_most)
        bench = frozen_network.FrozenBench(material, self.words("vgg"), self.sides)
        return [partial(frozen_network.comparisons, bench, folder.name)]


def _refused(error: Exception) -> list[Comparison]:
    raise error


def _measured(name: str, line: Line) -> list[Comparison]:
    try:
        return line()
    except Exception as error:  # noqa: BLE001 - whatever a network's library raises, the other lines are measured
        what = ", ".join([name, *(str(word) for word in line.args if isinstance(word, str))])
        return [unmeasured(what, error)]


def main() -> int:
    """Run the bench."""
    options = parser().parse_args()
    bench, found = Bench(options), list[Comparison]()
    for row in bench.rows():
        for lines in bench.lines(row):
            found += lines
            loads = bench.sides.measured.loads
            print(
                f"\n{table(found)}\n\nload of the machine: {min(loads)} to {max(loads)}\n" if loads else "", flush=True
            )
            if options.json:
                options.json.write_text(json.dumps([one.to_json() for one in found], indent=1))
    return 0 if found and all(one.met for one in found) else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--data", type=Path, metavar="DIR", help="every row: vtubers, simpsons and hands lie in it")
    line.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, help="only these")
    line.add_argument("--small", action="store_true", help="the ancestors as two cores allow in minutes")
    line.add_argument("--minutes", type=float, metavar="M", help="of processors, for each training of theirs, at most")
    line.add_argument("--keep-in", type=Path, metavar="FILE", help="every training that is done; a later run goes on")
    line.add_argument("--two", type=Path, metavar="DIR", help="one target against all others")
    line.add_argument("--keep", action="append", default=[], metavar="NAME", help="a target; may be repeated")
    line.add_argument("--many", type=Path, metavar="DIR", help="all classes at once")
    line.add_argument("--frozen", type=Path, metavar="DIR", help="all classes, by a frozen network")
    line.add_argument("--tuned", type=Path, metavar="DIR", help="all classes, by a large network trained on")
    line.add_argument("--mona", action="append", default=[], metavar="KEY=VALUE", help="a setting of mona_cnn")
    line.add_argument("--simpsons", action="append", default=[], metavar="KEY=VALUE", help="a setting of simpsons_cnn")
    line.add_argument("--vgg", action="append", default=[], metavar="KEY=VALUE", help="a setting of vgg16")
    line.add_argument("--inception", action="append", default=[], metavar="KEY=VALUE", help="a setting of inception_v3")
    line.add_argument("--lite0", action="append", default=[], metavar="KEY=VALUE", help="a setting of ours")
    line.add_argument("--by", choices=tuned_network.BY, default="both", help="ours of --tuned: a last layer, or more")
    line.add_argument("--at-most", type=int, metavar="N", help="training pictures of --many, --frozen and --tuned")
    line.add_argument("--ours", choices=two_classes.OURS, default="", help="ours of --two, on every kind of pictures")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return line


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    raise SystemExit(main())
