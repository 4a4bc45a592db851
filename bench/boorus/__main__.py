"""gallery-dl, unchanged, downloads a tag from the demo gallery in the way of each kind of site.

    python -m bench.boorus --posts 150

Prints how many of the files that our own client lists there arrived with the right md5. Gelbooru itself is left out:
its address is fixed in gallery-dl. Posts that the site hides have no file; gallery-dl makes up an address for those of
e621, and gets nothing there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from bench.against_gallery_dl import hashes, install
from crawler.sites import Software, site_from_url
from crawler.sources.boorus.clients import client_for
from crawler.sources.listing import walk
from crawler.transport.budget import budget_for
from crawler.transport.http import Http
from crawler.transport.retry import Patience
from tests.equipment.galleries import served

# For each kind of site: gallery-dl's name of its family, and where a tag is looked at.
FAMILIES: Mapping[Software, tuple[str, str]] = MappingProxyType(
    {
        Software.DANBOORU: ("Danbooru", "/posts?tags={tag}"),
        Software.E621: ("E621", "/posts?tags={tag}"),
        Software.MOEBOORU: ("moebooru", "/post?tags={tag}"),
        Software.GELBOORU_02: ("gelbooru_v02", "/index.php?page=post&s=list&tags={tag}"),
    }
)


def main() -> int:
    """Print a line for each kind of site; 1 when a file did not arrive."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--posts", type=int, default=150)
    read.add_argument("--tag", default="genshin_impact")
    options = read.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = install(Path(folder) / "venv")
        complete = [_downloads_all(software, program, Path(folder) / software, options) for software in FAMILIES]
    return 0 if all(complete) else 1


def _downloads_all(software: Software, program: Path, folder: Path, options: argparse.Namespace) -> bool:
    """Serve, list, download; whether every file that is listed arrived."""
    folder.mkdir()
    family, place = FAMILIES[software]
    settings = folder / "settings.json"
    with served(["--posts", str(options.posts), "--software", software]) as url:
        listed = asyncio.run(_listed(url, software, options.tag))
        settings.write_text(json.dumps({"extractor": {family: {"demo": {"root": url}}}}), encoding="utf-8")
        command = [
            str(program),
            "--config-ignore",
            "-q",
            "-c",
            str(settings),
            "-o",
            "sleep-request=0",
            "-o",
            "ugoira=true",
        ]
        subprocess.run([*command, "-D", str(folder / "files"), url + place.format(tag=options.tag)], check=False)
    arrived = hashes(folder / "files")
    print(f"{software:13} {len(arrived & listed):4} of {len(listed)} files arrived; {len(arrived - listed)} others")
    return listed <= arrived


async def _listed(url: str, software: Software, tag: str) -> set[str]:
    """The md5 of every file that our own client lists."""
    site = site_from_url(url, software=software)
    async with Http(site, budget_for(site)) as http:
        client = client_for(site, http, Patience(), lambda line: None)
        posts = [post async for step in walk(client, tag) for post in step.posts]
    return {post.file.md5 for post in posts if post.file is not None}


if __name__ == "__main__":
    sys.exit(main())
