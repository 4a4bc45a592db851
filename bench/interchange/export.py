"""Memory and time of `crawl export`, for a small and a large gallery, the first time and again.

    python -m bench.interchange.export [--posts 2000 --posts 100000] [--format kohya --format csv]

Fills a gallery for every number of posts, each with 31 tags and an original of 1 kB, and runs the real command on it
twice. Prints the largest resident size of its process (its imports included), and posts a second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.interchange.kept_gallery import kept_gallery

# ru_maxrss would be the largest of this program's own, which it inherits.
_PROGRAM = """
import re, sys
from pathlib import Path
from commands.__main__ import main
sys.argv[0] = "crawl"
try:
    main()
except SystemExit as end:
    code = end.code
print(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""


def exported(root: Path, format_: str, folder: Path) -> tuple[float, float]:
    """Largest resident MB, and seconds."""
    words = ["export", format_, str(folder), "--root", str(root), "--quiet", "--json", "--how", "link"]
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1024, time.monotonic() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, action="append")
    parser.add_argument("--format", action="append")
    options = parser.parse_args()
    print(f"{'format':12} {'posts':>8} {'run':>6} {'largest MB':>11} {'posts/s':>9}")
    with tempfile.TemporaryDirectory(prefix="bench-export-") as name:
        for posts in options.posts or [2_000, 100_000]:
            root = Path(name) / str(posts)
            kept_gallery(root, posts)
            for format_ in options.format or ["kohya", "csv"]:
                for run in ("first", "again"):
                    memory, seconds = exported(root, format_, Path(name) / f"{format_}-{posts}")
                    print(f"{format_:12} {posts:8} {run:>6} {memory:11.0f} {posts / seconds:9.0f}", flush=True)


if __name__ == "__main__":
    main()
