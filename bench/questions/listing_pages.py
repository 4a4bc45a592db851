"""Pages of a listing filed, looked at, and rescored, in a process of its own, by the program first on the path.

    python bench/questions/listing_pages.py POSTS

Prints one JSON object. Uses only what older programs have as well.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.storage import looks_a_second, make_post, rescore
from storage.archive import Archive
from storage.records import Post

try:
    from storage.archive_records import ArchiveSettings, ListedPage
except ImportError:  # a program of schema 0008 or older
    from storage.archive import ArchiveSettings, ListedPage  # type: ignore[attr-defined,no-redef]

PAGE = 200  # posts
IN_FLIGHT = 48  # looks
PICTURE_BYTES = 30_000  # of a rendition


async def main() -> None:
    """File every post once, then once more, look at each, then decide all of them anew."""
    posts, chance = int(sys.argv[1]), random.Random(4)
    made = [make_post(number, chance) for number in range(1, posts + 1)]
    pages = [made[start : start + PAGE] for start in range(0, posts, PAGE)]
    with tempfile.TemporaryDirectory() as folder:
        async with Archive.open(Path(folder) / "root", ArchiveSettings(reserve_bytes=0)) as archive:
            listing = await archive.open_listing("bench", "all")

            async def file_all() -> None:
                for page in pages:
                    await archive.file_page(listing.id, ListedPage(page, cursor=page[0].id))

            found = {
                "posts filed /s": posts / await used(file_all),
                "posts filed again /s": posts / await used(file_all),
            }
            found |= await looked_at(archive, made)
            found["posts rescored /s"] = posts / await used(lambda: rescore(archive, posts))
        found["bytes a post"] = (Path(folder) / "root" / "crawl.db").stat().st_size / posts
    print(json.dumps(found))


async def looked_at(archive: Archive, posts: list[Post]) -> dict[str, float]:
    """Looks, half of them with a rendition each: by the clock, and of a processor."""
    found: dict[str, float] = {}
    half, picture = len(posts) // 2, random.Random(3).randbytes(PICTURE_BYTES)
    for name, part, rendition in (("looks /s", posts[:half], None), ("looks with pictures /s", posts[half:], picture)):
        began = time.process_time()
        found[name] = await looks_a_second(archive, part, in_flight=IN_FLIGHT, picture=rendition)
        found[name.replace(" /s", ", /s of a processor")] = len(part) / (time.process_time() - began)
    return found


async def used(do: Callable[[], Awaitable[None]]) -> float:
    """Processor seconds of the whole process."""
    began = time.process_time()
    await do()
    return time.process_time() - began


if __name__ == "__main__":
    asyncio.run(main())
