"""What the decoder process answers, asked without a process; and which files it takes for what."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from classifier.errors import VideoFault
from classifier.pictures.preprocessing import Preprocessing
from classifier.video.containers import kind_of
from classifier.video.frame_worker import FrameDecoding
from classifier.video.records import Sampling, Source, VideoLimits, Wanted
from classifier.video.ugoira import Ugoira
from classifier.workers.frames import WorkerFrame
from tests.equipment.clips import tone, ugoira, write_video


def asked(wanted: Wanted, sampling: Sampling, path: str, content: bytes = b"", **limits: int) -> list[WorkerFrame]:
    """The answers to `open` and to `next` until the end; limits that would bind the test itself are only noted."""
    bound: list[float] = []
    with closing(FrameDecoding(bound.append, bound.append)) as decoding:
        answers = list(answered(decoding, wanted, sampling, path, content, limits))
    assert bound[:2] == [9.0, 1 << 30] and set(bound[2:]) <= {9.0}
    return answers


def answered(
    decoding: FrameDecoding, wanted: Wanted, sampling: Sampling, path: str, content: bytes, limits: dict[str, int]
) -> Iterator[WorkerFrame]:
    header: dict[str, Any] = {"op": "open", "cpu_s": 9.0, "memory_bytes": 1 << 30, "threads": 1}
    header |= {"source": asdict(Source(path)), "sampling": asdict(sampling), "wanted": wanted.to_json()}
    header["limits"] = asdict(VideoLimits(**limits))
    answer = decoding.answer(WorkerFrame(header, [content] if content else []))
    yield answer
    while "fault" not in answer.header and not answer.header.get("ended"):
        answer = decoding.answer(WorkerFrame({"op": "next", "most": 2, "within_s": 60.0}))
        yield answer


def test_a_frame_comes_with_all_that_was_wanted_of_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [tone(number // 10) for number in range(30)])
    wanted = Wanted(pictures=True, halves=True, preprocessing=Preprocessing(16), thumbnail=32)

    first, *pieces = asked(wanted, Sampling(1.0), str(path))

    assert first.header["info"]["kind"] == "mov"
    frames = [one for piece in pieces for one in piece.header["frames"]]
    assert [one["time_s"] for one in frames] == [0.0, 1.0, 2.0]
    assert [part for part, _ in frames[0]["parts"]] == ["whole", "left", "right"]
    whole, left, _, pixels, small = pieces[0].payloads[:5]
    assert [Image.open(io.BytesIO(one)).size for one in (whole, left, small)] == [(64, 64), (32, 64), (32, 32)]
    assert len(pixels) == 16 * 16 * 3
    assert (pieces[-1].header["ended"], pieces[-1].header["trouble"]) == (True, "")
    assert sum(piece.header["decoded"] for piece in pieces) <= 30


def test_bytes_in_memory_are_read_like_a_file_and_faults_are_answers(tmp_path: Path) -> None:
    content = ugoira(tmp_path / "a.zip", [100, 100]).read_bytes()

    good = asked(Wanted(thumbnail=8), Sampling(0.0), "", content)
    bad = asked(Wanted(), Sampling(0.0), "", b"no film")
    gone = asked(Wanted(), Sampling(0.0), str(tmp_path / "absent"))

    assert len(good[-1].header["frames"]) + len(good[-2].header.get("frames", ())) == 2
    assert (bad[0].header["fault"], gone[0].header["fault"]) == ("no video", "undecodable")


def test_too_many_frames_end_an_answer_with_what_was_there(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [tone(number) for number in range(9)])

    *_, last = asked(Wanted(thumbnail=8), Sampling(0.0), str(path), max_frames=5)

    assert (last.header["ended"], last.header["trouble"]) == (True, "too many frames: more than 5")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypisom", "mov"),
        (b"\0\0\0\x18moov", "mov"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WEBPVP8X", "webp"),
        (b"FLV\x01", "flv"),
        (b"OggS", "ogg"),
        (b"\0\0\x01\xba", "mpeg"),
        ((b"G" + bytes(187)) * 3, "mpegts"),
        (b"PK\x03\x04", "ugoira"),
        (b"GIF89a", "gif"),
        (b"\xff\xd8\xff\xe0", None),
        (b"#EXTM3U", None),
        (b"ffconcat version 1.0", None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head: bytes, kind: str | None) -> None:
    assert kind_of(head) == kind


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, content in entries:
            made.writestr(name, content)
    return out.getvalue()


def jpeg() -> bytes:
    out = io.BytesIO()
    tone(1).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (archive(("0.jpg", jpeg()), method=zipfile.ZIP_BZIP2), "packed in an unusual way"),
        (archive(("0.jpg", jpeg()), ("1.jpg", bytes(40 << 20)), method=zipfile.ZIP_DEFLATED), "too large"),
        (archive(*((f"{number}.jpg", b"") for number in range(6))), "too many frames"),
        (archive(("0.jpg", b"\xff\xd8\xff\xe0 no more")), "undecodable"),
        (archive(("0.jpg", jpeg())).replace(jpeg()[200:400], bytes(200)), "truncated|undecodable"),
    ],
    ids=["bzip2", "bomb", "many", "spoilt", "altered"],
)
def test_hostile_archives_cost_themselves_alone(content: bytes, why: str) -> None:
    limits = VideoLimits(max_animation_frames=5)

    with pytest.raises(VideoFault, match=why):
        moving = Ugoira(content, limits, untimed=True)
        assert moving.frames(0.0) is not None
        list(moving.frames(0.0))
        raise VideoFault("too large", moving.trouble)


def test_a_list_that_names_files_that_are_not_there_is_none() -> None:
    listed = archive(("0.jpg", jpeg()), ("animation.json", b'{"frames": [{"file": "../9.jpg", "delay": 9}]}'))

    with pytest.raises(VideoFault, match="delays unknown"):
        Ugoira(listed, VideoLimits())
