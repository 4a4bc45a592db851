"""Real pictures from a folder, one folder a class, as a gallery; part of the character tags withheld.

Every class becomes a character tag. Pictures of one group (`labels.csv`: path, class, group, split) are one artist's
set: they carry the same artist tag, and the second and later ones name the first as their parent. Tags are withheld
from whole groups, so that near-duplicates never reveal each other's tag.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from demo.errors import GalleryError
from demo.galleries.gallery import EPOCH, Gallery, GalleryPost, PictureTruth
from demo.galleries.tagger import guess_tags
from demo.galleries.withheld_tags import choose_groups
from demo.paint.file_facts import FileFacts
from system.regular_files import UnsafeFile, read_regular

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif"}
_MOST_TABLE, _MOST_PICTURE = 64 << 20, 256 << 20  # bytes
_LONGEST_TAG = 170  # characters
_NOT_FIRST = "-~_`%(){}[]/"  # no tag begins with any of these
SITE_NAMES = str.maketrans({" ": "_", ",": "_", "*": "_"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlan:
    """How a folder becomes a gallery."""

    folder: Path
    tag: str  # copyright tag of all posts
    hide: float = 0.4  # share of the character tags that is withheld, 0..1
    wrong: float = 0.0  # share of the posts that name another character instead, 0..1
    seed: int = 1
    posts: int | None = None  # at most this many, drawn by the seed; None = all


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture of the folder."""

    path: Path
    label: str
    group: str


def folder_gallery(plan: FolderPlan) -> Gallery:
    """Build the gallery; the files stay where they are.

    Raises:
        GalleryError: no such folder, or no pictures in it.
    """
    pictures = _pictures(plan.folder)
    if not pictures:
        raise GalleryError(f"{plan.folder} holds no pictures; expected one folder a class: {plan.folder}/CLASS/*.jpg")
    rng = random.Random(f"{plan.seed} order")  # noqa: S311 (a seeded choice, no secret)
    groups = _groups(pictures)
    names = sorted(groups)
    rng.shuffle(names)
    gallery = Gallery()
    gallery.add_tag(plan.tag, "copyright")
    hidden = withheld(groups, plan.hide, f"{plan.seed} hide")
    wrong = withheld(groups, plan.wrong, f"{plan.seed} wrong") - hidden
    classes = sorted({picture.label for picture in pictures})
    for label in classes:
        gallery.add_tag(label, "character")
    for number, group in enumerate(names):
        _add_group(gallery, groups[group], _FolderSet(plan, number, group in hidden, group in wrong, classes))
        if plan.posts is not None and len(gallery.posts) >= plan.posts:
            break
    return gallery


def withheld(groups: dict[str, list[LabelledPicture]], share: float, seed: str) -> set[str]:
    """Groups that lose their tag: of every class about the share of its pictures."""
    sizes: dict[str, dict[str, int]] = defaultdict(dict)
    for group, pictures in groups.items():
        sizes[pictures[0].label][group] = len(pictures)
    return set().union(*(choose_groups(of_label, share, f"{seed} {label}") for label, of_label in sizes.items()))


@dataclass(frozen=True, slots=True)
class _FolderSet:
    """How one group of pictures is posted."""

    plan: FolderPlan
    number: int
    hidden: bool
    wrong: bool
    classes: Sequence[str]


def _pictures(folder: Path) -> list[LabelledPicture]:
    if not folder.is_dir():
        raise GalleryError(f"{folder} is not a folder")
    table = folder / "labels.csv"
    if table.exists():
        rows = _rows(table)
        if rows and not {"path", "class"} <= rows[0].keys():
            raise GalleryError(f"{table} needs the columns path and class, has {', '.join(rows[0])}")
        pictures = [
            LabelledPicture(folder / row["path"], tag_name(row["class"]), row.get("group") or row["path"])
            for row in rows
        ]
    else:
        pictures = [
            LabelledPicture(path, tag_name(path.parent.name), _plain(path.relative_to(folder)))
            for path in sorted(folder.glob("*/*"))
            if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif")
        ]
    inside = folder.resolve()
    return [one for one in pictures if one.path.is_file() and one.path.resolve().is_relative_to(inside)]


