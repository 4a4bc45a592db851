"""`crawl import hydrus`: files of any name, told by their bytes, with tags and addresses beside them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.app import app
from storage.archive import Archive, open_reader
from tests.commands.importing.test_import import picture
from tests.storage.samples import NO_RESERVE, list_posts, make_post


def crawl(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def record(*words: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(crawl(*words, "--json").stdout)
    return found


def exported(folder: Path, shade: int, **sidecars: str) -> bytes:
    folder.mkdir(exist_ok=True)
    content = picture(shade)
    name = f"{hashlib.sha256(content).hexdigest()}.png"
    (folder / name).write_bytes(content)
    for ending, text in sidecars.items():
        (folder / f"{name}.{ending.replace('_', '.')}").write_text(text)
    return content


def posts(root: Path) -> list[tuple[Any, ...]]:
    with open_reader(root) as reader:
        return list(reader.sql("SELECT site, post_id, md5, tags, rating FROM results ORDER BY site, post_id").rows)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_an_address_names_the_post_and_what_has_none_is_kept_as_the_imports_own(tmp_path: Path, root: Path) -> None:
    source = tmp_path / "hydrus"
    one = exported(source, 1, txt="hat\nrating:explicit", urls_txt="https://danbooru.donmai.us/posts/12")
    two = exported(source, 2, txt="blue sky\ncharacter:mona")
    exported(source, 3)
    md5s = [hashlib.md5(content).hexdigest() for content in (one, two)]

    answer = record("import", "hydrus", source, "--root", root)

    assert (answer["copied"], answer["posts"], answer["exit"]) == (3, 2, 0)
    assert answer["without_post"] == {"no sidecar, or nothing in it": 1}
    assert posts(root) == [
        ("danbooru", 12, md5s[0], "hat", "e"),
        ("hydrus", int(md5s[1][:13], 16), md5s[1], "blue_sky mona", "q"),
    ]
    again = record("import", "hydrus", source, "--root", root)
    assert (again["already_here"], again["copied"], again["posts"]) == (3, 0, 0)


def test_what_the_gallery_knows_of_a_picture_stays(tmp_path: Path, root: Path) -> None:
    content = exported(tmp_path / "hydrus", 1, txt="tags of another kind")

    async def known() -> None:
        async with Archive.open(root, NO_RESERVE) as archive:
            await list_posts(archive, [make_post(7, content)])

    asyncio.run(known())
    before = posts(root)

    answer = record("import", "hydrus", tmp_path / "hydrus", "--root", root)

    assert (answer["copied"], answer["posts"]) == (1, 0)
    assert posts(root) == before
