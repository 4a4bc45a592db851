"""Whether the gallery is better after a person's answers and a round, measured against the truth.

    python -m bench.learning_loop --from pictures/ --tag hololive --keep kiara --keep ina --answers 50

Serves the folder (one folder a class) as a gallery with part of the character tags hidden and part of them wrong, runs
the real `crawl` with all targets in one pass, answers the first questions of the page's own queue correctly for each
target, then runs the real `crawl train` for each, and prints the quality before and after, on the posts without a tag
and on all posts, and whether the program's own estimate agrees with the truth. `--root` keeps the gallery, and goes on
with one that is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the commands do: a second thread slows a busy machine down

from classifier.metrics.quality import Estimate, wilson
from review.gallery_service import GalleryReviewService
from review.service import LabelAnswer
from storage.archive import open_reader
from tests.equipment.galleries import served


@dataclass(frozen=True, slots=True)
class TargetTruth:
    """The truth about one target."""

    shown: frozenset[int]  # ids of the posts that show it
    untagged: frozenset[int]  # ids of the posts whose character tag is hidden


@dataclass(frozen=True, slots=True)
class GalleryQuality:
    """How good the gallery is."""

    errors_untagged: int
    errors_all: int
    precision: Estimate  # on untagged posts
    recall: Estimate
    precision_all: float
    recall_all: float


def truths_of(url: str, targets: Sequence[str]) -> Mapping[str, TargetTruth]:
    """Read what each picture really shows."""
    with urllib.request.urlopen(f"{url}/demo/truth.json") as answer:  # loopback: our own gallery
        pictures: Mapping[str, Any] = json.load(answer)
    untagged = frozenset(int(post) for post, one in pictures.items() if one["hidden"] and not one["wrong"])
    return {
        target: TargetTruth(
            frozenset(int(post) for post, one in pictures.items() if target in one["characters"]), untagged
        )
        for target in targets
    }


def quality_of(root: Path, target: str, truth: TargetTruth) -> GalleryQuality:
    """Compare every decision with the truth; whatever is not kept counts as rejected."""
    with open_reader(root) as reader:
        rows = reader.sql(f"SELECT post_id, decision FROM results WHERE target = '{target}'").rows
    seen = {int(post) for post, _ in rows}
    kept = {int(post) for post, decision in rows if decision == "keep"}
    shown, untagged = truth.shown & seen, truth.untagged & seen
    right = len(kept & shown & untagged)
    return GalleryQuality(
        errors_untagged=len((kept ^ shown) & untagged),
        errors_all=len(kept ^ shown),
        precision=wilson(right, len(kept & untagged)),
        recall=wilson(right, len(shown & untagged)),
        precision_all=len(kept & shown) / max(1, len(kept)),
        recall_all=len(kept & shown) / max(1, len(shown)),
    )


def answer_truly(root: Path, target: str, truth: TargetTruth, count: int) -> None:
    """Answer the first questions of the page's queue by the truth."""
    with GalleryReviewService(root, "a person who knows") as service:
        done = 0
        while done < count and (ids := (questions := service.queue(target)).ids[: count - done]):
            posts = {picture.id: picture.post_id for picture in service.pictures(target, ids)}
            answers = [
                LabelAnswer(
                    id=one,
                    value="keep" if posts[one] in truth.shown else "delete",
                    key=uuid.uuid4().hex,
                    seen=0,
                    why=questions.reasons[one].reason,
                )
                for one in ids
            ]
            service.answer(target, answers)
            done += len(answers)


def crawl(arguments: Sequence[str], root: Path) -> Mapping[str, Any]:
    """Run the real command; gives its JSON."""
    command = [sys.executable, "-m", "commands", *arguments, "--root", str(root), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}")
    record: Mapping[str, Any] = json.loads(done.stdout)
    return record


def line(name: str, quality: GalleryQuality) -> str:
    """One line."""
    return (
        f"{name:28} {quality.errors_untagged:4} errors on untagged, {quality.errors_all:4} on all; "
        f"untagged precision {quality.precision}, recall {quality.recall}"
    )


