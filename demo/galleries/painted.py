"""The gallery that paints its own pictures: every post planned here, each painted on its first request.

Posts come in sets: one artist, the same characters, one picture or a few versions of it (parent and children). Tags are
withheld from whole sets, as on real sites, where an uploader leaves them out of a whole set.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from demo.galleries.characters import (
    ALIASES,
    BACKDROP_TAGS,
    COSTUMES,
    EXPRESSION_TAGS,
    FRAMING_TAGS,
    FRANCHISES,
    LIGHT_TAGS,
    MALE,
    OTHER_NAMES,
    POSE_TAGS,
    RESTRICTED_TAG,
    SEVERAL,
    WITHOUT_CHARACTER,
    Franchise,
)
from demo.galleries.gallery import EPOCH, Gallery, GalleryPost, PictureTruth
from demo.galleries.tagger import guess_tags
from demo.galleries.withheld_tags import choose_groups
from demo.paint.cast import CAST
from demo.paint.scene import Figure, Scene, scene_key, scene_record
from demo.paint.styles import STYLES

FIRST_ID = 1001
FORMATS = {"jpg": 62, "png": 19, "webp": 12, "gif": 3, "zip": 2.5, "mp4": 1.5}
LIGHTS = {"day": 60, "sunset": 8, "moon": 6, "rose": 6, "mint": 5, "lamp": 6, "grey": 5, "sepia": 3}
EXPRESSIONS, POSES, BACKDROPS = tuple(EXPRESSION_TAGS), tuple(POSE_TAGS), tuple(BACKDROP_TAGS)
SET_SIZES, SET_WEIGHTS = (1, 2, 3, 4), (80, 12, 6, 2)
REPOSTED = 0.01  # share of sets whose first picture is posted twice, byte for byte


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintedPlan:
    """What to paint."""

    posts: int = 1800
    seed: int = 1
    hide: float = 0.4  # share of the character tags that is withheld, 0..1
    wrong: float = 0.0  # share of the posts that name another character instead, 0..1


@dataclass(frozen=True, slots=True)
class _PaintedSet:
    """Pictures that belong together."""

    number: int
    franchise: Franchise
    framing: str
    scenes: tuple[Scene, ...]

    @property
    def characters(self) -> tuple[str, ...]:
        """The characters shown; costumes have their own tag besides."""
        figures = self.scenes[0].figures
        return tuple(dict.fromkeys(name for figure in figures for name in (figure.character, figure.costume) if name))


def painted_gallery(plan: PaintedPlan) -> Gallery:
    """Plan every post; nothing is painted yet.

    Raises:
        GalleryError: a share is not between 0 and 1.
    """
    gallery = Gallery()
    _found(gallery)
    sets = _plan_sets(plan)
    hidden = _withheld(sets, plan.hide, f"{plan.seed} hide")
    wrong = choose_groups({str(one.number): len(one.scenes) for one in sets}, plan.wrong, f"{plan.seed} wrong")
    for one in sets:
        _post_set(gallery, one, hidden[one.number], str(one.number) in wrong, plan)
    return gallery


def _found(gallery: Gallery) -> None:
    """Tags, links and wiki pages that are there before the first post."""
    for franchise in FRANCHISES:
        gallery.add_tag(franchise.tag, "copyright")
        for name in franchise.characters:
            gallery.add_tag(name, "character")
    for base, costumes in COSTUMES.items():
        for costume in costumes:
            gallery.add_tag(costume, "character")
            gallery.add_implication(costume, base)
    for artist in STYLES:
        gallery.add_tag(artist, "artist")
    for name in (*META_TAGS, *AUTOMATIC):
        gallery.add_tag(name, "meta")
    gallery.add_tag(RESTRICTED_TAG, "general")
    gallery.add_tag("solo_girl", "general", is_deprecated=True)
    gallery.restricted_tags = frozenset({RESTRICTED_TAG})
    for antecedent, consequent in ALIASES.items():
        gallery.add_alias(antecedent, consequent)
    gallery.add_alias("mona_the_witch", "mona_(genshin_impact)", status="deleted")
    for title, names in OTHER_NAMES.items():
        gallery.add_wiki(title, f"A page of the demo gallery about {title.replace('_', ' ')}.", names)


META_TAGS = ("commentary", "commentary_request", "character_request", "artist_request", "tagme", "translated")
AUTOMATIC = ("animated", "animated_gif", "ugoira", "video", "lowres", "greyscale_request")


def _plan_sets(plan: PaintedPlan) -> list[_PaintedSet]:
    sets: list[_PaintedSet] = []
    left = plan.posts
    while left > 0:
        number = len(sets)
        rng = random.Random(f"{plan.seed} set {number}")  # noqa: S311 (a seeded choice, no secret)
        franchise = rng.choices(FRANCHISES, [one.share for one in FRANCHISES])[0]
        size = min(left, rng.choices(SET_SIZES, SET_WEIGHTS)[0])
        sets.append(_plan_set(number, franchise, size, rng))
        left -= size
    return sets


def _plan_set(number: int, franchise: Franchise, size: int, rng: random.Random) -> _PaintedSet:
    ext = rng.choices(tuple(FORMATS), tuple(FORMATS.values()))[0]
    names = _who(franchise, rng)
    framing = rng.choices(("face", "bust", "full"), (30, 42, 28))[0] if len(names) < 2 else rng.choice(("bust", "full"))
    width, height = _size(ext, len(names), rng)
    figures = tuple(
        _figure(name, place, len(names), (framing, width / height), rng) for place, name in enumerate(names)
    )
    first = Scene(
        seed=rng.randrange(1 << 31),
        width=width,
        height=height,
        ext=ext,
        artist=rng.choices(tuple(STYLES), range(len(STYLES), 0, -1))[0],
        backdrop=rng.choice(BACKDROPS),
        light=rng.choices(tuple(LIGHTS), tuple(LIGHTS.values()))[0],
        figures=figures,
    )
    scenes = [first]
    for _ in range(size - 1):
        scenes.append(_version(first, rng))
    return _PaintedSet(number, franchise, framing, tuple(scenes))


def _who(franchise: Franchise, rng: random.Random) -> list[str]:
    chance = rng.random()
    if chance < WITHOUT_CHARACTER:
        return []
    wanted = 1 if chance > WITHOUT_CHARACTER + SEVERAL else rng.choice((2, 2, 3))
    names: list[str] = []
    pool = dict(franchise.characters)
    while pool and len(names) < wanted:
        name = rng.choices(tuple(pool), tuple(pool.values()))[0]
        names.append(name)
        del pool[name]
    return names


def _size(ext: str, figures: int, rng: random.Random) -> tuple[int, int]:
    """Pixels; moving pictures are small, pictures of several people are wide."""
    if ext in ("gif", "zip"):
        return rng.randrange(380, 520), rng.randrange(480, 640)
    if figures > 1 or rng.random() < 0.1:
        return rng.randrange(1000, 1300), rng.randrange(780, 960)
    if rng.random() < 0.06:
        return rng.randrange(360, 490), rng.randrange(400, 500)
    return rng.randrange(720, 960), rng.randrange(900, 1220)


def _figure(name: str, place: int, count: int, room: tuple[str, float], rng: random.Random) -> Figure:
    """One character somewhere in the picture; `room` is the framing and the picture's width over height."""
    framing, aspect = room
    hat = CAST[name].hat in ("witch", "kasa")
    low, high = {"face": (0.17, 0.25), "bust": (0.11, 0.155), "full": (0.072, 0.088)}[framing]
    head = rng.uniform(low, high) * (1.0 if count < 2 else 0.92)
    y = {"face": 0.56 if hat else 0.48, "bust": 0.45 if hat else 0.38, "full": 0.32}[framing] + rng.uniform(-0.03, 0.04)
    spacing = min(1 / count, 3.6 * head / aspect)
    middle = 0.5 + (place - (count - 1) / 2) * spacing
    costumes = COSTUMES.get(name, {})
    costume = next((tag for tag, share in costumes.items() if rng.random() < share), "")
    return Figure(
        character=name,
        costume=costume,
        x=round(middle + rng.uniform(-0.07, 0.07) / max(1.0, aspect), 4),
        y=round(y, 4),
        head=round(head, 4),
        tilt=round(rng.gauss(0, 6), 2),
        mirrored=rng.random() < 0.5,
        expression=rng.choice(EXPRESSIONS),
        pose=rng.choice(POSES),
        gaze=round(rng.uniform(-1, 1), 3),
    )


