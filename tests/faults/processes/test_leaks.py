"""Row P17: after a run everything is given back: tasks, threads, descriptors, child processes, temporary files."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from demo.galleries.folder import read_facts
from demo.galleries.gallery import Gallery, GalleryPost
from tests.faults.killing import command
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, run_here
from tests.faults.simulator.simulator import CHARACTER, TAG


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds."""

    descriptors: Counter[str]
    threads: frozenset[str]
    children: frozenset[int]
    temporary: frozenset[str]

    def more_than(self, before: Held) -> list[str]:
        """What is held now and was not before."""
        return [
            *(self.descriptors - before.descriptors),
            *sorted(self.threads - before.threads),
            *(f"child {child}" for child in self.children - before.children),
            *sorted(self.temporary - before.temporary),
        ]


def held() -> Held:
    """Look, after whatever is unreachable was let go."""
    gc.collect()
    opened: Counter[str] = Counter()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the names are numbers, not paths
        try:
            opened[os.readlink(f"/proc/self/fd/{name}").partition(":[")[0]] += 1  # noqa: PTH115 - sockets have no path
        except FileNotFoundError:
            continue  # the listing's own
    return Held(
        opened,
        frozenset(thread.name for thread in threading.enumerate()),
        frozenset(child.pid for child in psutil.Process().children(recursive=True)),
        frozenset(path.name for path in Path(tempfile.gettempdir()).iterdir()),
    )


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs' temporary files are not ours to count."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def many_posts(folder: Path, number: int) -> Gallery:
    """A site of many small pictures, every fifth of them bright."""
    gallery = Gallery()
    for name, category in ((TAG, "copyright"), (CHARACTER, "character"), ("somebody", "artist")):
        gallery.add_tag(name, category)
    chance = np.random.default_rng(3)
    for post_id in range(1, number + 1):
        level = 220 if post_id % 5 == 0 else 40
        path = folder / f"{post_id}.jpg"
        Image.fromarray(chance.integers(level - 30, level + 30, (24, 32, 3), dtype=np.uint8)).save(path)
        facts = read_facts(path)
        assert facts is not None
        gallery.add_file(facts.md5, facts)
        gallery.put(
            GalleryPost(
                id=post_id,
                picture=facts.md5,
                width=32,
                height=24,
                ext="jpg",
                tags=(CHARACTER, TAG, "somebody") if level > 128 else (TAG, "somebody"),
                created_at=1_600_000_000 + post_id,
                updated_at=1_600_000_000 + post_id,
            )
        )
    return gallery


def assert_nothing_is_left(laboratory: Laboratory, number: int) -> None:
    folder = laboratory.place()
    gallery = many_posts(folder, number)
    with simulator.simulator(gallery, laboratory.cache) as site:
        _, warm = command(laboratory, site)
        assert run_here(warm, environment=LOGGED_IN).code == 0  # what is loaded once stays: libraries, caches
        root, arguments = command(laboratory, site)
        before = held()

        ended = run_here(arguments, environment=LOGGED_IN)

        after = held()
    assert ended.code == 0, ended.output
    assert len(list((root / "gallery").rglob("*.jpg"))) == number // 5
    assert list((root / "staging").iterdir()) == []
    site_side = Counter({"socket": after.descriptors["socket"]})  # the simulator keeps idle connections for a while
    assert replace(after, descriptors=after.descriptors - site_side).more_than(before) == []


@pytest.mark.fault("P17")
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to count descriptors")
def test_a_run_gives_back_everything_it_took(laboratory: Laboratory) -> None:
    assert_nothing_is_left(laboratory, 40)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.fault("P17")
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to count descriptors")
def test_a_long_run_gives_back_everything_it_took(laboratory: Laboratory) -> None:
    assert_nothing_is_left(laboratory, 1000)