def _plain(path: Path) -> str:
    """A path as printable text, whatever bytes its names have."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _rows(table: Path) -> list[dict[str, str]]:
    """The rows of the table; every one has a path and a class, where there are such columns.

    Raises:
        GalleryError: it cannot be read, or a row lacks one of them.
    """
    try:
        text = read_regular(table, _MOST_TABLE).content.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        rows = []
        for row in reader:
            if any(row.get(name, "there") in (None, "") for name in ("path", "class")):
                raise GalleryError(f"{table}, line {reader.line_num}: the path or the class is missing")
            rows.append(row)
    except UnicodeDecodeError as error:
        raise GalleryError(f"{table} is no text in UTF-8 (byte {error.start})") from error
    except UnsafeFile as error:
        raise GalleryError(f"{table} {error.why}") from error
    except (OSError, csv.Error) as error:
        raise GalleryError(f"{table} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return rows


def tag_name(label: str) -> str:
    """A class name as a tag; what no tag may have is left out.

    Raises:
        GalleryError: nothing is left.
    """
    letters = (letter for letter in label.strip().lower().translate(SITE_NAMES) if letter.isprintable())
    name = "".join(letters).lstrip(_NOT_FIRST)[:_LONGEST_TAG]
    if not name:
        raise GalleryError(f"the class {label!a} cannot become a tag; give it a name with a letter")
    return name


def _groups(pictures: Iterable[LabelledPicture]) -> dict[str, list[LabelledPicture]]:
    """Pictures by group; a group that mixes classes is one group a class."""
    groups: dict[str, list[LabelledPicture]] = defaultdict(list)
    for picture in pictures:
        groups[f"{picture.group} {picture.label}"].append(picture)
    return groups


def _add_group(gallery: Gallery, pictures: Sequence[LabelledPicture], set_: _FolderSet) -> None:
    artist = f"artist_{hashlib.sha256(pictures[0].group.encode()).hexdigest()[:8]}"
    gallery.add_tag(artist, "artist")
    parent: int | None = None
    for picture in pictures:
        facts = read_facts(picture.path)
        if facts is None:
            continue
        post_id = len(gallery.posts) + 1
        gallery.add_file(facts.md5, facts)
        gallery.put(_post(picture, facts, set_, artist, post_id, parent))
        parent = parent or post_id


def _post(
    picture: LabelledPicture, facts: FileFacts, set_: _FolderSet, artist: str, post_id: int, parent: int | None
) -> GalleryPost:
    rng = random.Random(f"{set_.plan.seed} {facts.md5}")  # noqa: S311 (a seeded choice, no secret)
    label = picture.label
    shown = set_.plan.tag
    named: set[str] = set()
    wrong: tuple[str, ...] = ()
    if set_.wrong:
        wrong = (rng.choice([other for other in set_.classes if other != label] or [label]),)
        named.update(wrong)
    elif not set_.hidden:
        named.add(label)
    created = EPOCH + 3600 * set_.number + 60 * post_id
    return GalleryPost(
        id=post_id,
        picture=facts.md5,
        width=facts.width,
        height=facts.height,
        ext=facts.ext,
        tags=tuple(sorted({shown, artist, "1girl", "solo", *named})),
        created_at=created,
        updated_at=created,
        rating=rng.choices("gsqe", (70, 25, 4, 1))[0],
        uploader_id=10 + set_.number % 7,
        up_score=rng.randrange(60),
        down_score=-rng.randrange(4),
        fav_count=rng.randrange(80),
        parent_id=parent,
        ai_tags=guess_tags((label,), set_.classes, ("1girl", "solo"), rng),
        truth=PictureTruth((label,), () if label in named else (label,), wrong),
    )


def read_facts(path: Path) -> FileFacts | None:
    """The facts of a file that the site states; None when it is no picture."""
    try:
        content = read_regular(path, _MOST_PICTURE).content
        with Image.open(io.BytesIO(content), formats=tuple(EXTENSIONS)) as picture:
            width, height = picture.size
            ext = EXTENSIONS[picture.format or ""]
            animated = getattr(picture, "n_frames", 1) > 1
    except Exception:  # noqa: BLE001 - Pillow raises a dozen types for bad bytes; each means the same to us
        return None
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    pixels = hashlib.blake2b(content, digest_size=16).hexdigest()
    return FileFacts(md5, len(content), width, height, ext, pixels, str(path.resolve()), animated=animated)
