"""A few frames from all over a moving file that is in memory."""

from __future__ import annotations

from contextlib import aclosing

from classifier.errors import VideoFault, VideoSupportMissing
from classifier.video.frame_reader import FrameReader, ReaderSettings
from classifier.video.records import Sampling, Source, Wanted


async def spread_frames(file: bytes, count: int, settings: ReaderSettings) -> list[bytes]:
    """Up to so many frames as JPEG files, evenly spread; what decodes only in part gives what there is, or nothing.

    Args:
        file: a video, a ugoira whose delays need not be known, or an animated picture.
        count: frames, at least 1.
        settings: what decoding may cost.
    """
    found: list[bytes] = []
    source, sampling = Source("", untimed=True), Sampling(spread=count)
    try:
        async with (
            FrameReader(source, sampling, Wanted(pictures=True), settings, content=file) as reader,
            aclosing(reader.pieces()) as pieces,
        ):
            async for piece in pieces:
                found += [part.jpeg for frame in piece.frames for part in frame.parts]
                if len(found) >= count:
                    break
    except (VideoFault, VideoSupportMissing):
        return found[:count]
    return found[:count]
