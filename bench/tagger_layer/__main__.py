"""What a gallery's taggers are worth to a head: without any, with each kind of word, with all of them.

    python -m bench.tagger_layer ROOT TARGET

ROOT is a gallery that was crawled with a tagger of one's own. Every row is a head on the same pictures: log loss out of
fold of the tagged and labelled ones, and the forecast for posts without the target's tag.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from classifier.heads.head_training import LearnedHead, learn_head
from classifier.heads.training_set import HeadPlan, HeadTrainingSet
from classifier.package.package import load_package
from rounds.examples.frozen_splits import groups_of, splits_of
from rounds.examples.head_examples import training_set_of
from storage.archive import open_reader
from storage.files.paths import model_folder
from storage.records import SITE_TAGGER


def training_set_from(root: Path, name: str) -> HeadTrainingSet:
    """What the gallery knows of a target.

    Raises:
        SystemExit: it has no such target, or no model of it.
    """
    with open_reader(root) as reader:
        target = next((one for one in reader.targets() if one.name == name), None)
        model = reader.active_model(name)
        if target is None or model is None:
            raise SystemExit(f"{root} has no model of {name}")
        package = load_package(model_folder(root / "models", model.card.named))
        evidence = reader.evidence(target, package.backbone_hash)
    groups = groups_of(evidence)
    split = splits_of(evidence, groups, package.snapshot, artists=True)
    return training_set_of(target, package, evidence, groups, split)


def variants(every: HeadTrainingSet) -> Mapping[str, HeadTrainingSet]:
    """The same pictures with fewer words of taggers."""
    own = {source: one for source, one in every.ai_percents.items() if source != SITE_TAGGER}
    site = {source: one for source, one in every.ai_percents.items() if source == SITE_TAGGER}
    silent = replace(every, ai_percents={}, tagger_vectors={})
    return {
        "no tagger": silent,
        "the site's percent": replace(silent, ai_percents=site),
        "the own tagger's percent": replace(silent, ai_percents=own),
        "its penultimate layer": replace(silent, tagger_vectors=every.tagger_vectors),
        "all of them": every,
    }


def line(name: str, learned: LearnedHead) -> str:
    """One row for people."""
    gains = list(learned.facts.get("ai_tags", {}).values())
    loss = f"{gains[0]['loss_before']:.3f} → {gains[-1]['loss']:.3f}" if gains else "unchanged"
    block = "yes" if learned.head.tagger_block is not None else "no"
    expected = learned.forecast
    return f"| {name} | {loss} | {block} | {expected.precision} | {expected.recall} |"


def main() -> None:
    """Run it and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("root", type=Path)
    options.add_argument("target")
    how = options.parse_args()
    print("| heard | log loss | block | precision expected | recall expected |")
    print("| --- " * 5 + "|")
    for name, training_set in variants(training_set_from(how.root, how.target)).items():
        print(line(name, learn_head(training_set, HeadPlan())), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
