"""How long `crawl models` takes to list a target's models on a large gallery, and how much of the gallery it reads.

    python -m bench.models_list [--posts 10000 100000] [--root DIR]

A made-up gallery: 3 % of the posts show the target, 40 % have no character tag, embeddings have 1,284 numbers, every
artist has a hundred posts. One round of the head is done on it, so that its posts have splits, then its two models are
listed in a process of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.storage import make_post
from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from crawler.decisions import Policy, Ruling
from rounds.head_round import HeadRoundSettings, finish, learn_candidate
from rounds.snapshots import snapshot_of
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, ListedPage, Sighting
from storage.records import Look, ModelCard, Post, PostTags, Target

WIDTH = 1284  # numbers of an embedding: a network's own, pretrained ones, colour and gradients
TARGET = Target("mona", "mona_(genshin_impact)")
FEWEST_POSTS = 2_000  # so that a test split shows the target
_PAGE = 200  # posts that are filed at once
_LIST = "from commands.__main__ import main; raise SystemExit(main())"


@dataclass(frozen=True, slots=True, eq=False)
class MadeUp:
    """Posts, and what a network sees in their pictures."""

    posts: Sequence[Post]
    vectors: npt.NDArray[np.float16]  # (n, WIDTH)


def made_up(count: int) -> MadeUp:
    """A gallery of so many posts."""
    chance, numbers = random.Random(1), np.random.default_rng(1)
    shows, named = numbers.random(count) < 0.03, numbers.random(count) >= 0.4
    vectors = numbers.normal(size=(count, WIDTH)).astype(np.float16)
    vectors[:, 0] += np.where(shows, 5.0, 0.0).astype(np.float16)
    posts = []
    for number in range(1, count + 1):
        post = make_post(number, chance)
        who = () if not named[number - 1] else (TARGET.tag,) if shows[number - 1] else post.tags.character
        tags = PostTags(general=post.tags.general[:5], character=who, artist=(f"artist_{number // 100}",))
        posts.append(replace(post, tags=tags, ai_tags=()))
    return MadeUp(posts, vectors)


def first_model(root: Path) -> ModelCard:
    """A package whose network is never loaded."""
    root.mkdir(parents=True)
    network = root / "net.keras"
    network.write_bytes(b"weights")
    weights = np.zeros(WIDTH, np.float32)
    weights[0] = 1.0
    parts = PackageParts(
        target=TARGET.name,
        backbone=BackboneFiles("small", network, {}, Preprocessing(96), WIDTH),
        head=Head(weights, -2.5),
        threshold=0.5,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
    )
    facts = write_package(root / "models" / TARGET.name / "1", parts)
    network.unlink()
    return ModelCard(TARGET.name, 1, facts.hash, facts.backbone_hash, 0.5)


async def filled(root: Path, count: int) -> None:
    """A gallery with two models: one that every post was looked at with, and a round's."""
    card, gallery = first_model(root), made_up(count)
    head = load_package(root / "models" / TARGET.name / "1").head
    scores = head.probabilities(gallery.vectors)
    ruling = Ruling(Policy(), {TARGET.name: card})
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("bench", [TARGET])
        await archive.register_model(card, {"round": 0}, activate=True)
        listing = await archive.open_listing("bench", "all")

        async def look(row: int) -> None:
            post = gallery.posts[row]
            seen = Look(
                {TARGET.name: float(scores[row])}, {card.backbone_hash: gallery.vectors[row].tobytes()}, 10, 10, "jpg"
            )
            seen, decisions = ruling.judge([TARGET], post, seen)
            await archive.file_look(Sighting(post=post, look=seen, decisions=decisions, models={TARGET.name: card}))

        for start in range(0, count, _PAGE):
            rows = range(start, min(start + _PAGE, count))
            await archive.file_page(listing.id, ListedPage([gallery.posts[row] for row in rows], cursor=start + 1))
            await asyncio.gather(*map(look, rows))
    await one_round(root)


async def one_round(root: Path) -> None:
    """Learn a head on everything, and put it in force."""
    package = load_package(root / "models" / TARGET.name / "1")
    with open_reader(root) as reader:
        snapshot = snapshot_of(reader, TARGET, package, reader.active_model(TARGET.name))
    settings = HeadRoundSettings(force=True)
    candidate = learn_candidate(snapshot, settings)
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await finish(candidate, archive, root / "models", settings)


def listed(root: Path) -> tuple[float, float, str]:
    """Seconds, megabytes of memory at the most, and the output, of `crawl models`."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _LIST, "models", "--root", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"crawl models ended with {os.waitstatus_to_exitcode(status)}:\n{output}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024, output


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[10_000, 100_000], help="sizes of the gallery")
    parser.add_argument("--root", type=Path, help="make the galleries below this folder, and use those that are there")
    options = parser.parse_args()
    if min(options.posts) < FEWEST_POSTS:
        parser.error(f"--posts {min(options.posts)}: a round has too little to learn from; at least {FEWEST_POSTS}")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.posts:
            root = (options.root or Path(folder)) / f"posts-{count}"
            if not root.exists():
                asyncio.run(filled(root, count))
            seconds, megabytes, output = listed(root)
            print(output)
            print(f"{count:,} posts: {seconds:.1f} s, {megabytes:,.0f} MB")


if __name__ == "__main__":
    main()
