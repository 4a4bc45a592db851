"""The picture of docs/similar.md: `python -m bench.figures.similar` makes a painted gallery and asks it.

python -m bench.figures.similar [--posts 400]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench.figures.review import PICTURES
from commands.app import app
from tests.equipment.review_gallery import fill


def main() -> None:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=400)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-similar-") as folder:
        root, found = Path(folder) / "root", Path(folder) / "found"
        made = fill(root, arguments.posts)
        post = int(made.shows.argmax()) + 1
        app(["similar", str(post), "--limit", "16", "--root", str(root), "--to", str(found)], standalone_mode=False)
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / "similar.jpg").write_bytes((found / "similar.jpg").read_bytes())
    print(f"wrote {PICTURES / 'similar.jpg'}")


if __name__ == "__main__":
    main()
