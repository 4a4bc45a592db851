"""The media type of a picture, from its first bytes: a name or a row may be wrong."""

from __future__ import annotations

_SIGNATURES = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypavis", "image/avif"),
)


def content_type(content: bytes) -> str | None:
    """The media type of a picture, or None for everything that is none: HTML, SVG, archives."""
    for offset, signature, name in _SIGNATURES:
        if content[offset : offset + len(signature)] == signature and (name != "image/webp" or content[:4] == b"RIFF"):
            return name
    return None
