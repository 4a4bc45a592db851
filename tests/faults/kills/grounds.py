"""Small galleries that are made once, and that every kill gets a copy of.

`crawled` is a real one: a crawl of the demo site with a network that was taught for some seconds. `painted_ground`
takes two seconds: painted pictures, embeddings and a head, but no network that could look at a picture.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.archive import open_reader
from storage.archive_records import Label
from storage.records import LabelValue
from tests.equipment import galleries_on
from tests.equipment.review_gallery import SITE, TARGET, fill
from tests.faults import driver

TAG = "genshin_impact"
REAL = (sys.executable, "-m", "commands")
MAKING_S = 600.0  # at most, for the crawl that makes a ground
DEMO_SITE = "demo-site"
WHO = "somebody"

_SETTINGS = """\
[scoring]
score_on = "360x360"
decoders = 1
[round_zero]
minutes = 0.25
renditions = 400
[limits]
free_space_mb = 10
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """A gallery to copy; nobody works in it."""

    template: Path
    config: Path
    site: str  # as the gallery calls it
    target: str = TARGET.name

    def copied_to(self, root: Path) -> Path:
        """A copy to work in."""
        return galleries_on.copied(self.template, root)

    def with_template(self, template: Path) -> Ground:
        """The same with another state to start from."""
        return Ground(template, self.config, self.site, self.target)

    def at(self, root: Path) -> list[str]:
        """The words that say where."""
        return ["--root", str(root), "--config", str(self.config)]

    def labels(self, name: str, posts: Sequence[int], values: Sequence[str]) -> list[Label]:
        """One label a post and value."""
        return [
            Label(post, self.site, self.target, LabelValue(value), WHO, f"{name}-{number:06d}")
            for number, (post, value) in enumerate(zip(posts, values, strict=True))
        ]

    def posts(self, where: str = "TRUE") -> list[int]:
        """Ids of the posts whose row in `results` fits, by id."""
        query = (
            f"SELECT post_id FROM results WHERE target = '{self.target}' AND md5 IS NOT NULL AND ({where}) ORDER BY 1"
        )
        with open_reader(self.template) as reader:
            return [int(row[0]) for row in reader.sql(query).rows]

    def pictures(self) -> dict[int, int]:
        """Post id -> what the page calls its picture."""
        query = "SELECT p.post_id, v.id FROM post p JOIN file_version v ON v.post_key = p.key AND v.md5 = p.md5"
        with open_reader(self.template) as reader:
            return {int(post): int(version) for post, version in reader.sql(query).rows}


def painted_ground(folder: Path, posts: int = 400) -> Ground:
    """Painted pictures of a site that does not exist; what is kept has its original."""
    config = folder / "crawl.toml"
    config.write_text("[limits]\nfree_space_mb = 1\n", encoding="utf-8")
    fill(folder / "template", posts, originals=True)
    return Ground(folder / "template", config, SITE)


def demo_site(folder: Path, url: str) -> Ground:
    """A demo site at this address, and no gallery of it yet."""
    config = folder / "crawl.toml"
    config.write_text(f'{_SETTINGS}[sites.{DEMO_SITE}]\nurl = "{url}"\n', encoding="utf-8")
    return Ground(folder / "template", config, DEMO_SITE)


def crawled(ground: Ground) -> Ground:
    """The same when a real crawl has been there; takes a minute."""
    words = ["--site", ground.site, "--tag", TAG, "--keep", ground.target, "--quiet", *ground.at(ground.template)]
    made = driver.run(words, program=REAL, limit_s=MAKING_S)
    if made.code != 0:
        raise RuntimeError(f"the crawl that makes the gallery ended with {made.code}:\n{made.output}")
    return ground
