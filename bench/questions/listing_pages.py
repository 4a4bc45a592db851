"""Pages of a listing filed, and rescored, in a process of its own, by whatever program stands first on the path.

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

from bench.storage import make_post, rescore
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, ListedPage

PAGE = 200  # posts


async def main() -> None:
    """File every post once, then once more, then decide all of them anew."""
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
            found["posts rescored /s"] = posts / await used(lambda: rescore(archive, posts))
        found["bytes a post"] = (Path(folder) / "root" / "crawl.db").stat().st_size / posts
    print(json.dumps(found))


async def used(do: Callable[[], Awaitable[None]]) -> float:
    """Processor seconds of the whole process."""
    began = time.process_time()
    await do()
    return time.process_time() - began


if __name__ == "__main__":
    asyncio.run(main())
