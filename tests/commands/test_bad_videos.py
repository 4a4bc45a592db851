"""Files that are no videos, or not whole ones: one line each, a documented exit code, and nothing lost."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from classifier.video.frame_reader import ReaderSettings
from classifier.video.records import VideoLimits
from commands.app import app
from system.child_process import module_command
from tests.equipment.clips import animated, tone, ugoira, write_video


def frames(*words: object, reader: ReaderSettings | None = None) -> Result:
    return CliRunner().invoke(app, ["frames", *map(str, words)], prog_name="crawl", obj=reader)


def lines(done: Result) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("frames ")]


def clip(path: Path, **how: object) -> Path:
    return write_video(path, [tone(number // 10) for number in range(100)], **how)  # type: ignore[arg-type]


def sound(path: Path) -> None:
    """A container with a sound track alone."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), dtype=np.float32), format="flt", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def no_frames(path: Path) -> None:
    """A whole container with a video track that is empty."""
    whole = clip(path.with_name("whole.mp4"), container_options={"movflags": "frag_keyframe+empty_moov"}).read_bytes()
    path.write_bytes(whole[: whole.index(b"moof") - 4])


def many_frames(path: Path) -> None:
    """A GIF of a hundred thousand frames in four megabytes."""
    out = io.BytesIO()
    tone(1, side=8).convert("P").save(out, "GIF")
    content = out.getvalue()
    at = content.index(b",\0\0\0\0")
    block = b"!\xf9\4\0\5\0\0\0" + content[at:-1]
    path.write_bytes(content[:at] + block * 100_000 + b";")


def archive_of(*entries: tuple[str, bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in entries:
                archive.writestr(name, content)

    return write


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n"
NOTHING_OF_IT = {
    "empty.mp4": (lambda path: path.write_bytes(b""), "empty: 0 bytes"),
    "text.mp4": (lambda path: path.write_text("hello, hello"), "no video: it begins with b'hello, hello'"),
    "playlist.mp4": (lambda path: path.write_bytes(PLAYLIST), "no video: it begins with b'#EXTM3U"),
    "still.png": (lambda path: tone(1).save(path), "a still picture: it has one frame"),
    "sound.mp4": (sound, "no video track: other tracks: 1"),
    "cut.mp4": (lambda path: path.write_bytes(clip(path).read_bytes()[:3000]), "undecodable: "),
    "brand.mp4": (lambda path: path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(400)), "undecodable: "),
    "bare.mp4": (no_frames, "no frames: its video track has nothing that can be decoded"),
    "many.gif": (many_frames, "too many frames: 100000; an animated picture may have 10000"),
    "cut.gif": (lambda path: path.write_bytes(b"GIF89a\x08\0\x08\0"), "undecodable: "),
    "cut.zip": (lambda path: path.write_bytes(ugoira(path, [100]).read_bytes()[:200]), "undecodable: no whole ZIP"),
    "texts.zip": (archive_of(("a.txt", b"text")), "no video: a ZIP archive whose files are no pictures"),
    "none.zip": (archive_of(("a/", b"")), "no frames: the archive has no files"),
    "untimed.zip": (lambda path: ugoira(path, [9, 9], listed=False), "delays unknown: nothing states them"),
    "spoilt.zip": (archive_of(("0.jpg", b"\xff\xd8\xff\xe0 no more")), "delays unknown"),
}


@pytest.mark.parametrize("name", list(NOTHING_OF_IT))
def test_what_is_no_video_is_named_with_its_reason_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    make, why = NOTHING_OF_IT[name]
    make(tmp_path / name)

    done = frames(tmp_path / name, "--to", tmp_path / "out")

    assert (done.exit_code, len(lines(done))) == (2, 1), done.stderr
    assert lines(done)[0].startswith(f"{name}: {why}")
    assert list((tmp_path / "out").glob("*.jpg")) == []


@pytest.mark.parametrize(("name", "options"), [("a.mp4", {"movflags": "faststart"}), ("a.mkv", {})])
def test_of_a_video_that_is_cut_the_frames_until_there_are_kept(
    name: str, options: dict[str, str], tmp_path: Path
) -> None:
    whole = clip(tmp_path / name, options={"g": "10"}, container_options=options).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 6 // 10])

    done = frames(tmp_path / name, "--to", tmp_path / "out", "--json")

    answer = json.loads(done.stdout)
    assert (done.exit_code, len(lines(done))) == (3, 1), done.stderr
    assert lines(done)[0].startswith(f"{name}: cut")
    assert 3 <= answer["written"] <= 7
    assert answer["open"] == [{"what": "videos", "count": 1, "why": "could not be read to the end"}]


def test_a_good_video_beside_a_bad_one_is_cut_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"")

    done = frames(tmp_path / "bad.mp4", animated(tmp_path / "good.gif", [1500, 900]), "--to", tmp_path / "out")

    assert done.exit_code == 3
    assert len(list((tmp_path / "out").glob("good-*.jpg"))) == 2


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (VideoLimits(max_pixels=1000), "too large: 64x64 pixels a frame"),
        (VideoLimits(max_bytes=1000), "too large: it is larger than 1000 bytes"),
    ],
)
def test_what_is_larger_than_allowed_is_refused_before_it_is_decoded(
    limits: VideoLimits, why: str, tmp_path: Path
) -> None:
    done = frames(clip(tmp_path / "a.mp4"), "--to", tmp_path / "out", reader=ReaderSettings(limits=limits))

    assert (done.exit_code, lines(done)) == (2, [f"a.mp4: {why}"])


