"""The file host: originals and smaller copies, with ranges and validators."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from pathlib import Path

from demo.errors import not_found
from demo.galleries.picture_store import Pictures
from demo.galleries.variants import variant_named
from demo.http.messages import FilePart, Request, Response
from demo.paint.file_facts import FileFacts

MEDIA_TYPES = {
    "jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif",
    "mp4": "video/mp4", "webm": "video/webm", "zip": "application/zip", "swf": "application/x-shockwave-flash",
}  # fmt: skip
FILE_PATH = re.compile(
    r"/(?:data/)?(original|sample|180x180|360x360|720x720|full)/([0-9a-f]{2})/([0-9a-f]{2})/"
    r"(?:__[^/]*__)?(?:sample-)?([0-9a-f]{32})\.([a-z0-9]{2,4})"
)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class FileAnswers:
    """Serves files by name; a file that was served once is found again without a look-up on disk."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._known: dict[str, tuple[Path, int, str]] = {}  # URL path -> path, bytes, ext

    def serve(self, request: Request) -> Response | Awaitable[Response]:
        """Answer at once when the file is at hand, else when it is made.

        Raises:
            SiteRefusal: 404 for a name that this gallery never issued.
        """
        known = self._known.get(request.path)
        if known is not None:
            return file_answer(request, *known)
        match = FILE_PATH.fullmatch(request.path)
        if match is None:
            raise not_found()
        name, first, second, md5, ext = match.groups()
        if (first, second) != (md5[:2], md5[2:4]):
            raise not_found()
        return self._find(request, name, md5, ext)

    async def _find(self, request: Request, name: str, md5: str, ext: str) -> Response:
        gallery = self._pictures.gallery
        facts = gallery.file_by_md5(md5)
        if facts is None and not self._pictures.all_painted():
            await self._pictures.ready(gallery.unpainted())
            facts = gallery.file_by_md5(md5)
        variant = variant_named(facts, name) if facts is not None else None
        if facts is None or variant is None or variant.ext != ext:
            raise not_found()
        path = self._place(facts, name)
        if path is None:
            path = await self._pictures.copy(facts, variant)
        entry = (path, path.stat().st_size, ext)
        if "__" not in request.path:  # a decorated name may have any prefix, so these are not kept
            self._known[request.path] = entry
        return file_answer(request, *entry)

    @staticmethod
    def _place(facts: FileFacts, name: str) -> Path | None:
        if name == "original":
            return Path(facts.path)
        return Path(facts.path).with_suffix(".webm") if name == "sample" and facts.ext == "zip" else None


def file_answer(request: Request, path: Path, size: int, ext: str) -> Response:
    """A file or the part of it that was asked for."""
    tag = f'"{path.name.partition(".")[0]}-{size:x}"'
    headers = {
        "Content-Type": MEDIA_TYPES.get(ext, "application/octet-stream"),
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, max-age=31536000, immutable",
    }
    if "download=1" in request.target:
        headers["Content-Disposition"] = f'attachment; filename="{path.name}"'
    if request.headers.get("if-none-match") == tag:
        return Response(304, headers)
    wanted = request.headers.get("range")
    if wanted is None or request.headers.get("if-range", tag) != tag:
        return Response(200, headers, FilePart(path, 0, size))
    span = read_span(wanted, size)
    if span is None:
        return Response(200, headers, FilePart(path, 0, size))
    start, end = span
    if start >= end:
        return Response(416, headers | {"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Response(206, headers, FilePart(path, start, end - start))


def read_span(text: str, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last; an empty stretch cannot be satisfied; None: not one single range."""
    match = _RANGE.fullmatch(text.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start = int(match[1])
    end = min(size, int(match[2]) + 1) if match[2] else size
    return (start, end) if start < size else (0, 0)
