"""One video's frames into a folder: chosen, compared with what is there, written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from classifier.errors import VideoFault
from classifier.progress import ProgressCallback
from classifier.video.frame_reader import FrameReader, ReaderSettings
from classifier.video.records import WHOLE, ChosenFrame, FramePart, Piece, Sampling, Source, VideoInfo, Wanted
from classifier.video.seen_hashes import SeenHashes
from crawler.sources.local_videos import LocalVideo
from storage.folders.frame_folder import FrameFolder, FrameRow, frame_name
from storage.folders.transfer import Occupied

_NO_VIDEO = ("a still picture", "no video")  # what lies in folders beside videos
WRITTEN, NEAR, BEFORE = "written", "near-duplicates", "there before"


@dataclass(slots=True)
class CutTally:
    """What became of the frames, and what went wrong."""

    videos: int = 0
    done_before: int = 0  # videos that an earlier run had read to the end
    decoded: int = 0  # frames
    pictures: Counter[str] = field(default_factory=Counter)
    troubles: list[tuple[str, str]] = field(default_factory=list)  # video, why it is not there or not whole


class FrameCutter:
    """Cuts videos; knows every picture that is in the folder."""

    def __init__(
        self,
        folder: FrameFolder,
        sampling: Sampling,
        wanted: Wanted,
        settings: ReaderSettings,
        report: ProgressCallback,
    ) -> None:
        self._folder, self._sampling, self._wanted, self._settings = folder, sampling, wanted, settings
        self._report = report
        self._seen = {
            whole: SeenHashes(row.hash for row in folder.rows if (row.part == WHOLE) is whole)
            for whole in (True, False)
        }
        self.tally = CutTally()

    async def cut(self, video: LocalVideo) -> None:
        """All of one video; what cannot be read is counted with its reason."""
        tally, how = self.tally, how_words(self._sampling, self._wanted)
        tally.videos += 1
        if self._folder.is_done(video.id, how):
            tally.done_before += 1
            return
        reached = self._folder.reached(video.id, how)
        sampling = replace(self._sampling, from_s=reached)
        stem = self._folder.stem_for(video.path, video.id)
        row_of = _rows(video, how, stem)
        source = Source(str(video.path), video.delays_ms)
        try:
            async with FrameReader(source, sampling, self._wanted, self._settings) as reader:
                async for piece in reader.pieces():
                    self._take(piece, row_of)
                    self._report("frames", _share(piece, reader.info), f"{video.name} {piece.position_s:.0f} s")
                    trouble = piece.trouble
        except VideoFault as fault:
            if not video.named and fault.reason in _NO_VIDEO:
                tally.videos -= 1
                return
            tally.troubles.append((video.name, str(fault)))
            return
        if trouble:
            tally.troubles.append((video.name, trouble))
        else:
            self._folder.end(video.id, how, video.name)

    def _take(self, piece: Piece, row_of: Callable[[ChosenFrame, FramePart], FrameRow]) -> None:
        self.tally.decoded += piece.decoded
        for frame in piece.frames:
            for part in frame.parts:
                row = row_of(frame, part)
                self.tally.pictures[self._put(row, part)] += 1

    def _put(self, row: FrameRow, part: FramePart) -> str:
        if self._folder.has(row.file):
            return BEFORE
        seen = self._seen[row.part == WHOLE]
        if seen.has_near(row.hash):
            return NEAR
        try:
            self._folder.put(row, part.jpeg)
        except Occupied:
            self.tally.troubles.append((row.file, "something else has this name in the folder; it was left alone"))
            return "left out"
        seen.add(row.hash)
        return WRITTEN


def how_words(sampling: Sampling, wanted: Wanted) -> str:
    """What was asked for, in the words of the table."""
    step = "scenes" if sampling.scenes else f"every {sampling.every_s:g} s"
    return f"{step}, halves" if wanted.halves else step


def _rows(video: LocalVideo, how: str, stem: str) -> Callable[[ChosenFrame, FramePart], FrameRow]:
    def row_of(frame: ChosenFrame, part: FramePart) -> FrameRow:
        name = frame_name(stem, frame.time_s, part.part)
        return FrameRow(name, video.name, frame.time_s, part.part, part.hash, video.id, how)

    return row_of


def _share(piece: Piece, info: VideoInfo) -> float:
    return min(1.0, piece.position_s / info.duration_s) if info.duration_s else 0.0
