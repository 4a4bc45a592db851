"""gallery-dl, unchanged, downloads a tag from the demo gallery in the way of each kind of site.

    python -m bench.boorus --posts 150

Prints how many of the files that our own client lists there arrived with the right md5, and how many posts the files of
facts beside them (`--write-metadata`) state as our client does: number, file, rating, source, tags, votes, time of
upload. Gelbooru's address is fixed in gallery-dl, so it is led to the demo gallery by a proxy. Posts that the site
hides have no file; gallery-dl makes up an address for those of e621, and gets nothing there.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.against_gallery_dl import hashes, install
from bench.boorus.fixed_address import proxy_to
from commands.importing.gallery_dl_posts import NoPost, post_of_facts
from crawler.sites import Site, Software, site_from_url
from crawler.sources.boorus.clients import client_for
from crawler.sources.listing import walk
from crawler.transport.budget import budget_for
from crawler.transport.credentials import Credentials, Secret
from crawler.transport.http import Http
from crawler.transport.retry import Patience
from demo.dialects.gelbooru import KEY
from storage.records import Post
from tests.equipment.galleries import served


@dataclass(frozen=True, slots=True)
class Family:
    """How gallery-dl is led to a site."""

    name: str  # of its kind of sites; "": the address is fixed
    place: str  # where a tag is looked at


FAMILIES: Mapping[Software, Family] = MappingProxyType(
    {
        Software.DANBOORU: Family("Danbooru", "/posts?tags={tag}"),
        Software.E621: Family("E621", "/posts?tags={tag}"),
        Software.MOEBOORU: Family("moebooru", "/post?tags={tag}"),
        Software.GELBOORU_02: Family("gelbooru_v02", "/index.php?page=post&s=list&tags={tag}"),
        Software.GELBOORU: Family("", "https://gelbooru.com/index.php?page=post&s=list&tags={tag}"),
    }
)
KEYS: Mapping[Software, Credentials] = MappingProxyType({Software.GELBOORU: Credentials(KEY[0], Secret(KEY[1]))})


def main() -> int:
    """Print a line for each kind of site; 1 when a file did not arrive, or a post is stated otherwise."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--posts", type=int, default=150)
    read.add_argument("--tag", default="genshin_impact")
    read.add_argument("--program", type=Path, help="a gallery-dl that is there; default: the newest is installed")
    read.add_argument("--only", choices=[one.value for one in Software], help="one kind of site")
    options = read.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = options.program or install(Path(folder) / "venv")
        kinds = [one for one in FAMILIES if options.only in (None, one.value)]
        complete = [_downloads_all(software, program, Path(folder) / software, options) for software in kinds]
    return 0 if all(complete) else 1


def _downloads_all(software: Software, program: Path, folder: Path, options: argparse.Namespace) -> bool:
    """Serve, list, download; whether every file that is listed arrived, with its post."""
    folder.mkdir()
    files, place = folder / "files", FAMILIES[software].place.format(tag=options.tag)
    with served(["--posts", str(options.posts), "--software", software]) as url, _led(software, url, folder) as led:
        site = site_from_url(url, software=software)
        listed = asyncio.run(_listed(site, options.tag))
        command = [str(program), "--config-ignore", "-q", "--write-metadata", "-o", "sleep-request=0"]
        where = place if place.startswith("https:") else url + place
        subprocess.run([*command, "-o", "ugoira=true", *led, "-D", str(files), where], check=False)
    wanted = {post.file.md5 for post in listed if post.file is not None}
    facts = sorted(files.rglob("*.json"))
    told = [_told(post) for post in listed]
    alike = sum(_stated(site, path) in told for path in facts)
    for path in facts:
        path.unlink()
    arrived = hashes(files)
    shown = sum(post.file is not None for post in listed)
    print(
        f"{software:13} {len(arrived & wanted):4} of {len(wanted)} files arrived, {len(arrived - wanted)} others; "
        f"{alike} of {shown} posts stated alike"
    )
    return wanted <= arrived and alike == shown


@contextlib.contextmanager
def _led(software: Software, url: str, folder: Path) -> Iterator[Sequence[str]]:
    """The options that lead gallery-dl to the demo gallery, while the block runs."""
    settings, family = folder / "settings.json", FAMILIES[software].name
    with contextlib.ExitStack() as stack:
        if family:
            extractor: dict[str, Any] = {family: {"demo": {"root": url}}}
        else:
            proxy = stack.enter_context(proxy_to(url, folder))
            key = {"user-id": KEY[0], "api-key": KEY[1]}
            extractor = {"gelbooru": {"proxy": {"https": proxy}, "verify": False, **key}}
        settings.write_text(json.dumps({"extractor": extractor}), encoding="utf-8")
        yield ["-c", str(settings)]


async def _listed(site: Site, tag: str) -> list[Post]:
    """Every post that our own client lists."""
    async with Http(site, budget_for(site), credentials=KEYS.get(site.software or Software.DANBOORU)) as http:
        client = client_for(site, http, Patience(), lambda line: None)
        return [post async for step in walk(client, tag) for post in step.posts]


def _stated(site: Site, facts: Path) -> tuple[object, ...] | None:
    try:
        return _told(post_of_facts(site, json.loads(facts.read_text(encoding="utf-8"))))
    except NoPost as error:
        print(f"{facts.name}: {error}", file=sys.stderr)
        return None


def _told(post: Post) -> tuple[object, ...]:
    """What a crawl and gallery-dl both know of a post: categories apart, which not every site tells."""
    md5 = post.file.md5 if post.file is not None else None
    return post.id, md5, post.rating, post.source, post.tags.all(), post.score, post.created_at, post.updated_at


if __name__ == "__main__":
    sys.exit(main())
