"""A folder of painted pictures with one folder a character, for trying `--from` and `--on` without a site.

python -m bench.samples.painted_folder pictures --posts 400 --seed 7
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from demo.galleries.painted import PaintedPlan, painted_gallery
from demo.paint.files import write_picture

STILLS = {"jpg", "png", "webp"}


def paint(folder: Path, plan: PaintedPlan, franchise: str) -> Counter[str]:
    """Paint every still picture of a franchise that shows one character, or nobody.

    Args:
        folder: for the classes' folders; a class of nobody is called `nobody`.
        plan: which pictures there are.
        franchise: a tag.

    Returns:
        How many there are of each class.
    """
    planned, counts = painted_gallery(plan), Counter[str]()
    for post in planned.posts.values():
        names = [character.partition("_(")[0] for character in post.truth.characters]
        if franchise not in post.tags or post.ext not in STILLS or post.picture not in planned.scenes or len(names) > 1:
            continue
        where = folder / (names[0] if names else "nobody")
        where.mkdir(parents=True, exist_ok=True)
        painted = Path(write_picture(planned.scenes[post.picture], where).path)
        painted.rename(where / f"{post.id}.{post.ext}")
        painted.parent.rmdir()
        counts[where.name] += 1
    return counts


def main() -> None:
    """Paint, and say how many."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--posts", type=int, default=400, help="of the gallery that the pictures are taken from")
    options.add_argument("--seed", type=int, default=7, help="another one paints other pictures")
    options.add_argument("--franchise", default="genshin_impact", help="a tag")
    chosen = options.parse_args()
    counts = paint(chosen.folder, PaintedPlan(posts=chosen.posts, seed=chosen.seed), chosen.franchise)
    print(", ".join(f"{name} {count}" for name, count in counts.most_common()))


if __name__ == "__main__":
    main()
