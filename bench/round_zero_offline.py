"""How well round 0 learns from a folder of real pictures with part of the tags hidden; no site, no crawl.

    python -m bench.round_zero_offline DIR --keep kiara --keep ina --hide 0.4

DIR has one folder a class and may have `labels.csv` (path, class, group, split); the class is the picture's character
tag, its group stands for the artist's set. A share of the tags is hidden at random. Round 0 then sees the gallery as a
crawl would, learns from what is tagged, and is measured on the pictures whose tag was hidden: on all of them, whether
they were in its sample or not. Figures come with 95 % intervals.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.metrics.quality import evaluate
from classifier.package.package import load_package
from classifier.pictures.decoder_pool import Decoders
from classifier.pictures.preprocessing import picture_array
from rounds.examples.sample import SampleSize
from rounds.round_zero import RoundSettings, RoundZeroInputs, round_zero
from rounds.training_job import NewModel
from storage.records import FileVersion, Post, PostTags, Rating, Rendition, Target

TAG = "everything"
Row = tuple[str, str, str]  # path below the folder, class, group


@dataclass(frozen=True, slots=True)
class OfflinePage:
    """One page of a search."""

    posts: tuple[Post, ...]


class FolderSource:
    """Searches the pictures of a folder by tags, as a site would; it gives their bytes too."""

    def __init__(
        self, folder: Path, *, hide: float, seed: int, wrong: float = 0.0, rows: Sequence[Row] | None = None
    ) -> None:
        rows = _rows(folder) if rows is None else rows
        hidden = np.random.default_rng(seed).random(len(rows)) < hide
        tags = _with_errors([kind for _, kind, _ in rows], wrong, seed)
        self.paths = {number: folder / path for number, (path, _, _) in enumerate(rows, 1)}
        self.classes = {number: kind for number, (_, kind, _) in enumerate(rows, 1)}
        self.hidden = [number for number, is_hidden in enumerate(hidden.tolist(), 1) if is_hidden]
        concealed = set(self.hidden)
        self._posts = [
            _post(number, None if number in concealed else tags[number - 1], group)
            for number, (_, _, group) in enumerate(rows, 1)
        ]

    async def posts(self, tags: str, *, page: str, limit: int = 200) -> OfflinePage:
        """One page, as the site pages by id."""
        posts = self._matching(tags)
        if page[0] == "a":
            return OfflinePage(tuple(reversed([post for post in posts if post.id > int(page[1:])][:limit])))
        below = int(page[1:])
        return OfflinePage(tuple(reversed([post for post in posts if post.id < below][-limit:])))

    async def count(self, tags: str) -> int | None:
        """How many match."""
        return len(self._matching(tags))

    async def picture(self, post: Post) -> bytes | None:
        """The file itself."""
        return await asyncio.to_thread(self.paths[post.id].read_bytes)

    def every_post(self) -> list[Post]:
        """All posts by rising id."""
        return list(self._posts)

    def _matching(self, tags: str) -> list[Post]:
        wanted = set(tags.split()) - {TAG}
        return [post for post in self._posts if wanted <= set(post.tags.character)]


def _rows(folder: Path) -> list[Row]:
    labels = folder / "labels.csv"
    if labels.is_file():
        with labels.open(newline="", encoding="utf-8") as file:
            return [(row["path"], row["class"], row["group"]) for row in csv.DictReader(file)]
    paths = sorted(path for path in folder.glob("*/*") if path.is_file())
    return [(str(path.relative_to(folder)), path.parent.name, "") for path in paths]


def _with_errors(kinds: list[str], share: float, seed: int) -> list[str]:
    """The classes as tags, a share of them another class's."""
    random, names = np.random.default_rng((seed, 1)), sorted(set(kinds))
    mistaken = random.random(len(kinds)) < share
    others = random.integers(1, max(2, len(names)), len(kinds))
    return [
        names[(names.index(kind) + int(step)) % len(names)] if wrong else kind
        for kind, wrong, step in zip(kinds, mistaken.tolist(), others.tolist(), strict=True)
    ]


