"""The main job on pictures of your own: quality on hidden tags, bytes, and wall time against the slowest stage.

    python -m bench.main_job --from pictures/ --tag hololive --keep kiara --keep ina --keep fuwawa
    python -m bench.main_job --posts 600 --keep mona           on the painted demo gallery
    python -m bench.main_job --posts 400 --keep mona --material DIR    the time alone, with a model learned before

Serves the folder (one folder a class), or the painted gallery, with 40 % of the character tags hidden, runs the real
command for each target without any label, and prints precision and recall on the posts whose tag was hidden, with 95 %
Wilson intervals; bytes for each kept picture against downloading everything; and the whole job's time against its
slowest stage alone, all in one run.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.overlap import measure_overlap
from bench.samples.demo_material import demo_material
from tests.equipment.galleries import served

Z = 1.96  # 95 %


def wilson(right: int, total: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if total == 0:
        return 0.0, 1.0
    share = right / total
    middle = share + Z * Z / (2 * total)
    spread = Z * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    scale = 1 + Z * Z / total
    return (middle - spread) / scale, (middle + spread) / scale


def run_job(url: str, tag: str, target: str, root: Path) -> tuple[Mapping[str, Any], float]:
    """The real command in a process of its own; gives its JSON and its wall time in seconds."""
    command = [sys.executable, "-m", "commands", "--site", url, "--tag", tag, "--keep", target]
    started = time.perf_counter()
    done = subprocess.run([*command, "--root", str(root), "--json"], stdout=subprocess.PIPE, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 3):
        raise SystemExit(f"{target}: the job ended with {done.returncode}")
    return json.loads(done.stdout), seconds


def share_with_interval(right: int, total: int) -> str:
    """`0.957 (0.921 to 0.978; 178 of 186)`."""
    low, high = wilson(right, total)
    value = right / total if total else float("nan")
    return f"{value:.3f} ({low:.3f} to {high:.3f}; {right} of {total})"


def tell_quality(record: Mapping[str, Any], seconds: float) -> bool:
    """Print one target's figures; gives whether they meet the goal."""
    truth = record["truth"][0]
    right, wrong, missed = (truth[f"untagged_{kind}"] for kind in ("right", "wrong", "missed"))
    print(f"{truth['target']}: on posts whose tag was hidden")
    print(f"  precision {share_with_interval(right, right + wrong)}")
    print(f"  recall    {share_with_interval(right, right + missed)}")
    print(f"  whole command {seconds:.0f} s, of it learning {record['preparing_seconds']:.0f} s")
    fetched = record["bytes_renditions"] + record["bytes_originals"]
    kept = max(1, record["kept"])
    print(
        f"  bytes for each of {record['kept']} kept pictures: {fetched / kept / 1000:.1f} kB; downloading everything: "
        f"{record['bytes_if_all'] / kept / 1000:.1f} kB ({record['bytes_if_all'] / max(1, fetched):.2f}x)"
    )
    return bool(right / max(1, right + wrong) >= 0.95 and right / max(1, right + missed) >= 0.90)


def _gallery(options: argparse.Namespace) -> list[str]:
    """What the demo server is started with; settles the tag as well."""
    if options.folder is None:
        options.tag = options.tag or "genshin_impact"
        return ["--posts", options.posts, "--hide", options.hide, "--seed", options.seed]
    options.tag = options.tag or "hololive"
    return ["--from", options.folder, "--tag", options.tag, "--hide", options.hide, "--seed", options.seed]


def tell_overlap(gallery: list[str], options: argparse.Namespace, trained: Path, work: Path) -> None:
    """Print the whole job's time against its stages, as fast as a site of one's own allows, and at a polite pace."""
    with served([*gallery, "--latency-ms", options.latency_ms]) as url:
        measure_overlap(url, options.tag, trained, work / "overlap-own")
    with served([*gallery, "--latency-ms", options.latency_ms, "--posts", options.polite_posts]) as url:
        measure_overlap(url, options.tag, trained, work / "overlap-polite", 2)


def with_material(options: argparse.Namespace) -> int:
    """The time alone, of posts that are painted and a model that is learned."""
    gallery = _gallery(options)
    posts = str(max(int(options.posts), int(options.polite_posts)))
    with (
        demo_material(options.material, posts) as material,
        tempfile.TemporaryDirectory(prefix="bench-main-job-") as work,
    ):
        tell_overlap([*gallery, "--cache", str(material.cache)], options, material.trained, Path(work))
    return 0


def main() -> int:
    """All measurements, or those that the options select."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--from", dest="folder", help="one folder a class; left out, the demo gallery is painted")
    read.add_argument("--posts", default="600", help="of the painted gallery")
    read.add_argument("--tag", help="hololive for a folder, genshin_impact for the painted gallery")
    read.add_argument("--keep", action="append", required=True)
    read.add_argument("--hide", default="0.4")
    read.add_argument("--seed", default="1")
    read.add_argument("--latency-ms", default="40", help="network latency for the overlap measurement")
    read.add_argument("--polite-posts", default="1500", help="posts of the overlap measurement at a polite pace")
    read.add_argument("--no-overlap", action="store_true")
    read.add_argument(
        "--material", type=Path, help="where painted posts and a model of mona are kept: no job is judged"
    )
    options = read.parse_args()
    if options.material is not None:
        return with_material(options)
    gallery = _gallery(options)
    met = {}
    with tempfile.TemporaryDirectory(prefix="bench-main-job-") as work:
        with served(gallery) as url:
            for target in options.keep:
                record, seconds = run_job(url, options.tag, target, Path(work) / target)
                met[target] = tell_quality(record, seconds)
        if not options.no_overlap:
            tell_overlap(gallery, options, Path(work) / options.keep[0], Path(work))
    print(
        "goal, precision >= 0.95 and recall >= 0.90: "
        + ", ".join(f"{t} {'met' if m else 'MISSED'}" for t, m in met.items())
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