def _version(first: Scene, rng: random.Random) -> Scene:
    """The same picture slightly changed, as artists post them."""
    change = rng.choice(("expression", "light", "pose"))
    if change == "light" or not first.figures:
        return replace(first, light=rng.choice([name for name in LIGHTS if name != first.light]))
    figures = list(first.figures)
    at = rng.randrange(len(figures))
    now = figures[at]
    if change == "expression":
        figures[at] = replace(now, expression=rng.choice([name for name in EXPRESSIONS if name != now.expression]))
    else:
        figures[at] = replace(now, pose=rng.choice([name for name in POSES if name != now.pose]))
    return replace(first, figures=tuple(figures))


def _withheld(sets: Sequence[_PaintedSet], share: float, seed: str) -> dict[int, set[str]]:
    """Which character tags each set lacks: of every character about the share of its pictures."""
    sizes: dict[str, dict[str, int]] = defaultdict(dict)
    for one in sets:
        for figure in one.scenes[0].figures:
            sizes[figure.character][str(one.number)] = len(one.scenes)
    hidden: dict[int, set[str]] = defaultdict(set)
    for character, of_character in sizes.items():
        for number in choose_groups(of_character, share, f"{seed} {character}"):
            hidden[int(number)].update((character, *COSTUMES.get(character, {})))
    return hidden


