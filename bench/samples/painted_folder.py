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


def paint(folder: Path, plan: PaintedPlan, franchise: str, least: int = 1) -> Counter[str]:
    """Paint every still picture of a franchise that shows one character, or nobody.

    Args:
        folder: for the classes' folders; a class of nobody is called `nobody`.
        plan: which pictures there are.
        franchise: a tag.
        least: pictures of a class; those with fewer are left out.

    Returns:
        How many there are of each class.
    """
    planned = painted_gallery(plan)
    shown = {}
    for post in planned.posts.values():
        names = [character.partition("_(")[0] for character in post.truth.characters]
        if franchise in post.tags and post.ext in STILLS and post.picture in planned.scenes and len(names) <= 1:
            shown[post.id] = names[0] if names else "nobody"
    counts = Counter({name: count for name, count in Counter(shown.values()).items() if count >= least})
    for post in planned.posts.values():
        if shown.get(post.id) not in counts:
            continue
        where = folder / shown[post.id]
        where.mkdir(parents=True, exist_ok=True)
        painted = Path(write_picture(planned.scenes[post.picture], where).path)
        painted.rename(where / f"{post.id}.{post.ext}")
        painted.parent.rmdir()
    return counts


def main() -> None:
    """Paint, and say how many."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--posts", type=int, default=400, help="of the gallery that the pictures are taken from")
    options.add_argument("--seed", type=int, default=7, help="another one paints other pictures")
    options.add_argument("--franchise", default="genshin_impact", help="a tag")
    options.add_argument("--least", type=int, default=1, help="pictures of a class; those with fewer are left out")
    chosen = options.parse_args()
    counts = paint(chosen.folder, PaintedPlan(posts=chosen.posts, seed=chosen.seed), chosen.franchise, chosen.least)
    print(", ".join(f"{name} {count}" for name, count in counts.most_common()))


if __name__ == "__main__":
    main()
