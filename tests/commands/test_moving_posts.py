"""A crawl of a served site whose videos and ugoira show the target only after their previews."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from demo.galleries.gallery import EPOCH, GalleryPost
from demo.paint.file_facts import FileFacts
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site
from tests.equipment.clips import ugoira, write_video

DIM, BRIGHT = 60, 230  # grey levels: the stub judge is in doubt about the one, and keeps the other


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        found.post(1, MONA, bright=True)
        yield found


def grey(level: int) -> Image.Image:
    return Image.new("RGB", (320, 240), (level, level, level))


def put(site: SmallSite, post_id: int, file: Path) -> bytes:
    """A post with this moving file, whose preview is dim."""
    still = file.with_suffix(".still.jpg")
    grey(DIM).save(still)
    content, ext = file.read_bytes(), file.suffix[1:]
    md5 = hashlib.md5(content).hexdigest()
    delays = (500, 500) if ext == "zip" else ()
    file.with_suffix(".webm").write_bytes(b"")  # what a site shows instead of an archive
    facts = FileFacts(md5, len(content), 320, 240, ext, md5, str(file), str(still), True, 2.0, delays)
    site.gallery.add_file(md5, facts)
    created = EPOCH + 3600 * post_id
    fields = {"width": 320, "height": 240, "ext": ext, "created_at": created, "updated_at": created}
    site.gallery.put(GalleryPost(id=post_id, picture=md5, tags=(SERIES,), **fields))
    return content


def crawl(site: SmallSite, *words: str) -> dict[str, object]:
    done = site.crawl("--tag", SERIES, "--keep", MONA, "--json", *words)
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_what_appears_after_the_preview_is_kept_and_its_file_is_fetched_once(site: SmallSite, tmp_path: Path) -> None:
    film = put(site, 2, write_video(tmp_path / "two.mp4", [grey(DIM)] * 10 + [grey(BRIGHT)] * 10))

    answer = crawl(site)

    assert (answer["looked_inside"], answer["kept"], answer["deleted"]) == (1, 2, 0)
    kept = next((site.root / "gallery").rglob("2_*.mp4"))
    assert kept.read_bytes() == film
    assert answer["bytes_originals"] < 2 * len(film) + 60_000


def test_a_dim_ugoira_and_a_broken_video_are_no_more_than_their_previews(site: SmallSite, tmp_path: Path) -> None:
    archive = tmp_path / "three.zip"
    ugoira(archive, [500, 500], listed=False, pictures=[grey(DIM), grey(DIM)])
    (tmp_path / "four.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
    put(site, 3, archive)
    put(site, 4, tmp_path / "four.mp4")

    answer = crawl(site)

    assert answer["looked_inside"] == 2
    assert site.rows("post_id, decision")[1:] == [(3, "delete"), (4, "delete")]
    assert crawl(site)["looked_inside"] == 0


def test_a_setting_leaves_it_at_previews(site: SmallSite, tmp_path: Path) -> None:
    put(site, 2, write_video(tmp_path / "two.mp4", [grey(DIM)] * 10 + [grey(BRIGHT)] * 10))
    settings = site.folder / "crawl.toml"
    before = settings.read_text()
    settings.write_text(before.replace("scoring = {", "scoring = {animation_frames = 0, "))
    assert settings.read_text() != before

    answer = crawl(site)

    assert (answer["looked_inside"], answer["kept"], answer["deleted"]) == (0, 1, 1)
