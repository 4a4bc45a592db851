"""The contact sheet of similar pictures: the one that was asked about, and those like it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from commands.errors import UsageRefused
from commands.retrieval.similar_table import SimilarPost
from storage.gallery_view import Renditions
from storage.plurals import counted
from storage.reader import Reader

SHEET = "similar.jpg"
_COMMENT = "contact sheet by crawl similar"
_BEGINNING = 4096  # bytes of a file in which the comment stands


def check_sheet(folder: Path) -> None:
    """Refuse to replace a picture that is not one of our sheets.

    Raises:
        UsageRefused: there is one of that name.
    """
    path = folder / SHEET
    if not os.path.lexists(path):
        return
    if not path.is_symlink() and path.is_file():
        with path.open("rb") as file:
            if _COMMENT.encode() in file.read(_BEGINNING):
                return
    raise UsageRefused(f"{path} is there and is no sheet of crawl similar; name another place: --to")


async def similar_sheet(reader: Reader, words: str, asked: bytes | int, found: Sequence[SimilarPost]) -> bytes:
    """A JPEG of the picture that was asked about and of those like it, decoded in a process of their own.

    Args:
        reader: of the gallery.
        words: what the picture is called.
        asked: its bytes, or the file version whose stored rendition shows it.
        found: the pictures like it; those of which no rendition is stored are left out.
    """
    from classifier.errors import PictureFault
    from classifier.pictures.contact_sheet import SHEET as AS_SHOWN
    from classifier.pictures.contact_sheet import SheetPart, SheetPicture, contact_sheet
    from classifier.pictures.decoder_pool import Decoders, DecoderSettings

    renditions, pictures = Renditions(reader), []
    captions = [(asked, ""), *((one.post.version_id, _caption(one)) for one in found)]
    try:
        async with Decoders([AS_SHOWN], DecoderSettings(processes=1)) as decoders:
            for place, (which, caption) in enumerate(captions):
                content = which if isinstance(which, bytes) else renditions.read(which)
                try:
                    shown = None if content is None else (await decoders.decode(content)).pixels[0]
                except PictureFault:
                    continue
                if shown is not None:
                    pictures.append((place, SheetPicture(shown, caption)))
    finally:
        renditions.close()
    parts = (
        SheetPart(_plain(words), [picture for place, picture in pictures if place == 0]),
        SheetPart(f"{counted(len(found), 'picture')} like it", [picture for place, picture in pictures if place]),
    )
    return contact_sheet(parts, _COMMENT)


def _caption(one: SimilarPost) -> str:
    return f"{one.similarity:.3f}  {one.post.post_id}"


def _plain(text: str) -> str:
    """For the sheet's letters, which are Latin."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)[:80]
