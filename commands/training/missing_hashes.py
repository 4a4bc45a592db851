"""Hashes for pictures that a gallery looked at before it kept them, so that a round knows copies of one drawing."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from classifier.pictures.decoder_pool import Decoders
from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import ProgressCallback
from storage.gallery_view import Renditions
from storage.reader import Reader
from storage.rows.evidence import stored_without_hash

if TYPE_CHECKING:
    from rounds.head_round import Snapshot

_SMALL = Preprocessing(96)  # enough for a hash; a JPEG is decoded at a small scale then


async def hashed(snapshot: Snapshot, reader: Reader, report: ProgressCallback) -> Snapshot:
    """The snapshot with hashes that were missing, and these by themselves for the gallery to keep; not all at once."""
    from rounds.examples.missing_hashes import StoredPictures, missing_hashes, with_hashes, without_hash

    stored = await asyncio.to_thread(reader.ask, stored_without_hash)
    rows = without_hash(snapshot.evidence, stored)
    if not len(rows):
        return snapshot
    with closing(Renditions(reader)) as renditions:
        async with Decoders([_SMALL]) as decoder:
            pictures = StoredPictures(renditions.read, decoder)
            found = await missing_hashes(snapshot.evidence, rows, pictures, report=report)
    return replace(snapshot, evidence=with_hashes(snapshot.evidence, found), found_hashes=found)
