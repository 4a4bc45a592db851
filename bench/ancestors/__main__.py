"""The ancestors' recipes and ours on the same pictures, one table, all from one run.

    python -m bench.ancestors --two DIR --keep kiara --keep ina --many DIR [--mona KEY=VALUE …] [--json FILE]
    python -m bench.ancestors --frozen DIR --tuned DIR --inception weights=nsfwjs-4.3.0.tgz

DIR has one folder a class and may have `labels.csv` (path, class, group, split). `--two` compares `mona_cnn` with ours,
each target of `--keep` against all others; `--many` compares `simpsons_cnn` with ours on all classes, `--frozen`
`vgg16`, and `--tuned` `inception_v3`. As published, they take hours on two cores: `--mona`, `--simpsons`, `--vgg` and
`--inception` set them smaller, `--at-most` takes fewer pictures to train on; the table names what was set. `--lite0`
sets ours where it is `efficientnet_lite0`. Exit code 1: a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from bench.ancestors import frozen_network, many_classes, tuned_network, two_classes
from bench.ancestors.material import material_of
from bench.ancestors.table import Comparison, table


def main() -> int:
    """Run the bench."""
    options = parser().parse_args()
    found: list[Comparison] = []
    if options.two is not None:
        two = two_classes.TwoClassBench(
            material_of(options.two, options.seed), options.mona, options.ours, options.lite0, options.seed
        )
        for target in options.keep:
            found += two_classes.comparisons(two, target)
    if options.many is not None:
        many = material_of(options.many, options.seed, options.at_most)
        found.append(many_classes.comparison(many, options.simpsons, options.lite0, options.many.name))
    found += _published(options)
    print(f"\n{table(found)}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([one.to_json() for one in found], indent=1))
    return 0 if all(one.met for one in found) else 1


def _published(options: argparse.Namespace) -> list[Comparison]:
    """Of the recipes that begin with published weights."""
    found: list[Comparison] = []
    if options.frozen is not None:
        hands = material_of(options.frozen, options.seed, options.at_most)
        found += frozen_network.comparisons(hands, options.vgg, options.frozen.name)
    if options.tuned is not None:
        drawn = material_of(options.tuned, options.seed, options.at_most)
        bench = tuned_network.TunedBench(drawn, options.inception, options.lite0, options.by)
        found += tuned_network.comparisons(bench, options.tuned.name)
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    line.add_argument("--ours", choices=two_classes.OURS, default=two_classes.ALL_CLASSES, help="ours of --two")
    line.add_argument("--seed", type=int, default=0)
    line.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return line


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    raise SystemExit(main())
