"""The site of the fault suite: twelve posts of every kind, served on loopback from a thread, misbehaving by rules.

The thread lets the command run in the test's own process, as well as in a child.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from demo.accounts import MEMBER, Account, Accounts
from demo.embedded import Running, ServeOptions, serve
from demo.faults.rules import Rule
from demo.galleries.folder import read_facts
from demo.galleries.gallery import EPOCH, Gallery, GalleryPost
from demo.paint.file_facts import FileFacts
from tests.equipment import galleries_on

TAG, KEEP, CHARACTER = "genshin_impact", "mona", "mona_(genshin_impact)"
LOGIN = "me"  # "me:" is three bytes, so the key is found again inside base64("me:KEY")
CANARY = "canary-key-7f3a9c51d2e84b60"
WIDTH, HEIGHT = 320, 240  # pixels of every picture
MEDIA_HOST = "127.0.0.2"
INTERNAL_HOST = "127.0.0.3"  # must never be asked for anything

Rules = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One post of the scenario."""

    id: int
    ext: str
    bright: bool  # bright pictures are scored high
    tagged: bool = False  # carries the target's tag
    same_as: int | None = None  # shares that post's file
    banned: bool = False
    deleted: bool = False

    @property
    def kept(self) -> bool:
        """What an honest run does with it."""
        return (self.bright or self.tagged) and not self.banned


RECIPES = (
    Recipe(10, "jpg", bright=True),
    Recipe(20, "png", bright=False),
    Recipe(30, "jpg", bright=False, tagged=True),
    Recipe(40, "gif", bright=True),
    Recipe(50, "webp", bright=False),
    Recipe(60, "avif", bright=True, tagged=True),
    Recipe(70, "jpg", bright=True),
    Recipe(80, "jpg", bright=True, same_as=70),
    Recipe(90, "jpg", bright=True, banned=True),
    Recipe(100, "png", bright=True, deleted=True),
    Recipe(110, "zip", bright=False, tagged=True),
    Recipe(120, "jpg", bright=False),
)
POSTS = frozenset(recipe.id for recipe in RECIPES)
KEPT = frozenset(recipe.id for recipe in RECIPES if recipe.kept)


def paint(folder: Path) -> dict[int, FileFacts]:
    """Make the scenario's files; the same bytes every time on one machine."""
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[int, FileFacts] = {}
    for recipe in RECIPES:
        if recipe.same_as is not None:
            made[recipe.id] = made[recipe.same_as]
        elif recipe.ext == "zip":
            made[recipe.id] = _ugoira(folder, recipe)
        else:
            made[recipe.id] = _still(folder / f"{recipe.id}.{recipe.ext}", recipe)
    return made


def _still(path: Path, recipe: Recipe) -> FileFacts:
    noise = np.random.default_rng(recipe.id)
    level = 200 if recipe.bright else 50
    pixels = noise.integers(level - 30, level + 30, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels).resize((WIDTH, HEIGHT))
    if path.suffix == ".gif":
        picture = picture.convert("L")
    picture.save(path)
    facts = read_facts(path)
    if facts is None:
        raise AssertionError(f"{path} is no picture")
    return facts


def _ugoira(folder: Path, recipe: Recipe) -> FileFacts:
    still = _still(folder / f"{recipe.id}-still.jpg", recipe)
    path = folder / f"{recipe.id}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            frame = zipfile.ZipInfo(f"{number:06d}.jpg", (2020, 1, 1, 0, 0, 0))
            archive.writestr(frame, Path(still.path).read_bytes())
    path.with_suffix(".webm").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(2000))
    content = path.read_bytes()
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return FileFacts(
        digest, len(content), WIDTH, HEIGHT, "zip", still.pixel_hash, str(path), still.path, True, 0.3, (100, 100, 100)
    )


