"""Rows B, J12, M and P08: bytes that are not what they should be, and a judge that fails."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from demo.galleries.gallery import Gallery
from tests.faults.rows_network import ORIGINALS, RENDITIONS, on
from tests.faults.simulator.experiment import Broken, Laboratory, Row
from tests.faults.simulator.simulator import CHARACTER, TAG, Simulator

Rules = Sequence[Mapping[str, Any]]


# --- what else must hold ---------------------------------------------------------------------------------------------


def undecided_because(reasons: Mapping[int, tuple[str, ...]]) -> Callable[[Broken], None]:
    """These posts are undecided, each for one of its reasons; nothing of them was stored."""

    def check(broken: Broken) -> None:
        for post_id, allowed in reasons.items():
            decision, reason, place = broken.decision(post_id)
            assert (decision, place) == ("undecided", "none"), post_id
            assert reason in allowed, post_id
            stored = "SELECT count(*) FROM rendition r JOIN post p ON p.md5 = r.md5 WHERE p.post_id = ?"
            assert broken.rows(stored, post_id) == [(0,)], post_id

    return check


def refused_as_mismatch(broken: Broken) -> None:
    """The posts are kept, have no file, and say why."""
    for post_id in MISMATCHES:
        assert broken.decision(post_id)[0::2] == ("keep", "none")
        trouble = "SELECT trouble FROM file_version v JOIN post p ON p.key = v.post_key WHERE p.post_id = ?"
        assert "mismatch" in str(broken.rows(trouble, post_id))


def kept_although_broken(broken: Broken) -> None:
    """The site's own broken file was stored as published, because its tags name the target."""
    decision, _, place = broken.decision(30)
    assert (decision, place) == ("keep", "gallery")


def nothing_was_deleted(broken: Broken) -> None:
    """No score that makes no sense has led to a deletion; tagged posts are kept, the others undecided."""
    assert broken.rows("SELECT DISTINCT value FROM decision ORDER BY 1") == [("keep",), ("undecided",)]
    assert broken.decision(20)[:2] == ("undecided", "bad score")
    assert broken.decision(30)[0] == "keep"


def each_post_has_its_own_file(broken: Broken) -> None:
    """80 is kept and 120 is not, although both show the same file."""
    assert broken.decision(80)[0::2] == ("keep", "gallery")
    assert broken.decision(120)[0::2] == ("delete", "none")


def the_others_are_complete(broken: Broken) -> None:
    """One post is open, every other one decided."""
    assert broken.rows("SELECT count(*) FROM results WHERE decision IS NOT NULL") == [(10,)]


# --- bytes -----------------------------------------------------------------------------------------------------------


def swapped(path: str, contents: Mapping[int, Callable[[Laboratory], bytes]]) -> Any:
    """Rules that serve other bytes for the files of some posts, for ever."""

    def rules(laboratory: Laboratory, _: Simulator) -> Rules:
        folder = laboratory.place()
        found = []
        for post_id, make in contents.items():
            file = folder / str(post_id)
            file.write_bytes(make(laboratory))
            found.append(on(path, {"swap_body": str(file)}, post=post_id))
        return found

    return rules


def original(laboratory: Laboratory, post_id: int) -> bytes:
    """A post's published bytes."""
    return Path(laboratory.files[post_id].path).read_bytes()


def webp(laboratory: Laboratory, share: float) -> bytes:
    """The first part of a rendition."""
    buffer = io.BytesIO()
    with Image.open(laboratory.files[20].path) as picture:
        picture.convert("RGB").save(buffer, "WEBP", quality=75)
    content = buffer.getvalue()
    return content[: int(len(content) * share)]


def webp_cut(share: float) -> Callable[[Laboratory], bytes]:
    """What makes such a part."""
    return lambda laboratory: webp(laboratory, share)


def constant(content: bytes) -> Callable[[Laboratory], bytes]:
    """What makes the same bytes always."""
    return lambda _: content