def answered(root: Path, target: str, truth: TargetTruth, count: int) -> tuple[GalleryQuality, GalleryQuality]:
    """Before and after a person's answers, no round done yet."""
    before = quality_of(root, target, truth)
    print(line(f"{target}: round 0", before), flush=True)
    answer_truly(root, target, truth, count)
    between = quality_of(root, target, truth)
    print(line(f"{target}: {count} answers given", between), flush=True)
    return before, between


def trained(root: Path, target: str, how: str) -> None:
    """A round, by the real command."""
    record = crawl(["train", target, "--how", how], root)
    stays = "" if record["activated"] else ", the model before stays"
    others = "".join(f", {other['model']} follows" for other in record["followed"] if other["activated"])
    print(f"{record['model']} took {record['seconds']} s{stays}{others}", flush=True)


def judged(root: Path, target: str, truth: TargetTruth, before: GalleryQuality) -> dict[str, Any]:
    """The quality at the end, and whether the goals are met."""
    after = quality_of(root, target, truth)
    print(line(f"{target}: at the end", after), flush=True)
    verdict = {
        "errors at least halved": 2 * after.errors_untagged <= before.errors_untagged,
        "precision >= 0.97": after.precision.value >= 0.97,
        "recall >= 0.95": after.recall.value >= 0.95,
        "its own estimate agrees": _estimated(root, target, after),
    }
    print("  " + ", ".join(f"{name}: {'yes' if met else 'NO'}" for name, met in verdict.items()), flush=True)
    return {"after": asdict(after), "verdict": verdict}


def _estimated(root: Path, target: str, after: GalleryQuality) -> bool:
    with GalleryReviewService(root, "a person who knows") as service:
        figures = service.facts(target).figures
    if figures is None or figures.precision is None or figures.recall is None:
        print("  its own estimate: none")
        return False
    pairs = ((figures.precision, after.precision_all), (figures.recall, after.recall_all))
    for name, (interval, truth) in zip(("precision", "recall"), pairs, strict=True):
        print(
            f"  its own estimate of {name}: {interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f}) from "
            f"{figures.answers} random answers; truth {truth:.3f}"
        )
    return all(interval.low <= truth <= interval.high for interval, truth in pairs)


def main() -> int:
    """Run the bench."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--from", dest="folder", required=True, help="one folder a class")
    read.add_argument("--tag", default="hololive")
    read.add_argument("--keep", action="append", required=True)
    read.add_argument("--hide", default="0.4", help="share of character tags left out")
    read.add_argument("--wrong", default="0.05", help="share of posts with a wrong character tag")
    read.add_argument("--seed", default="1")
    read.add_argument("--answers", type=int, default=50)
    read.add_argument("--how", default="auto", help="as of crawl train")
    read.add_argument("--root", type=Path, help="keep the gallery here")
    read.add_argument("--json", type=Path, help="write the figures to this file")
    options = read.parse_args()
    gallery = ["--from", options.folder, "--tag", options.tag, "--hide", options.hide, "--wrong", options.wrong]
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-loop-") as work, served([*gallery, "--seed", options.seed]) as url:
        root = options.root or Path(work) / "root"
        if not (root / "crawl.db").exists():
            keeps = [part for target in options.keep for part in ("--keep", target)]
            record = crawl(["--site", url, "--tag", options.tag, *keeps], root)
            print(f"round 0 took {record['preparing_seconds']:.0f} s for {len(options.keep)} targets in one pass")
        truths = truths_of(url, options.keep)
        steps = {target: answered(root, target, truths[target], options.answers) for target in options.keep}
        for target in options.keep:
            trained(root, target, options.how)
        for target, (before, between) in steps.items():
            results[target] = {"before": asdict(before), "between": asdict(between)}
            results[target] |= judged(root, target, truths[target], before)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
