"""A site of a few posts whose tags, aliases and implications a test may change between two crawls."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from commands.app import app
from demo.galleries.folder import read_facts
from demo.galleries.gallery import EPOCH, Gallery, GalleryPost
from storage.archive import open_reader
from storage.reader import Reader
from tests.faults.simulator.simulator import Simulator, configuration, simulator
from tests.faults.stubs.parts import stub_parts

SERIES, MONA, NEW = "genshin_impact", "mona_(genshin_impact)", "mona_megistus_(genshin_impact)"


@dataclass(slots=True)
class SmallSite:
    """A running site, and a root that crawls it with the stub judge; bright pictures please that."""

    gallery: Gallery
    pictures: Path
    folder: Path
    server: Simulator = field(init=False)
    misbehaviour: str = "honest"  # of the stub judge

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def site(self) -> str:
        return "sim"

    def post(self, post_id: int, *tags: str, bright: bool = False, **more: Any) -> None:
        """Put a post on the site."""
        path = self.pictures / f"{post_id}.jpg"
        level = 200 if bright else 50
        pixels = np.random.default_rng(post_id).integers(level - 30, level + 30, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((320, 240)).save(path)
        facts = read_facts(path)
        assert facts is not None
        self.gallery.add_file(facts.md5, facts)
        created = EPOCH + 3600 * post_id
        fields = {"width": facts.width, "height": facts.height, "ext": facts.ext, "created_at": created}
        named = tuple(sorted({SERIES, *tags}))
        self.gallery.put(GalleryPost(id=post_id, picture=facts.md5, tags=named, updated_at=created, **fields, **more))

    def rename(self, old: str, new: str) -> None:
        """What the site does: another tag on every post, and an alias from the old one."""
        category = self.gallery.tags[old].category
        self.gallery.add_tag(new, next(name for name, number in CATEGORIES.items() if number == category))
        self.gallery.add_alias(old, new)
        for post in [self.gallery.posts[post_id] for post_id in sorted(self.gallery.holders(old))]:
            self.gallery.edit(post.id, tags=tuple(sorted({*post.tags, new} - {old})))

    def crawl(self, *words: str) -> Result:
        """The main job, or with a command's name first that command."""
        place = ["--root", str(self.root), "--config", str(self.folder / "crawl.toml")]
        main = ["--site", self.site] if words[0].startswith("--") else []
        return CliRunner().invoke(app, [*words, *main, *place], prog_name="crawl", obj=stub_parts(self.misbehaviour))

    def reader(self) -> Reader:
        return open_reader(self.root)

    def rows(self, columns: str) -> Sequence[tuple[Any, ...]]:
        """Of the view `results`, by post and target."""
        with self.reader() as reader:
            return reader.sql(f"SELECT {columns} FROM results ORDER BY post_id, target").rows


CATEGORIES: Mapping[str, int] = {"general": 0, "artist": 1, "copyright": 3, "character": 4, "meta": 5}


@contextlib.contextmanager
def small_site(folder: Path, monkeypatch: pytest.MonkeyPatch, software: str = "danbooru") -> Iterator[SmallSite]:
    """Serve an empty gallery with the series' tag for as long as the block lasts."""
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        (folder / name.lower()).mkdir(parents=True)
        monkeypatch.setenv(name, str(folder / name.lower()))
    (folder / "files").mkdir()
    gallery = Gallery()
    gallery.add_tag(SERIES, "copyright")
    small = SmallSite(gallery, folder / "files", folder)
    with simulator(gallery, folder / "cache", software=software) as server:
        small.server = server
        config = configuration(folder, server.url)
        with config.open("a", encoding="utf-8") as file:
            file.write(f'software = "{software}"\n')
        yield small
        assert server.failures() == []
