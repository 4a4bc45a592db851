"""The gallery that paints its own pictures."""

from __future__ import annotations

import random
from dataclasses import dataclass

from demo.gallery import EPOCH, Gallery, GalleryPost, Truth
from demo.paint.scene import Figure, Scene, scene_key, scene_record
from demo.tagger import guess_tags

CAST = ("mona_(genshin_impact)", "fischl_(genshin_impact)", "keqing_(genshin_impact)", "barbara_(genshin_impact)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedPlan:
    """What to paint."""

    posts: int = 1800
    seed: int = 1
    hide: float = 0.4  # share of the character tags that is withheld, 0..1
    wrong: float = 0.0  # share of the posts that name another character instead, 0..1


def painted_gallery(plan: PaintedPlan) -> Gallery:
    """Plan every post; nothing is painted yet."""
    gallery = Gallery()
    gallery.add_tag("genshin_impact", "copyright")
    for name in CAST:
        gallery.add_tag(name, "character")
    gallery.add_alias("mona_megistus", "mona_(genshin_impact)")
    gallery.add_wiki("mona_(genshin_impact)", "An astrologist.", ("莫娜", "モナ"))
    rng = random.Random(plan.seed)  # noqa: S311 (a seeded choice, no secret)
    for post_id in range(1, plan.posts + 1):
        character = rng.choice(CAST)
        figures = (Figure(character=character, x=rng.random()),)
        width, height = rng.randrange(700, 1200), rng.randrange(900, 1300)
        scene = Scene(
            seed=post_id, width=width, height=height, ext="jpg", artist="a", backdrop="", light="", figures=figures
        )
        key = scene_key(scene)
        gallery.scenes[key] = scene_record(scene)
        hidden = rng.random() < plan.hide
        tags = {"genshin_impact", "1girl", "solo"} | (set() if hidden else {character})
        created = EPOCH + 3600 * post_id
        gallery.put(
            GalleryPost(
                id=post_id,
                picture=key,
                width=width,
                height=height,
                ext="jpg",
                tags=tuple(sorted(tags)),
                created_at=created,
                updated_at=created,
                ai_tags=guess_tags((character,), CAST, ("1girl", "solo"), rng),
                truth=Truth((character,), (character,) if hidden else ()),
            )
        )
    return gallery
