"""The painted gallery and a model learned on it, made once for every benchmark that only measures what comes after.

A folder holds both, and is used again as it is found: painting four hundred posts takes a minute of a processor.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.equipment.galleries import served

TAG, TARGET = "genshin_impact", "mona"
RENDITIONS = "180x180,720x720"
HEAD_ALONE = {"CRAWL_ROUND_ZERO_NETWORK": "pretrained"}  # first models are learned in seconds, not minutes


@dataclass(frozen=True, slots=True)
class DemoMaterial:
    """Where it is."""

    folder: Path

    @property
    def cache(self) -> Path:
        """The painted files, as `python -m demo --cache` takes them."""
        return self.folder / "painted"

    @property
    def trained(self) -> Path:
        """A gallery with one post and a model of `TARGET`, a head on the pretrained network."""
        return self.folder / "trained"

    def paint(self, posts: str) -> None:
        """Paint what is missing of so many posts, and their renditions."""
        made = [sys.executable, "-m", "demo", "--posts", posts, "--cache", str(self.cache)]
        subprocess.run([*made, "--prepare", RENDITIONS], check=True, stdout=subprocess.DEVNULL)

    def learn(self, posts: str) -> None:
        """Learn the model where there is none; it takes no latency.

        Raises:
            SystemExit: the crawl that learns it failed.
        """
        if self.trained.is_dir():
            return
        unfinished = self.folder / "unfinished"
        with served(["--posts", posts, "--cache", str(self.cache)]) as url:
            place = ["--site", url, "--root", str(unfinished)]
            command = [
                sys.executable,
                "-m",
                "commands",
                "--tag",
                TAG,
                "--keep",
                TARGET,
                *place,
                "--limit",
                "1",
                "--quiet",
            ]
            environment = {**os.environ, **HEAD_ALONE}
            done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode not in (0, 3):
            raise SystemExit(f"the crawl that learns the model ended with {done.returncode}")
        unfinished.rename(self.trained)


@contextmanager
def demo_material(folder: Path | None, posts: str) -> Iterator[DemoMaterial]:
    """The painted posts and the model, from a folder that stays, or from one that goes.

    Args:
        folder: where they are kept; None: nowhere.
        posts: of the gallery.
    """
    with TemporaryDirectory(prefix="bench-demo-") as passing:
        material = DemoMaterial(folder or Path(passing))
        material.folder.mkdir(parents=True, exist_ok=True)
        material.paint(posts)
        material.learn(posts)
        yield material
