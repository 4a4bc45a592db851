"""Frames as a viewer sees them: colours, transparency, shape, rotation and times, whatever the file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.errors import VideoFault
from classifier.video.frame_choice import chosen
from classifier.video.frame_source import FrameSource
from classifier.video.frame_worker import opened
from classifier.video.records import Sampling, Source, VideoLimits
from tests.equipment.clips import lit, tone, ugoira, write_video

EVERY = Sampling(every_s=0.0)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def source(path: Path, sampling: Sampling = EVERY, **more: object) -> FrameSource:
    return opened(Source(str(path), **more), sampling, VideoLimits(), 1)  # type: ignore[arg-type]


def picked(path: Path, sampling: Sampling, **more: object) -> list[tuple[float, Image.Image]]:
    with closing(source(path, sampling, **more)) as moving:
        found = chosen(moving.frames(sampling.from_s), sampling, moving.info)
        return [(round(one.time_s, 3), one.image()) for one in found if not isinstance(one, float)]


def times(path: Path, sampling: Sampling, **more: object) -> list[float]:
    return [time_s for time_s, _ in picked(path, sampling, **more)]


def near(pixel: Sequence[int], colour: Sequence[int], within: int = 8) -> bool:
    return all(abs(one - other) <= within for one, other in zip(pixel, colour, strict=True))


def encoded(path: Path, size: tuple[int, int], colour: tuple[int, int, int], colours: str) -> Path:
    """A video of one colour, in that colour space and without saying so."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "ultrafast", "crf": "5"}
        for _ in range(3):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, colour))
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace=colours)))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("size", "colours"), [((1280, 720), "ITU709"), ((640, 480), "ITU601")])
def test_untagged_colours_are_those_of_hd_in_hd_and_of_television_below(
    size: tuple[int, int], colours: str, tmp_path: Path
) -> None:
    _, picture = picked(encoded(tmp_path / "red.mp4", size, (254, 0, 0), colours), EVERY)[0]

    assert near(picture.getpixel((9, 9)), (254, 0, 0), within=5)  # type: ignore[arg-type]


def test_what_vp9_hides_below_its_alpha_is_white(tmp_path: Path) -> None:
    import av

    pixels = np.zeros((48, 64, 4), np.uint8)
    pixels[:, :32], pixels[:, 32:] = (*RED, 255), (*GREEN, 0)
    with av.open(str(tmp_path / "alpha.webm"), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        stream.options = {"auto-alt-ref": "0", "cpu-used": "8"}
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format="yuva420p")))
        container.mux(stream.encode())

    found = picked(tmp_path / "alpha.webm", EVERY)

    assert [time_s for time_s, _ in found] == [0.0, 0.1, 0.2]
    assert near(found[0][1].getpixel((5, 20)), RED)  # type: ignore[arg-type]
    assert found[0][1].getpixel((60, 20)) == WHITE


def test_a_phone_s_turned_video_stands_upright(tmp_path: Path) -> None:
    halves = Image.new("RGB", (64, 48), BLUE)
    halves.paste(RED, (0, 0, 32, 48))
    content = write_video(tmp_path / "turned.mp4", [halves] * 3).read_bytes()
    one, minus = b"\0\1\0\0", b"\xff\xff\0\0"
    upright, clockwise = one + bytes(12) + one, bytes(4) + one + bytes(4) + minus + bytes(4)
    at = content.index(upright, content.index(b"tkhd"))
    (tmp_path / "turned.mp4").write_bytes(content[:at] + clockwise + content[at + len(clockwise) :])

    _, picture = picked(tmp_path / "turned.mp4", EVERY)[0]

    assert picture.size == (48, 64)
    assert near(picture.getpixel((24, 5)), RED, 40) and near(picture.getpixel((24, 60)), BLUE, 40)  # type: ignore[arg-type]


