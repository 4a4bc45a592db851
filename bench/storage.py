"""How fast the store records looks and answers queries: `python -m bench.storage [--posts N …]`.

Prints, from one run on one disk:
- looks a second, begun and filed with a rendition each as the main job does it, against one transaction a look;
- pages of 200 posts a second, and the time of common questions, at each size, and their growth against the size's.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import secrets
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from rounds.rescoring.rescore import file_all
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, ListedPage, Sighting, StoredFacts, Work
from storage.evidence import Rescored
from storage.records import (
    AiTag,
    DecidedBy,
    Decision,
    DecisionValue,
    FileVersion,
    Look,
    ModelCard,
    Post,
    PostTags,
    Rating,
    Rendition,
    Target,
)

CARD = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5)
START = datetime(2020, 1, 1, tzinfo=UTC)
QUESTIONS = (
    "target:mona decision:keep limit:100",
    "tag_7 -tag_8 limit:100",
    "character_3 score:>20 rating:g limit:100",
    "p:0.45..0.55 order:uncertain limit:100",
    "tag_1* ai:tag_3,>=50 limit:100",
    "id:500..700",
)


def make_post(number: int, chance: random.Random) -> Post:
    """A post with forty tags and twenty AI tags, as a busy gallery has them."""
    md5 = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    common = sorted({f"tag_{int(chance.paretovariate(0.6)) % 3000}" for _ in range(40)})
    return Post(
        site="bench",
        id=number,
        created_at=START + timedelta(minutes=number),
        updated_at=START + timedelta(minutes=number),
        rating=chance.choice(list(Rating)),
        tags=PostTags(
            general=tuple(common),
            character=(f"character_{number % 50}",),
            copyright=("genshin_impact",),
            artist=(f"artist_{number % 997}",),
        ),
        file=FileVersion(md5, "jpg", 1_000_000, 1600, 900, f"http://127.0.0.1/{md5}.jpg"),
        renditions=(Rendition("360x360", f"http://127.0.0.1/360/{md5}.jpg", 360, 203, "jpg"),),
        ai_tags=tuple(AiTag(f"tag_{n}", chance.randint(1, 99)) for n in chance.sample(range(300), 20)),
        score=chance.randint(-5, 60),
        width=1600,
        height=900,
        ext="jpg",
        size=1_000_000,
    )


def sighting(post: Post, picture: bytes | None, score: float) -> Sighting:
    """A look with a score, an embedding of 256 numbers and a decision."""
    value = DecisionValue.KEEP if score >= CARD.threshold else DecisionValue.DELETE
    decision = Decision(
        "mona", value, DecidedBy.SCORE, f"{score:.3f}", "policy", score, CARD.threshold, CARD.name, CARD.hash
    )
    return Sighting(
        post=post,
        rendition=picture,
        stored=StoredFacts("360x360", "jpg", 360, 203) if picture else None,
        look=Look({"mona": score}, {CARD.backbone_hash: bytes(512)}, 360, 203, "jpg"),
        models={"mona": CARD},
        decisions=[decision],
    )


async def looks_a_second(archive: Archive, posts: list[Post], *, in_flight: int, picture: bytes | None) -> float:
    """Begin and file one look a post, so many at a time."""
    chance = random.Random(1)
    waiting = iter(posts)

    async def carry() -> None:
        for post in waiting:
            attempt = await archive.begin_attempt(post, "rendition", post.renditions[0].url)
            look = sighting(post, picture and picture + post.id.to_bytes(8), chance.random())
            await archive.file_look(
                Sighting(
                    post=post,
                    look=look.look,
                    decisions=look.decisions,
                    attempt=attempt,
                    rendition=look.rendition,
                    stored=look.stored,
                    models=look.models,
                )
            )

    began = time.perf_counter()
    await asyncio.gather(*(carry() for _ in range(in_flight)))
    return len(posts) / (time.perf_counter() - began)


async def compare_looks(folder: Path, count: int) -> None:
    """Shared transactions against one a look, with and without pictures, in one gallery."""
    chance = random.Random(2)
    posts = [make_post(number, chance) for number in range(1, 3 * count + count // 10 + 1)]
    async with Archive.open(folder / "looks", ArchiveSettings(reserve_bytes=0)) as archive:
        listing = await archive.open_listing("bench", "looks")
        for start in range(0, len(posts), 200):
            page = posts[start : start + 200]
            await archive.file_page(listing.id, ListedPage(page, cursor=page[0].id))
        alone = await looks_a_second(archive, posts[: count // 10], in_flight=1, picture=None)
        shared = await looks_a_second(archive, posts[count // 10 :][:count], in_flight=48, picture=None)
        picture = random.Random(3).randbytes(30_000)
        filed = await looks_a_second(archive, posts[-count:], in_flight=48, picture=picture)
    print(f"looks without pictures, one at a time    {alone:10,.0f} /s")
    print(f"looks without pictures, 48 in flight     {shared:10,.0f} /s   {shared / alone:5.1f}x")
    print(f"looks with 30 kB pictures, 48 in flight  {filed:10,.0f} /s   {filed / alone:5.1f}x   goal 1,000 /s")


async def measure(folder: Path, count: int) -> dict[str, float]:
    """Fill a gallery to a size; gives seconds by question."""
    chance = random.Random(4)
    figures: dict[str, float] = {}
    async with Archive.open(folder / f"posts-{count}", ArchiveSettings(reserve_bytes=0)) as archive:
        listing = await archive.open_listing("bench", "all")
        began = time.perf_counter()
        for start in range(1, count + 1, 200):
            page = [make_post(number, chance) for number in range(start, min(start + 200, count + 1))]
            await archive.file_page(listing.id, ListedPage(page, cursor=start))
            for begin in range(0, len(page), 50):
                group = page[begin : begin + 50]
                await asyncio.gather(*(archive.file_look(sighting(p, None, chance.random())) for p in group))
        figures["filling, per 1,000 posts"] = (time.perf_counter() - began) / count * 1000
        work = Work(("mona",), {"mona": "another model"})
        figures["200 unfinished posts"] = await timed(lambda: archive.unfinished(listing.id, work, below=count // 2))
        figures["what files should do (apply --dry-run)"] = await timed(archive.moves.plan_apply)
        figures["rescoring every post"] = await timed(lambda: rescore(archive, count))
        figures["what is known of 200 posts"] = await timed(lambda: archive.known(page, ["mona"]))
    with open_reader(folder / f"posts-{count}") as reader:
        for question in QUESTIONS:
            figures[question] = timed_now(lambda question=question: reader.query(question))
        figures["status"] = timed_now(reader.status)
        target = Target("mona", "character_7")
        figures["evidence of every post"] = timed_now(lambda: reader.evidence(target, CARD.backbone_hash))
    figures["size of the database, MB per 1,000 posts"] = (
        (folder / f"posts-{count}" / "crawl.db").stat().st_size / count * 1000 / 1e6
    )
    return figures


async def rescore(archive: Archive, count: int) -> None:
    """Another model's decision about every post."""
    card = replace(CARD, number=CARD.number + 1, hash=secrets.token_hex(32))
    ids, scores = np.arange(1, count + 1), np.random.default_rng(5).random(count)
    value = [DecisionValue.KEEP if score >= card.threshold else DecisionValue.DELETE for score in scores]
    decisions = [
        Decision("mona", kept, DecidedBy.SCORE, "bench", "policy", score, card.threshold, card.name, card.hash)
        for kept, score in zip(value, scores.tolist(), strict=True)
    ]
    await file_all(archive, card, Rescored(ids, scores, decisions))


async def timed(ask: Callable[[], Awaitable[object]]) -> float:
    """The median of five."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def timed_now(ask: Callable[[], object]) -> float:
    """The median of five."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


async def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, nargs="+", default=[10_000, 100_000], help="sizes to compare")
    parser.add_argument("--looks", type=int, default=3_000, help="looks to time")
    parser.add_argument("--root", type=Path, help="a folder on the disk to measure; default: the temporary one")
    options = parser.parse_args()
    if options.root is not None:
        options.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.root) as folder:
        await compare_looks(Path(folder), options.looks)
        results = {count: await measure(Path(folder), count) for count in options.posts}
    first, last = min(results), max(results)
    print(f"\n{'milliseconds':45s}" + "".join(f"{count:>14,d}" for count in results) + f"{'ratio':>10s}")
    for question in results[first]:
        scale = 1 if "MB" in question else 1000
        times = "".join(f"{results[count][question] * scale:14.2f}" for count in results)
        print(f"{question:45s}{times}{results[last][question] / results[first][question]:9.1f}x")
    print(f"{'size':45s}" + " " * 14 * len(results) + f"{last / first:9.1f}x")


if __name__ == "__main__":
    asyncio.run(main())
