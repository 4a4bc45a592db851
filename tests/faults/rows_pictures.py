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

from demo.gallery import Gallery
from tests.faults.experiment import Broken, Laboratory, Row
from tests.faults.rows_network import ORIGINALS, RENDITIONS, on
from tests.faults.simulator import CHARACTER, TAG, Simulator

Rules = Sequence[Mapping[str, Any]]


# --- what else must hold ---------------------------------------------------------------------------------------------


def undecided_because(*reasons: str) -> Callable[[Broken], None]:
    """Post 20 is undecided for one of these reasons; nothing of it was stored."""

    def check(broken: Broken) -> None:
        decision, reason, place = broken.decision(20)
        assert (decision, place) == ("undecided", "none")
        assert reason in reasons
        stored = "SELECT count(*) FROM rendition r JOIN post p ON p.md5 = r.md5 WHERE p.post_id = 20"
        assert broken.rows(stored) == [(0,)]

    return check


def refused_as_mismatch(broken: Broken) -> None:
    """Post 10 is kept, has no file, and says why."""
    assert broken.decision(10)[0::2] == ("keep", "none")
    assert "mismatch" in str(broken.rows("SELECT trouble FROM file_version v JOIN post p ON p.key = v.post_key"
                                         " WHERE p.post_id = 10"))  # fmt: skip


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


def swapped(path: str, post_id: int, name: str, make: Callable[[Laboratory], bytes]) -> Any:
    """Rules that serve other bytes for one post's files, for ever."""

    def rules(laboratory: Laboratory, _: Simulator) -> Rules:
        file = laboratory.folder / f"swapped-{name.replace(' ', '-')}"
        file.write_bytes(make(laboratory))
        return [on(path, {"swap_body": str(file)}, post=post_id)]

    return rules


def original(laboratory: Laboratory, post_id: int = 10) -> bytes:
    """A post's published bytes."""
    return Path(laboratory.files[post_id].path).read_bytes()


def webp(laboratory: Laboratory, share: float) -> bytes:
    """The first part of post 20's rendition as the site would serve it."""
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


FOREIGN: Mapping[str, bytes] = {
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>' + b" " * 100,
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n" * 4,
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"0" * 100,
    "MP4": b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 200,
    "SWF": b"CWS\x0a" + b"\x00" * 200,
}


# --- other sites -----------------------------------------------------------------------------------------------------


def own_file_is_broken(_: Laboratory, gallery: Gallery) -> None:
    """Post 30's published file does not decode; size and md5 are honest."""
    facts = gallery.files[gallery.posts[30].picture]
    path = Path(facts.path).with_name("broken-30.jpg")
    content = Path(facts.path).read_bytes()[:3000]
    path.write_bytes(content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    gallery.add_file(md5, replace(facts, md5=md5, size=len(content), path=str(path), still=facts.path))
    gallery.edit(30, picture=md5)


def shared_file(_: Laboratory, gallery: Gallery) -> None:
    """80 shows 120's dark file and is tagged; 120 is not."""
    gallery.edit(80, picture=gallery.posts[120].picture, tags=(TAG, "somebody", CHARACTER))


ROWS = (
    *(
        Row(
            f"B01 original {name}",
            swapped(ORIGINALS, 10, f"original {name}", make),
            exit=3,
            also=refused_as_mismatch,
        )
        for name, make in (
            ("one byte short", lambda lab: original(lab)[:-1]),
            ("one byte long", lambda lab: original(lab) + b"\0"),
            ("with one bit flipped", lambda lab: flipped(original(lab))),
            ("of another picture", lambda lab: original(lab, 70)),
        )
    ),
    *(
        Row(
            f"B02 rendition cut at {share:.0%}",
            swapped(RENDITIONS, 20, f"rendition {share}", webp_cut(share)),
            also=undecided_because("truncated", "undecodable"),
        )
        for share in (0.3, 0.7, 0.98)
    ),
    Row("B03 the site's own file is broken", prepare=own_file_is_broken, also=kept_although_broken, same_end=False),
    *(
        Row(
            f"B05 {name} in a picture's place",
            swapped(RENDITIONS, 20, name, constant(content)),
            also=undecided_because("unsupported"),
        )
        for name, content in FOREIGN.items()
    ),
    Row("B05 zip in a picture's place", swapped(RENDITIONS, 20, "zip", archive), also=undecided_because("unsupported")),
    Row("B06 pixel bomb", swapped(RENDITIONS, 20, "bomb", bomb), also=undecided_because("too large")),
    Row("J12 one file, kept and deleted", prepare=shared_file, also=each_post_has_its_own_file, same_end=False),
    *(
        Row(f"M04 scores are {name}", judge=name, also=nothing_was_deleted)
        for name in ("nan", "inf", "minus inf", "too low", "too high")
    ),
    Row("M09 the device is lost", judge="device lost", exit=10, says="the device went away"),
    Row("P08 the lister has a bug", judge="lister bug", exit=1, says="a bug"),
    Row("P09 one post meets a bug", judge="bug", exit=1, also=the_others_are_complete),
)  # fmt: skip
