"""Promises about the bytes on disk; each claim yields one line for every breach it finds."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.faults.checker.evidence import RootContents

ORIGINAL = re.compile(r"gallery/[^/]+/\d+_[0-9a-f]{32}\.(jpg|png|gif|webp|avif|mp4|webm|swf|zip)")
RENDITION = re.compile(r"renditions/([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{28})\.[0-9a-z]+\.(jpg|png|gif|webp|avif)")
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
IN_PLACE = ("gallery", "trash", "damaged")


def every_row_has_its_file(evidence: RootContents) -> Iterator[str]:
    """I2: no row claims a file that is absent, of another size, or of other bytes."""
    rows = evidence.all("SELECT 'file' AS kind, path, size, sha256 FROM file WHERE place IN ('gallery', 'trash')")
    rows += evidence.all("SELECT 'rendition' AS kind, path, size, sha256 FROM rendition")
    for row in rows:
        found = evidence.files.get(row["path"] or "")
        if found is None or not found.regular:
            yield f"{row['kind']} {row['path']} is not there"
        elif (found.size, found.sha256) != (row["size"], row["sha256"]):
            yield f"{row['kind']} {row['path']} has other bytes than its row says"


def every_file_has_its_row(evidence: RootContents) -> Iterator[str]:
    """I2: no file below the root's own folders without a row that says exactly that."""
    known: dict[str, str] = {}
    for row in evidence.all("SELECT place, path FROM file WHERE path IS NOT NULL"):
        if row["path"] in known:
            yield f"{row['path']} is claimed twice"
        known[row["path"]] = row["place"]
    renditions = {row["path"] for row in evidence.all("SELECT path FROM rendition")}
    moved = {row["to_path"] for row in evidence.all("SELECT to_path FROM move WHERE outcome IS NOT NULL")}
    for path, found in evidence.files.items():
        place = path.partition("/")[0]
        if place in ("gallery", "renditions") and not _well_named(path):
            yield f"{path} has no name that this program gives"
        if place in (*IN_PLACE, "renditions", "staging") and not found.regular:
            yield f"{path} is no regular file"
        if place == "staging":
            yield f"{path} was left behind"
        if place == "renditions" and path not in renditions:
            yield f"{path} has no row"
        if place in IN_PLACE and known.get(path) != place and not (place == "damaged" and path in moved):
            yield f"{path} has no row that says so ({known.get(path)})"


def _well_named(path: str) -> bool:
    return (ORIGINAL if path.startswith("gallery/") else RENDITION).fullmatch(path) is not None


def originals_are_the_sites(evidence: RootContents) -> Iterator[str]:
    """I3: a stored original has the size and md5 that the site published for that file version."""
    query = (
        "SELECT f.path, f.place, f.md5, v.md5 AS published, v.size, p.post_id FROM file f"
        " JOIN file_version v ON v.id = f.version_id JOIN post p ON p.key = v.post_key"
        " WHERE f.place IN ('gallery', 'trash')"
    )
    for row in evidence.all(query):
        found = evidence.files.get(row["path"] or "")
        if found is None:
            continue  # another claim reports it
        if (found.md5, found.size) != (row["published"], row["size"]) or row["md5"] != row["published"]:
            yield f"{row['path']} is {found.md5}, {found.size} bytes; published are {row['published']}, {row['size']}"
        published = evidence.expected.files.get(row["post_id"])
        if published is not None and published != (found.md5, found.size):
            served = f"the site serves {published} for post {row['post_id']}"
            yield f"{row['path']} is {found.md5}, {found.size} bytes; {served}"


def renditions_are_whole(evidence: RootContents) -> Iterator[str]:
    """I3: a stored rendition decodes to its last pixel and has the recorded dimensions."""
    for row in evidence.all("SELECT path, width, height FROM rendition"):
        path = evidence.root / row["path"]
        if not path.is_file():
            continue  # another claim reports it
        try:
            with Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS) as picture:
                picture.load()
                found = picture.size
        except Exception as error:  # noqa: BLE001 - a broken picture raises anything
            yield f"{row['path']} does not decode: {type(error).__name__}"
            continue
        if found != (row["width"], row["height"]):
            yield f"{row['path']} is {found}, its row says {(row['width'], row['height'])}"


def nothing_left_without_a_decision(evidence: RootContents) -> Iterator[str]:
    """I4: what lies in the trash was decided against first, for exactly that file version; nothing was destroyed."""
    query = (
        "SELECT f.id, f.path, f.place, f.version_id, f.target, p.post_id FROM file f"
        " JOIN file_version v ON v.id = f.version_id JOIN post p ON p.key = v.post_key"
        " WHERE f.place IN ('trash', 'purged')"
    )
    for row in evidence.all(query):
        against = "WHERE version_id = ? AND target = ? AND value = 'delete'"
        decisions = evidence.all(f"SELECT 1 FROM decision {against}", row["version_id"], row["target"])
        labels = evidence.all(f"SELECT 1 FROM label {against}", row["version_id"], row["target"])
        if not decisions and not labels:
            yield f"post {row['post_id']}'s file is in the {row['place']} and nothing decided against it"
        if row["place"] == "purged" and not evidence.all(
            "SELECT 1 FROM move WHERE file_id = ? AND to_place = 'purged' AND outcome = 'done'", row["id"]
        ):
            yield f"post {row['post_id']}'s file is gone without a record of its purge"
    intended = {row["to_path"] for row in evidence.all("SELECT to_path FROM move")}
    placed = {row["path"] for row in evidence.all("SELECT path FROM file WHERE path IS NOT NULL")}
    for path in evidence.files:
        if path.startswith("trash/") and path not in intended | placed:
            yield f"{path} was moved without a committed intent"
    for row in evidence.all("SELECT path, target FROM file WHERE place = 'gallery'"):
        elsewhere = evidence.all("SELECT to_path FROM move WHERE from_path = ? AND outcome IS NULL", row["path"])
        if row["path"] not in evidence.files and not elsewhere:
            yield f"{row['path']} left the gallery without a record"


def the_secret_is_nowhere(evidence: RootContents) -> Iterator[str]:
    """I5: the key is in no file below the root and in no output of the program."""
    canary = evidence.expected.canary
    if canary is None:
        return
    needles = [canary.encode(), base64.b64encode(canary.encode()).rstrip(b"=")]
    for path in sorted(evidence.files):
        content = _bytes(evidence.root / path)
        if any(needle in content for needle in needles):
            yield f"the key is in {path}"
    for name, text in evidence.expected.texts.items():
        if any(needle in text.encode("utf-8", "replace") for needle in needles):
            yield f"the key is in {name}"


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() and not path.is_symlink() else b""
