"""What kind of moving picture a file is, by its first bytes and never by its name.

A container is opened as what it is and as nothing else: a playlist that calls itself a video would make the demuxer
open other files and addresses.
"""

from __future__ import annotations

from classifier.pictures.preprocessing import FORMATS, sniff

HEAD_BYTES = 4096  # that are enough to tell
UGOIRA = "ugoira"
ANIMATIONS = frozenset(FORMATS.values()) - {"jpg"}  # what Pillow reads
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip")  # what an MP4 or a QuickTime file may begin with
_PACKET = 188  # bytes of a transport stream's packets, each of which begins with the same letter


def kind_of(head: bytes) -> str | None:
    """The kind of a file that begins so: `ugoira`, one of `ANIMATIONS`, or a demuxer's name; None: none of them."""
    picture = sniff(head)
    if picture is not None:
        return FORMATS[picture] if picture != "JPEG" else None
    if head.startswith(b"PK\x03\x04"):
        return UGOIRA
    return _container(head)


def _container(head: bytes) -> str | None:
    if head[4:8] in _QUICKTIME:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith(b"FLV\x01"):
        return "flv"
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"\x00\x00\x01\xba"):
        return "mpeg"
    if len(head) > 2 * _PACKET and head[0] == head[_PACKET] == head[2 * _PACKET] == 0x47:
        return "mpegts"
    return None
