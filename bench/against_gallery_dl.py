"""The same kept pictures, with gallery-dl and with boorusieve, from the demo gallery at network latency.

    python -m bench.against_gallery_dl --posts 600 --latency-ms 40
    python -m bench.against_gallery_dl --material DIR           with what an earlier run painted and learned there
    python -m bench.against_gallery_dl --trained ROOT           with the models of a gallery

gallery-dl cannot look, so to have the pictures of one character it downloads the whole tag, once as it comes and once
with its option `async`. It is installed from the package registry into an environment of its own and used unchanged. We
crawl once as it is set, with a small rendition first, and once with the larger one alone. All ask the same server:
pictures and renditions are painted before, the model is learned before, and lists are compressed for whoever asks for
it, as Danbooru's are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path

from bench.samples.demo_material import TAG, TARGET, demo_material
from storage.archive import open_reader
from tests.equipment.galleries import served
from tests.equipment.roots import root_with_models


@dataclass(frozen=True, slots=True)
class Side:
    """What one program needed."""

    name: str
    seconds: float
    files: int
    megabytes: float


def install(folder: Path) -> Path:
    """gallery-dl in an environment of its own; gives its program."""
    venv.create(folder, with_pip=True)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [str(scripts / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "gallery-dl"]
    subprocess.run(pip, check=True)
    return scripts / "gallery-dl"


def gallery_of(posts: str, cache: Path, work: Path) -> list[str]:
    """The arguments of a server whose files are painted already, and whose lists are compressed."""
    rules = work / "rules.json"
    rules.write_text(json.dumps([{"match": {"path": "/posts.json"}, "do": {"encode": "gzip"}}]), encoding="utf-8")
    return ["--posts", posts, "--cache", str(cache), "--rules", str(rules)]


def with_gallery_dl(program: Path, url: str, tag: str, into: Path, name: str, *more: str) -> Side:
    """Download the whole tag."""
    address = f"Danbooru:{url}/posts?tags={tag}"
    started = time.perf_counter()
    # ugoira=true: the original archives, as we keep them, instead of the site's video of them
    options = ["--ignore-config", "-q", "-o", "sleep-request=0", "-o", "ugoira=true", *more, "-D", str(into)]
    subprocess.run([str(program), *options, address], check=True)
    seconds = time.perf_counter() - started
    files = [path for path in into.rglob("*") if path.is_file()]
    return Side(name, seconds, len(files), sum(f.stat().st_size for f in files) / 1e6)


def with_crawl(name: str, arguments: list[str], root: Path, look_first: str = "none") -> tuple[Side, dict[str, object]]:
    """Crawl with whatever model the root has, looking at another rendition first or not."""
    environment = {**os.environ, "CRAWL_SCORING_LOOK_FIRST": look_first}
    started = time.perf_counter()
    command = [sys.executable, "-m", "commands", *arguments, "--root", str(root), "--json", "--quiet"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode not in (0, 3):
        raise SystemExit(f"the crawl ended with {done.returncode}")
    record = json.loads(done.stdout)
    size = record["bytes_renditions"] + record["bytes_originals"] + record["bytes_listing"]
    return Side(name, time.perf_counter() - started, record["kept"], size / 1e6), record


def hashes(folder: Path) -> set[str]:
    """MD5 of every file below a folder."""
    return {hashlib.md5(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def main() -> int:
    """Race with latency."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--posts", default="600")
    read.add_argument("--latency-ms", default="40")
    read.add_argument("--tag", default=TAG)
    read.add_argument("--keep", default=TARGET)
    read.add_argument("--material", type=Path, help="where painted posts and the model are kept; default: nowhere")
    read.add_argument("--trained", type=Path, help="a gallery whose models are used instead")
    options = read.parse_args()
    search = ["--tag", options.tag, "--keep", options.keep]
    with (
        tempfile.TemporaryDirectory(prefix="bench-gallery-dl-") as scratch,
        demo_material(options.material, options.posts) as material,
    ):
        work = Path(scratch)
        gallery = gallery_of(options.posts, material.cache, work)
        program, trained = install(work / "venv"), options.trained or material.trained
        for name in ("small", "large"):
            root_with_models(trained, work / name)
        with served([*gallery, "--latency-ms", options.latency_ms]) as url:
            theirs = with_gallery_dl(program, url, options.tag, work / "theirs", "gallery-dl, whole tag")
            ahead = with_gallery_dl(program, url, options.tag, work / "async", "gallery-dl, async", "-o", "async=true")
            ours, record = with_crawl("crawl, small one first", ["--site", url, *search], work / "small", "180x180")
            large, _ = with_crawl("crawl, larger one alone", ["--site", url, *search], work / "large")
        kept, everything = hashes(work / "small" / "gallery"), hashes(work / "theirs")
        alike, all_of_them = agreement(work / "small", work / "large")
    print(f"{options.tag}, {record['listed']} posts, {record['kept']} kept, {options.latency_ms} ms latency")
    for side in (theirs, ahead, ours, large):
        print(f"{side.name:24} {side.seconds:7.1f} s {side.megabytes:9.1f} MB {side.files:6} files")
    print(f"looked at twice: {record['looked_twice']} of {record['looked_first']}")
    print(f"decided as by the larger one alone: {alike} of {all_of_them}")
    faster, lighter = min(theirs.seconds, ahead.seconds) / ours.seconds, theirs.megabytes / ours.megabytes
    print(f"time {faster:.2f}x and bytes {lighter:.2f}x less than gallery-dl, the quicker of its ways")
    print(f"kept files that gallery-dl has too, byte for byte: {len(kept & everything)} of {len(kept)}")
    return 0 if kept <= everything else 1


def agreement(one: Path, other: Path) -> tuple[int, int]:
    """Of the posts that both galleries decided, how many they decided alike, and how many there are."""
    found = []
    for root in (one, other):
        with open_reader(root) as reader:
            rows = reader.sql("SELECT post_id, decision FROM results WHERE decision IS NOT NULL").rows
        found.append(dict(rows))
    both = found[0].keys() & found[1].keys()
    return sum(found[0][post] == found[1][post] for post in both), len(both)


if __name__ == "__main__":
    raise SystemExit(main())