def test_samples_that_are_no_squares_are_stretched_to_their_shape(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        container.mux(stream.encode(av.VideoFrame.from_image(tone(1).resize((64, 48)))))
        container.mux(stream.encode())

    with closing(source(tmp_path / "wide.mp4")) as moving:
        assert (moving.info.width, moving.info.height) == (96, 48)
        assert next(iter(moving.frames(0.0))).image().size == (96, 48)


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "avif"])
def test_transparent_animations_lie_on_white_in_every_frame(ending: str, tmp_path: Path) -> None:
    frames = [Image.new("RGBA", (40, 30), (0, 0, 0, 0)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.paste((*RED, 255), (number * 12, 0, number * 12 + 12, 30))
        frame.putpixel((39, 29), (*RED, 100))  # else WebP's encoder forgets that they are transparent
    how = {"gif": {"disposal": 2}, "png": {"disposal": 1}, "webp": {"lossless": True}, "avif": {"quality": 100}}
    path = tmp_path / f"moving.{ending}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 500, 900], loop=0, **how[ending])

    found = picked(path, EVERY)

    assert [time_s for time_s, _ in found] == [0.0, 0.1, 0.6]
    for number, (_, picture) in enumerate(found):
        at = [picture.getpixel((column, 5)) for column in (3, 15, 27, 38)]
        wanted = [RED if column == number else WHITE for column in range(4)]
        assert all(near(one, other, 12) for one, other in zip(at, wanted, strict=True))  # type: ignore[arg-type]


def test_the_delay_of_next_to_nothing_is_the_tenth_of_a_second_of_browsers(tmp_path: Path) -> None:
    first, second = tone(1), tone(2)
    first.save(tmp_path / "fast.gif", save_all=True, append_images=[second, first], duration=[0, 10, 50])

    assert times(tmp_path / "fast.gif", EVERY) == [0.0, 0.1, 0.2]


def test_times_are_the_file_s_own_where_its_rate_varies(tmp_path: Path) -> None:
    stamps = [0, 40, 80, 1500, 1540, 4000, 4040]
    path = write_video(tmp_path / "vary.mkv", [tone(number) for number in range(7)], times=stamps)

    assert times(path, EVERY) == [stamp / 1000 for stamp in stamps]
    assert times(path, Sampling(1.0)) == [0.0, 1.5, 4.0]


def test_going_on_from_a_time_gives_the_frames_that_a_whole_pass_gives(tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", [tone(number // 5) for number in range(200)], options={"g": "25"})
    whole = times(path, Sampling(0.7))

    assert times(path, Sampling(0.7, from_s=whole[12])) == whole[12:]
    scenes = times(path, Sampling(scenes=True))
    assert times(path, Sampling(scenes=True, from_s=scenes[15])) == scenes[15:]


def test_scenes_are_found_at_their_cuts_and_not_in_a_moving_picture(tmp_path: Path) -> None:
    wide = Image.fromarray(np.hstack([np.asarray(tone(number)) for number in range(6)]))
    pan = [wide.crop((shift * 3, 0, shift * 3 + 64, 64)) for shift in range(60)]
    path = write_video(tmp_path / "cuts.mp4", [*pan, *[lit(red=True)] * 20, *[lit(red=False)] * 3, *[tone(9)] * 20])

    found = times(path, Sampling(scenes=True))

    assert found == [0.5, 6.5, 8.2, 8.8]


def test_a_few_frames_come_from_all_over_a_file(tmp_path: Path) -> None:
    short = write_video(tmp_path / "short.mp4", [tone(number) for number in range(40)])
    long = write_video(tmp_path / "long.mp4", [tone(number // 10) for number in range(300)], options={"g": "20"})
    picture = ugoira(tmp_path / "some.zip", [100] * 10, listed=False)

    assert times(short, Sampling(spread=4)) == [0.0, 1.0, 2.0, 3.0]
    assert times(long, Sampling(spread=5)) == [0.0, 6.0, 12.0, 18.0, 24.0]
    assert times(picture, Sampling(spread=5), untimed=True) == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_a_ugoira_s_own_list_is_believed_before_any_other(tmp_path: Path) -> None:
    path = ugoira(tmp_path / "own.zip", [100, 300, 100])

    assert times(path, EVERY, delays_ms=(9, 9, 9)) == [0.0, 0.1, 0.4]


@pytest.mark.parametrize("delays", [(100, 100), (100, 0, 100), (100, True, 100), (100, 10**9, 100)])
def test_delays_that_make_no_sense_are_no_delays(delays: tuple[int, ...], tmp_path: Path) -> None:
    path = ugoira(tmp_path / "own.zip", [100, 300, 100], listed=False)

    with pytest.raises(VideoFault, match="delays unknown"):
        source(path, delays_ms=delays)


def test_an_animation_that_is_cut_gives_the_frames_before_and_says_so(tmp_path: Path) -> None:
    out = io.BytesIO()
    tone(1).save(out, "PNG", save_all=True, append_images=[tone(2), tone(3)], duration=100)
    (tmp_path / "cut.png").write_bytes(out.getvalue()[:-300])

    with closing(source(tmp_path / "cut.png")) as moving:
        assert 1 <= len(list(moving.frames(0.0))) < 3
        assert "cut or damaged at frame" in moving.trouble
