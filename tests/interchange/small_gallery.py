"""A gallery of a few small pictures that are kept, and the command that exports them."""

from __future__ import annotations

import asyncio
import atexit
import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive
from storage.evidence import SplitAssignments
from storage.records import DecisionValue, FileVersion, Post, PostTags, Target
from tests.storage.samples import CARD, NO_RESERVE, decide, keep, list_posts, make_post, new_gallery, sight

MONA = Target("mona", "mona_(genshin_impact)")
KEQING = Target("keqing", "keqing_(genshin_impact)")
TAGS = PostTags(
    general=("1girl", "^_^", "hat", "long_hair", "smile"),
    artist=("some_artist",),
    copyright=("genshin_impact",),
    character=(MONA.tag,),
    meta=("highres",),
)
_PILLOW = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "avif": "AVIF"}


def picture(number: int, ext: str = "png", size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    """One that is different from all others."""
    channels = len(mode)
    pixels = np.random.default_rng(number).integers(0, 255, (size[1], size[0], channels), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels, mode if channels > 1 else None).save(out, _PILLOW[ext])
    return out.getvalue()


@dataclass
class SmallGallery:
    """Made once, written to a few posts at a time."""

    root: Path
    out: Path
    contents: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.root.exists():
            shutil.copytree(_begun(()), self.root)

    def add(
        self, *numbers: int, ext: str = "png", decision: str = "keep", size: tuple[int, int] = (40, 30), **changes: Any
    ) -> None:
        """Posts that were looked at; the originals of kept ones are here."""
        usual = (ext, decision, size) == ("png", "keep", (40, 30)) and not changes
        if usual and not self.contents and len(numbers) < 3:
            shutil.rmtree(self.root)  # most tests begin so, and making it takes its time
            shutil.copytree(_begun(numbers), self.root)
            self.contents = {number: picture(number) for number in numbers}
            return
        self.put(*numbers, ext=ext, decision=decision, size=size, **changes)

    def put(self, *numbers: int, ext: str, decision: str, size: tuple[int, int], **changes: Any) -> None:
        """The same, one by one."""
        posts = [self._post(number, ext, size, changes) for number in numbers]

        async def fill() -> None:
            async with Archive.open(self.root, NO_RESERVE) as archive:
                await list_posts(archive, posts, query=f"posts {numbers}")
                for post in posts:
                    await archive.file_look(sight(post, decide(decision)))
                    if decision == DecisionValue.KEEP:
                        await keep(archive, post, self.contents[post.id])

        asyncio.run(fill())

    def _post(self, number: int, ext: str, size: tuple[int, int], changes: dict[str, Any]) -> Post:
        video = ext not in _PILLOW
        content = b"video" * number if video else picture(number, ext, size)
        self.contents[number] = content
        post = make_post(number, content, **({"tags": TAGS} | changes))
        assert post.file is not None
        facts = {"ext": ext, "width": size[0], "height": size[1]}
        return make_post(
            number, content, **({"tags": TAGS} | changes | facts), file=_with(post.file, ext, size), renditions=()
        )

    def assign(self, **splits: Sequence[int]) -> None:
        """Freeze the splits of posts: `test=[3]`."""
        names = ("train", "validation", "test")

        async def file() -> None:
            async with Archive.open(self.root, NO_RESERVE) as archive:
                for name, numbers in splits.items():
                    versions = [self._version(number) for number in numbers]
                    split = np.full(len(versions), names.index(name), np.int8)
                    await archive.file_assignments(SplitAssignments("mona", np.array(versions, np.int64), split, {}))

        asyncio.run(file())

    def _version(self, number: int) -> int:
        joined = "file_version v JOIN post p ON p.key = v.post_key"
        return int(self.sql(f"SELECT v.id FROM {joined} WHERE p.post_id = {number}"))

    def sql(self, text: str) -> Any:
        """The first value of an answer."""
        done = self.crawl("query", "--sql", text, "--format", "json")
        return next(iter(json.loads(done.stdout)[0].values()))

    def export(self, *words: str, to: Path | None = None) -> Result:
        """`crawl export FORMAT DIR …`; words after the format are expression and options."""
        return self.crawl("export", words[0], str(to or self.out), *words[1:])

    def record(self, *words: str) -> dict[str, Any]:
        """What it prints for programs."""
        done = self.export(*words, "--json")
        answer = json.loads(done.stdout)
        assert answer["exit"] == done.exit_code, done.stderr
        return dict(answer)

    def crawl(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--root", str(self.root)], prog_name="crawl")

    def files(self) -> list[str]:
        """What the export holds, the program's own records apart."""
        return files_below(self.out)

    def read(self, name: str) -> str:
        return (self.out / name).read_text(encoding="utf-8")

    def manifest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read("manifest.jsonl").splitlines()]


@cache
def _begun(numbers: tuple[int, ...]) -> Path:
    """A gallery with the target and these posts, made once."""
    folder = tempfile.TemporaryDirectory(prefix="boorusieve-tests-")
    atexit.register(folder.cleanup)
    root = new_gallery(Path(folder.name) / "root")

    async def save() -> None:
        async with Archive.open(root, NO_RESERVE) as archive:
            await archive.save_targets("demo", [MONA])

    asyncio.run(save())
    if numbers:
        SmallGallery(root, root).put(*numbers, ext="png", decision="keep", size=(40, 30))
    return root


def _with(file: FileVersion, ext: str, size: tuple[int, int]) -> FileVersion:
    return FileVersion(file.md5, ext, file.size, *size, file.url)


def files_below(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() and not path.name.startswith(".crawl-export")
    )


__all__ = ["CARD", "KEQING", "MONA", "TAGS", "SmallGallery", "files_below", "picture"]