def flipped(content: bytes) -> bytes:
    """One bit in the middle the other way round."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def archive(_: Laboratory) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("../x", b"x" * 100)
    return buffer.getvalue()


def bomb(_: Laboratory) -> bytes:
    """A PNG of a few bytes that says it has 900 million pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


FOREIGN: Mapping[int, Callable[[Laboratory], bytes]] = {  # by post
    10: constant(b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>' + b" " * 100),
    20: constant(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n" * 4),
    40: constant(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"0" * 100),
    50: constant(b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 200),
    100: constant(b"CWS\x0a" + b"\x00" * 200),
    120: archive,
}
DAMAGED: Mapping[int, Callable[[Laboratory], bytes]] = {
    10: bomb,
    20: webp_cut(0.3),
    50: webp_cut(0.7),
    120: webp_cut(0.98),
}
MISMATCHES: Mapping[int, Callable[[Laboratory], bytes]] = {
    10: lambda laboratory: original(laboratory, 10)[:-1],
    30: lambda laboratory: original(laboratory, 30) + b"\0",
    40: lambda laboratory: flipped(original(laboratory, 40)),
    60: lambda laboratory: original(laboratory, 70),
}
NOT_WHOLE = ("truncated", "undecodable")


# --- other sites -----------------------------------------------------------------------------------------------------


def own_file_is_broken(_: Laboratory, gallery: Gallery) -> None:
    """Post 30's published file does not decode; size and md5 are honest."""
    publish(gallery, 30, Path(gallery.files[gallery.posts[30].picture].path).read_bytes()[:3000])


def a_page_is_published(_: Laboratory, gallery: Gallery) -> None:
    """Post 30's published file is a web page; size and md5 are honest."""
    publish(gallery, 30, PAGE)


def publish(gallery: Gallery, post_id: int, content: bytes) -> None:
    """Give a post another original, with honest facts about it and its old previews."""
    facts = gallery.files[gallery.posts[post_id].picture]
    path = Path(facts.path).with_name(f"other-{post_id}.jpg")
    path.write_bytes(content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    gallery.add_file(md5, replace(facts, md5=md5, size=len(content), path=str(path), still=facts.path))
    gallery.edit(post_id, picture=md5)


def shared_file(_: Laboratory, gallery: Gallery) -> None:
    """80 shows 120's dark file and is tagged; 120 is not."""
    gallery.edit(80, picture=gallery.posts[120].picture, tags=(TAG, "somebody", CHARACTER))


PAGE = b"<!DOCTYPE html><html><body>not a picture</body></html>"
AS_PAGES = [on(ORIGINALS, {"headers": {"Content-Type": "text/html; charset=utf-8"}})]

ROWS = (
    Row("B01 wrong originals", swapped(ORIGINALS, MISMATCHES), exit=3, also=refused_as_mismatch),
    Row(
        "B02 B06 cut renditions and a pixel bomb",
        swapped(RENDITIONS, DAMAGED),
        also=undecided_because({10: ("too large",), 20: NOT_WHOLE, 50: NOT_WHOLE, 120: NOT_WHOLE}),
    ),
    Row(
        "B03 the site published a page",
        AS_PAGES,
        prepare=a_page_is_published,
        also=kept_although_broken,
        same_end=False,
    ),
    Row("B03 originals are sent as pages", AS_PAGES),
    Row("B03 the site's own file is broken", prepare=own_file_is_broken, also=kept_although_broken, same_end=False),
    Row(
        "B05 SVG, EPS, PDF, MP4, SWF, zip",
        swapped(RENDITIONS, FOREIGN),
        also=undecided_because(dict.fromkeys(FOREIGN, ("unsupported",))),
    ),
    Row("J12 one file, kept and deleted", prepare=shared_file, also=each_post_has_its_own_file, same_end=False),
    Row("M04 scores are no probabilities", judge="nonsense", also=nothing_was_deleted),
    Row("M09 the device is lost", judge="device lost", exit=10, says="the device went away"),
    Row("P08 the lister has a bug", judge="lister bug", exit=1, says="a bug"),
    Row("P09 one post meets a bug", judge="bug", exit=1, also=the_others_are_complete),
)
