"""The gallery's files on disk: painted when first asked for, kept between starts, with their smaller copies."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from demo.errors import PaintError
from demo.galleries.gallery import Gallery, existing_path
from demo.galleries.painter_pool import AHEAD, URGENT, PainterPool
from demo.galleries.variants import Variant, variant_named
from demo.paint.file_facts import FileFacts
from demo.paint.version import painter_version

AHEAD_IN_FLIGHT = 4


def user_cache() -> Path:
    """This user's cache folder."""
    if "XDG_CACHE_HOME" in os.environ:
        base = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path.home() / ".cache"
    return base / "boorusieve" / "demo"


class Pictures:
    """The painted files of a gallery and their smaller copies: paints, makes and finds them."""

    def __init__(self, gallery: Gallery, cache: Path, painter_pool: PainterPool) -> None:
        self.gallery = gallery
        self.folder = cache / painter_version()
        self._copies = cache / "copies"
        self._painter_pool = painter_pool
        self._painting: dict[str, asyncio.Task[None]] = {}
        self._copying: dict[Path, asyncio.Task[None]] = {}
        self._ahead: asyncio.Task[None] | None = None

    @property
    def _catalogue(self) -> Path:
        return self.folder / "catalogue.jsonl"

    def remember(self) -> int:
        """Take up the pictures that an earlier start has painted; returns how many."""
        if not self._catalogue.exists():
            return 0
        wanted = set(self.gallery.unpainted())
        count = 0
        for line in self._catalogue.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(
                ValueError, KeyError, TypeError, OSError
            ):  # a picture whose line is incomplete is painted again
                record = json.loads(line)
                key = record.pop("key")
                facts = FileFacts(**{**record, "delays": tuple(record["delays"])})
                if key in wanted and Path(facts.path).stat().st_size == facts.size:
                    self.gallery.add_file(key, facts)
                    count += 1
        return count

    async def ready(self, keys: Iterable[str], priority: int = URGENT) -> None:
        """Wait until these pictures are painted.

        Raises:
            PaintError: one of them cannot be painted.
        """
        tasks = []
        for key in dict.fromkeys(keys):
            if key not in self.gallery.files:
                task = self._painting.get(key)
                if task is None or priority == URGENT:
                    task = asyncio.create_task(self._paint(key, priority))
                    self._painting[key] = task
                tasks.append(task)
        if tasks:
            await asyncio.gather(*tasks)

    def all_painted(self) -> bool:
        """Whether every post's file is known."""
        return len(self.gallery.scenes) == 0 or not self.gallery.unpainted()

    def paint_ahead(self) -> None:
        """Begin to paint everything in the background, newest posts first."""
        self._ahead = asyncio.create_task(self._paint_all())

    async def prepare(self, names: Sequence[str]) -> int:
        """Paint everything and make these copies of it now; returns how many files there are then."""
        await self.ready(self.gallery.unpainted())
        count = 0
        for facts in list(self.gallery.files.values()):
            wanted = [variant_named(facts, name) for name in names if name != "original"]
            copies = [variant for variant in wanted if variant is not None and variant.ext != "webm"]
            await asyncio.gather(*(self.copy(facts, variant) for variant in copies))
            count += 1 + len(copies)
        return count

    async def copy(self, facts: FileFacts, variant: Variant) -> Path:
        """The file of a smaller copy, made now if need be."""
        into = self._copies / variant.name / facts.md5[:2] / variant.file_name(facts.md5)
        if into.exists():
            return into
        task = self._copying.get(into)
        if task is None:
            task = asyncio.create_task(self._make_copy(facts, variant, into))
            self._copying[into] = task
        await asyncio.shield(task)
        return into

    async def close(self) -> None:
        """Stop painting."""
        tasks = [*self._painting.values(), *self._copying.values(), *([self._ahead] if self._ahead else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._painter_pool.close()

    async def _paint_all(self) -> None:
        waiting = self.gallery.unpainted()
        for start in range(0, len(waiting), AHEAD_IN_FLIGHT):
            with contextlib.suppress(PaintError):  # a request for that picture raises it again
                await self.ready(waiting[start : start + AHEAD_IN_FLIGHT], AHEAD)

    async def _paint(self, key: str, priority: int) -> None:
        job = {"do": "paint", "scene": dict(self.gallery.scenes[key]), "folder": str(self.folder)}
        try:
            result = await self._painter_pool.do(job, priority)
        finally:
            self._painting.pop(key, None)
        if key in self.gallery.files:
            return
        facts = FileFacts(**{**result, "delays": tuple(result["delays"])})
        self.gallery.add_file(key, facts)
        line = json.dumps({"key": key, **dataclasses.asdict(facts)}) + "\n"
        with self._catalogue.open("a", encoding="utf-8") as catalogue:
            catalogue.write(line)

    async def _make_copy(self, facts: FileFacts, variant: Variant, into: Path) -> None:
        try:
            if variant.ext == "webm":
                raise PaintError("a ugoira's sample is painted with its original")
            job = {
                "do": "variant",
                "source": str(existing_path(facts)),
                "variant": list(dataclasses.astuple(variant)),
                "into": str(into),
            }
            await self._painter_pool.do(job)
        finally:
            self._copying.pop(into, None)