def scenario(files: Mapping[int, FileFacts], *, changes: Mapping[int, Mapping[str, Any]] | None = None) -> Gallery:
    """A fresh gallery of the twelve posts.

    Args:
        files: from `paint`.
        changes: fields of `GalleryPost` to set otherwise, by post.
    """
    gallery = Gallery()
    gallery.add_tag(TAG, "copyright")
    gallery.add_tag(CHARACTER, "character")
    gallery.add_tag("somebody", "artist")
    for recipe in RECIPES:
        facts = files[recipe.id]
        gallery.add_file(facts.md5, facts)
        created = EPOCH + 3600 * recipe.id
        gallery.put(
            GalleryPost(
                id=recipe.id,
                picture=facts.md5,
                width=facts.width,
                height=facts.height,
                ext=facts.ext,
                tags=tuple(sorted({TAG, "somebody", "1girl", *([CHARACTER] if recipe.tagged else [])})),
                created_at=created,
                updated_at=created,
                is_banned=recipe.banned,
                is_deleted=recipe.deleted,
                ai_tags=((CHARACTER, 90 if recipe.bright else 10),),
            )
        )
    for post_id, fields in (changes or {}).items():
        gallery.edit(post_id, **fields)
    return gallery


@dataclass(slots=True)
class Simulator:
    """The running site, seen from another thread."""

    running: Running
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        """Where it is."""
        return self.running.url

    @property
    def port(self) -> int:
        """The port of all its addresses."""
        return int(self.url.rpartition(":")[2])

    def asked_elsewhere(self) -> str:
        """Every request to another address than the API's, headers and all."""
        return "\n".join(repr(request) for request in self.requests if request["host"] != "127.0.0.1")

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Every request so far."""
        return self.running.requests

    def paths(self, part: str = "") -> list[str]:
        """The targets of all requests that contain a part."""
        return [request["target"] for request in self.requests if part in request["target"]]

    def misbehave(self, rules: Rules) -> list[Rule]:
        """Replace the rules in force; returns them, to see which fire."""
        book = self.running.book
        if book is None:
            raise AssertionError("the site was started without a rule book")
        book.replace_rules(rules)
        return book.rules

    def unfired(self) -> list[str]:
        """Rules that never fired: the fault was not injected, so nothing is proved."""
        return self.running.unfired()

    def failures(self) -> list[str]:
        """The simulator's own bugs."""
        return list(self.running.server.failures)


@contextlib.contextmanager
def simulator(gallery: Gallery, cache: Path, rules: Rules = (), software: str = "danbooru") -> Iterator[Simulator]:
    """Serve a gallery from a thread for as long as the block lasts; files come from another address."""
    ready: threading.Event = threading.Event()
    shown: list[Simulator] = []
    trouble: list[BaseException] = []
    finish: list[asyncio.Event] = []

    async def work() -> None:
        stop = asyncio.Event()
        finish.append(stop)
        account = Account(id=7, name=LOGIN, api_key=CANARY, level=MEMBER)
        options = ServeOptions(cache=cache, media_host=MEDIA_HOST, accounts=Accounts([account]), software=software)
        async with serve(gallery, [dict(rule) for rule in rules], options) as running:
            found = Simulator(running, asyncio.get_running_loop())
            await running.server.listen(INTERNAL_HOST, found.port)
            shown.append(found)
            ready.set()
            await stop.wait()

    def thread() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            trouble.append(error)
        finally:
            ready.set()

    worker = threading.Thread(target=thread, name="simulator", daemon=True)
    worker.start()
    ready.wait(20)
    if trouble:
        raise trouble[0]
    try:
        yield shown[0]
    finally:
        shown[0].loop.call_soon_threadsafe(finish[0].set)
        worker.join(20)
    if trouble:
        raise trouble[0]


def configuration(folder: Path, url: str, **more: str) -> Path:
    """A settings file that knows the site as `sim`, whatever port it has: names stay, and so do digests.

    Each post has one rendition, so that a fault of it is a fault of the post; two are `test_first_look`'s matter.
    """
    port = urlsplit(url).port or 443
    tables = {"scoring": '{look_first = "none"}'} | more
    lines = [*galleries_on.setting(folder), *(f"{key} = {value}" for key, value in tables.items())]
    lines += ["[limits]", "free_space_mb = 1"]
    lines += ["[sites.sim]", f'url = "{url}"', f'file_hosts = ["{MEDIA_HOST}:{port}"]', ""]
    path = folder / "crawl.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def arguments(root: Path, config: Path, *more: str) -> list[str]:
    """The command line of the main job in this scenario."""
    place = ["--site", "sim", "--root", str(root), "--config", str(config)]
    return ["--tag", TAG, "--keep", KEEP, *place, *more]
