"""A gallery with a model that tells red pictures from blue ones, and folders of such pictures."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner, Result

from classifier.head import Calibration, Head
from classifier.package.package import write_package
from classifier.pictures.preprocessing import Preprocessing, picture_array
from classifier.recognition.certainty import Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.package import write_recogniser
from classifier.recognition.recogniser import Recogniser
from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, Label, ListedPage
from storage.label_writer import Labelling
from storage.records import LabelValue, ModelCard, PostTags
from tests.classifier.recognition.recognisers import recogniser_parts
from tests.classifier.tiny_models import SIZE, TinyBackbone, coloured, make_parts, png
from tests.storage.samples import make_post

TAG = "mona_(genshin_impact)"


def picture(number: int, *, red: bool) -> bytes:
    """One of many different ones; the model is sure of both kinds."""
    tint = 200 + number % 50
    return png(coloured(tint if red else 20, 60 + number // 50, 20 if red else tint))


def red_head(tiny: TinyBackbone) -> Head:
    """The direction in which red pictures lie from blue ones."""
    seen = [
        tiny.embed(np.stack([picture_array(picture(one, red=red), Preprocessing(SIZE)) for one in range(6)]))
        for red in (True, False)
    ]
    middle = [found.mean(axis=0) for found in seen]
    weights = 8 * (middle[0] - middle[1]) / np.linalg.norm(middle[0] - middle[1]) ** 2
    return Head(weights.astype(np.float32), float(-weights @ (middle[0] + middle[1]) / 2), Calibration(1.0, 0.0))


def make_root(folder: Path, tiny: TinyBackbone, number: int = 1, **changes: Any) -> Path:
    """A gallery with the model mona/1 and no posts; or one that is there, with another model in force."""

    async def register() -> None:
        parts = make_parts(tiny, "mona", red_head(tiny), threshold=0.5, **changes)
        facts = write_package(folder / "models" / "mona" / str(number), parts)
        card = ModelCard("mona", number, facts.hash, facts.backbone_hash, 0.5)
        async with Archive.open(folder, ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.register_model(card, {"round": 0, "tag": TAG}, activate=True)

    asyncio.run(register())
    return folder


def add_recogniser(root: Path, tiny: TinyBackbone) -> None:
    """A recogniser on the same network, family/1, with the names game/red and game/blue."""
    weights = red_head(tiny)
    head = ClassHead(
        ("game/blue", "game/red"),
        np.stack([-weights.weights, weights.weights], axis=1),
        np.array([-weights.bias, weights.bias]),
    )
    parts = recogniser_parts(tiny, Recogniser(head, Limits(0.6, 0.1, 0.0)))

    async def register() -> None:
        facts = write_recogniser(root / "models" / "family" / "1", parts)
        card = ModelCard("family", 1, facts.hash, facts.backbone_hash, 0.6)
        async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.register_model(card, {"kind": "recogniser"}, activate=True)

    asyncio.run(register())


@dataclass
class Downloads:
    """A folder with pictures of both kinds, and the command that sorts them."""

    root: Path
    folder: Path
    red: int = 5
    blue: int = 7

    def __post_init__(self) -> None:
        for number in range(self.red):
            self.put(f"red/{number}.png", picture(number, red=True))
        for number in range(self.blue):
            self.put(f"blue/{number}.png", picture(number, red=False))

    @property
    def pictures(self) -> Path:
        return self.folder / "downloads"

    def put(self, name: str, content: bytes) -> Path:
        path = self.pictures / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def classify(self, *words: str, keep: str = "mona") -> Result:
        """The command on this folder; a list goes into the folder `out`."""
        place = [] if {"--how", "--to"} & set(words) else ["--to", str(self.folder / "out")]
        return self.crawl("classify", str(self.pictures), "--keep", keep, *words, *place)

    def crawl(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--root", str(self.root)], prog_name="crawl")

    def record(self, *words: str) -> dict[str, Any]:
        """What it prints for programs."""
        done = self.classify(*words, "--json")
        answer = json.loads(done.stdout)
        assert answer["exit"] == done.exit_code
        return dict(answer)

    def table(self) -> list[dict[str, str]]:
        """The rows of the list."""
        with (self.folder / "out" / "classified.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def verdicts(self) -> dict[str, str]:
        """By the end of its path, what became of each file."""
        return {Path(row["path"]).relative_to(self.pictures).as_posix(): row["verdict"] for row in self.table()}

    def post(self, number: int, content: bytes, *characters: str, site: str = "demo") -> None:
        """The gallery knows a post whose file has these bytes."""

        async def file() -> None:
            async with Archive.open(self.root, ArchiveSettings(reserve_bytes=0)) as archive:
                listing = await archive.open_listing(site, f"sorted {number}")
                post = make_post(number, content, site=site, tags=PostTags(character=characters))
                await archive.file_page(listing.id, ListedPage(posts=[post]))

        asyncio.run(file())

    def label(self, number: int, value: str) -> None:
        with Labelling(self.root) as labelling:
            labelling.relabel([Label(number, "demo", "mona", LabelValue(value), "me", f"{number}-{value}")])


def names_below(folder: Path) -> list[str]:
    """Of the pictures in a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def all_of(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, byte for byte."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def lines_of(done: Result) -> Sequence[str]:
    return [line.strip() for line in done.stdout.splitlines()]