def test_frames_beyond_the_limit_are_left_and_said(tmp_path: Path) -> None:
    reader = ReaderSettings(limits=VideoLimits(max_frames=35))

    done = frames(clip(tmp_path / "a.mp4"), "--to", tmp_path / "out", "--every", "0.1", reader=reader)

    assert (done.exit_code, lines(done)) == (3, ["a.mp4: too many frames: more than 35"])


def odd(how: str, **more: float) -> ReaderSettings:
    return ReaderSettings(command=module_command("tests.equipment.odd_frame_worker", how), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reader", "code", "why"),
    [
        (odd("dies"), 2, "a.mp4: decoder crashed: the worker process ended"),
        (odd("late", piece_frames=2), 3, "a.mp4: decoder crashed: the worker process ended"),
        (odd("hangs", deadline_s=0.2), 2, "a.mp4: decoder crashed: no answer within 0.2 s"),
        (odd("missing"), 2, "crawl: videos need the package av; install the extra: pip install 'boorusieve[video]'"),
    ],
    ids=["dies", "dies later", "hangs", "no PyAV"],
)
def test_a_decoder_that_dies_hangs_or_is_missing_costs_its_video_alone(
    reader: ReaderSettings, code: int, why: str, tmp_path: Path
) -> None:
    done = frames(clip(tmp_path / "a.mp4"), "--to", tmp_path / "out", reader=reader)

    assert (done.exit_code, len(lines(done))) == (code, 1), done.stderr
    assert lines(done)[0].startswith(why)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{t}/absent.mp4", "--to", "{t}/out"], "absent.mp4 is not there"),
        (["{t}/a.gif", "--to", "{t}/out", "--every", "1", "--scenes"], "leave one out"),
        (["{t}/a.gif", "--to", "{t}/out", "--every", "0"], "--every 0: seconds must be 0.001 to 86400"),
        (["{t}/a.gif", "--to", "{t}/out", "--every", "nan"], "--every nan: seconds must be"),
        (["{t}/a.gif", "--to", "{t}/a.gif"], "is not a folder"),
        (["{t}/empty", "--to", "{t}/out"], "has no videos; nothing was done"),
        (["{t}/a.gif", "--to", "{t}/foreign"], "frames.csv is no table of crawl frames"),
        (["{t}/a.gif", "--to", "{t}/damaged"], "frames.csv has a row that is not ours"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(words: list[str], why: str, tmp_path: Path) -> None:
    animated(tmp_path / "a.gif", [100, 100])
    for folder in ("empty", "foreign", "damaged"):
        (tmp_path / folder).mkdir()
    (tmp_path / "foreign" / "frames.csv").write_text("my,own\n1,2\n")
    (tmp_path / "damaged" / "frames.csv").write_text("file,video,time_s,part,hash,video_id,how\na,b,c,d,e,f,g\n")

    done = frames(*(word.replace("{t}", str(tmp_path)) for word in words))

    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert why in done.stderr
