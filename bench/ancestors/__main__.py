"""The ancestors' recipes and ours on the same pictures, one table, all from one run.

    python -m bench.ancestors --two DIR --keep kiara --keep ina --many DIR [--mona KEY=VALUE …] [--json FILE]

DIR has one folder a class and may have `labels.csv` (path, class, group, split). `--two` compares `mona_cnn` with ours,
each target of `--keep` against all others; `--many` compares `simpsons_cnn` with ours on all classes. As published,
`mona_cnn` takes hours on two cores: `--mona` and `--simpsons` set them smaller, and the table names what was set. Exit
code 1: a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from bench.ancestors import many_classes, two_classes
from bench.ancestors.material import material_of
from bench.ancestors.table import Comparison, table


def main() -> int:
    """Run the bench."""
    options = parser().parse_args()
    found: list[Comparison] = []
    if options.two is not None:
        two = two_classes.TwoClassBench(
            material_of(options.two, options.seed), options.mona, options.ours, options.seed
        )
        for target in options.keep:
            found += two_classes.comparisons(two, target)
    if options.many is not None:
        many = material_of(options.many, options.seed)
        bench = many_classes.ManyClassBench(many, options.simpsons, options.our_epochs, options.seed)
        found.append(many_classes.comparison(bench, options.many.name))
    print(f"\n{table(found)}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([one.to_json() for one in found], indent=1))
    return 0 if all(one.met for one in found) else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--two", type=Path, metavar="DIR", help="one target against all others")
    line.add_argument("--keep", action="append", default=[], metavar="NAME", help="a target; may be repeated")
    line.add_argument("--many", type=Path, metavar="DIR", help="all classes at once")
    line.add_argument("--mona", action="append", default=[], metavar="KEY=VALUE", help="a setting of mona_cnn")
    line.add_argument("--simpsons", action="append", default=[], metavar="KEY=VALUE", help="a setting of simpsons_cnn")
    line.add_argument(
        "--ours", choices=("pretrained", "fine_tuned"), default="fine_tuned", help="our two-class network"
    )
    line.add_argument("--our-epochs", type=float, default=60.0, metavar="N", help="of our many-class network")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return line


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    raise SystemExit(main())