def _post(number: int, character: str | None, group: str) -> Post:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    tags = PostTags(character=() if character is None else (character,), artist=(group,) if group else ())
    file = FileVersion(f"{number:032x}", "jpg", 1, 1, 1, "")
    return Post(
        site="folder", id=number, created_at=now, updated_at=now, rating=Rating.GENERAL, tags=tags, file=file,
        renditions=(Rendition("original", "", 1, 1, "jpg"),),
    )  # fmt: skip


def measure(model: NewModel, source: FolderSource) -> dict[str, object]:
    """Score every picture whose tag was hidden with the exported network and compare with its class."""
    package = load_package(model.folder)
    runtime = choose_runtime([package], RuntimeSettings())
    arrays = [picture_array(source.paths[number].read_bytes(), package.preprocessing) for number in source.hidden]
    embeddings = np.concatenate([runtime.embed(np.stack(arrays[at : at + 32])) for at in range(0, len(arrays), 32)])
    scores = package.head.probabilities(embeddings)
    truth = np.array([source.classes[number] == model.target for number in source.hidden])
    quality = evaluate(scores, truth, package.threshold)
    print(
        f"{model.target}: {quality.examples} untagged, {quality.positives} of them {model.target}; threshold "
        f"{package.threshold:.3f}: precision {quality.precision}, recall {quality.recall}, "
        f"average precision {quality.average_precision}",
        flush=True,
    )
    if package.curve is not None:
        for goal in (0.9, 0.95, 0.96, 0.97, 0.98):
            at = evaluate(scores, truth, package.curve.for_precision(goal).threshold)
            figures = f"{at.threshold:.3f}: precision {at.precision.value:.3f}, recall {at.recall.value:.3f}"
            print(f"    its threshold for {goal:.2f} is {figures}")
    return {"target": model.target, **quality.to_json(), **dict(model.facts)}


async def learn(source: FolderSource, arguments: argparse.Namespace, folder: Path) -> tuple[NewModel, ...]:
    """Round 0 with the settings of a crawl."""
    settings = RoundSettings(
        size=SampleSize(total=arguments.sample),
        time_budget_s=arguments.budget,
        seed=arguments.seed,
        **({} if arguments.epochs is None else {"epochs": arguments.epochs}),
    )
    last = [""]

    def report(stage: str, share: float, words: str) -> None:
        if stage != last[0] or (stage == "training" and int(share * 1000) % 100 == 0):
            print(f"  {time.monotonic() - begun:6.1f} s  {stage} {share:.0%} {words}", flush=True)
            last[0] = stage

    begun = time.monotonic()
    targets = {Target(name, name): folder / name / "1" for name in arguments.keep}
    async with Decoders([settings.preprocessing]) as decoder:
        return await round_zero(RoundZeroInputs(source, source, decoder), TAG, targets, settings, report=report)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", action="append", required=True)
    parser.add_argument("--hide", type=float, default=0.4)
    parser.add_argument("--wrong", type=float, default=0.0, help="share of the tags that name another class")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", type=int, default=4000)
    parser.add_argument("--budget", type=float, default=360.0, help="seconds for training the network")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--models", type=Path, help="keep the packages in this folder")
    arguments = parser.parse_args()
    source = FolderSource(arguments.folder, hide=arguments.hide, seed=arguments.seed, wrong=arguments.wrong)
    with tempfile.TemporaryDirectory() as temporary:
        begun = time.monotonic()
        models = asyncio.run(learn(source, arguments, arguments.models or Path(temporary)))
        seconds = time.monotonic() - begun
        for model in models:
            print(model.report)
        figures = [measure(model, source) for model in models]
    print(f"learned {', '.join(arguments.keep)} in {seconds:.0f} s (goal: at most 600)")
    if arguments.json:
        arguments.json.write_text(json.dumps({"seconds": seconds, "targets": figures}, indent=1))


if __name__ == "__main__":
    main()