def _post_set(gallery: Gallery, one: _PaintedSet, hidden: set[str], wrong: bool, plan: PaintedPlan) -> None:
    rng = random.Random(f"{plan.seed} post {one.number}")  # noqa: S311 (a seeded choice, no secret)
    parent: int | None = None
    scenes = list(one.scenes)
    if rng.random() < REPOSTED and len(gallery.posts) + len(scenes) < plan.posts:
        scenes.append(scenes[0])
    mistaken = (
        rng.choice([name for name in one.franchise.characters if name not in one.characters] or [""]) if wrong else ""
    )
    for scene in scenes[: plan.posts - len(gallery.posts)]:
        post = _post(gallery, one, scene, (hidden, mistaken), rng)
        gallery.put(replace(post, parent_id=parent))
        parent = parent or post.id


def _post(
    gallery: Gallery, one: _PaintedSet, scene: Scene, tag_errors: tuple[set[str], str], rng: random.Random
) -> GalleryPost:
    hidden, mistaken = tag_errors
    key = scene_key(scene)
    gallery.scenes[key] = scene_record(scene)
    shown = one.characters
    named = {name for name in shown if name not in hidden}
    if mistaken:
        named = {mistaken}
    general = general_tags(scene, one.framing)
    meta = _meta_tags(scene, rng, lacking=bool(shown) and not named)
    for name in general:
        gallery.add_tag(name, "general")
    post_id = gallery.ids[-1] + rng.choice((1, 1, 1, 2, 3)) if gallery.ids else FIRST_ID
    created = EPOCH + 5400.0 * (post_id - FIRST_ID) + rng.randrange(5000)
    kept = general if not hidden else {name for name in general if rng.random() < 0.6}
    tags = {one.franchise.tag, scene.artist, *kept, *meta, *gallery.implied(named)}
    state = rng.random()
    if rng.random() < 0.006:
        tags.add(RESTRICTED_TAG)
    if rng.random() < 0.04:
        tags = (tags - {scene.artist}) | {"artist_request"}
    pixiv = 100_000_000 + one.number if rng.random() < 0.5 else None
    return GalleryPost(
        id=post_id,
        picture=key,
        width=scene.width,
        height=scene.height,
        ext=scene.ext,
        tags=tuple(sorted(tags)),
        created_at=created,
        updated_at=created + rng.choice((0.0, 60.0, 3600.0, 86_400.0 * rng.randrange(1, 300))),
        rating=rng.choices("gsq", (75, 22, 3))[0],
        source=f"https://www.pixiv.net/artworks/{pixiv}" if pixiv else "",
        uploader_id=10 + one.number % 23,
        approver_id=7 if rng.random() < 0.3 else None,
        up_score=int(rng.expovariate(1 / 25)),
        down_score=-int(rng.expovariate(1 / 0.6)),
        fav_count=int(rng.expovariate(1 / 30)),
        pixiv_id=pixiv,
        bit_flags=4 if 0.970 < state <= 0.973 else 0,
        is_deleted=state < 0.02,
        is_banned=0.02 <= state < 0.028,
        is_pending=0.028 <= state < 0.034,
        is_flagged=0.034 <= state < 0.038,
        ai_tags=guess_tags(shown, tuple(one.franchise.characters), sorted(general)[:8], rng),
        truth=PictureTruth(shown, tuple(name for name in shown if name not in named), (mistaken,) if mistaken else ()),
    )


def general_tags(scene: Scene, framing: str) -> set[str]:
    """What a diligent tagger would say of a picture, characters aside."""
    figures = scene.figures
    tags = {*BACKDROP_TAGS[scene.backdrop], *LIGHT_TAGS.get(scene.light, ())}
    if not figures:
        return tags | {"no_humans", "scenery"}
    girls = sum(figure.character not in MALE for figure in figures)
    boys = len(figures) - girls
    tags |= {f"{girls}girl{'s' if girls > 1 else ''}"} if girls else set()
    tags |= {"1boy"} if boys else set()
    tags |= {"multiple_girls"} if girls > 1 else set()
    tags |= {"solo"} if len(figures) == 1 else set()
    tags.update(FRAMING_TAGS[framing])
    for figure in figures:
        tags.update(tag for tag in CAST[figure.character].tags if tag != "1boy")
        tags.update(EXPRESSION_TAGS[figure.expression])
        if framing != "face":
            tags.update(POSE_TAGS[figure.pose])
    return tags


def _meta_tags(scene: Scene, rng: random.Random, *, lacking: bool) -> set[str]:
    tags = {"gif": {"animated", "animated_gif"}, "zip": {"animated", "ugoira"}, "mp4": {"animated", "video"}}.get(
        scene.ext, set()
    )
    tags = set(tags) | ({"lowres"} if max(scene.width, scene.height) <= 500 else set())
    tags |= {name for name in ("commentary", "commentary_request", "translated") if rng.random() < 0.12}
    return tags | ({"character_request"} if lacking and rng.random() < 0.25 else set())
