"""Small moving pictures of known colours and times, made by PyAV and Pillow for the tests."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tests.classifier.tiny_models import coloured

RATE = 10  # frames a second


def tone(number: int, side: int = 64) -> Image.Image:
    """One of many pictures, no two of which are near-duplicates."""
    cells = np.random.default_rng(number).integers(0, 2, (8, 8), dtype=np.uint8) * 200 + 20
    return Image.fromarray(cells).resize((side, side), Image.Resampling.NEAREST).convert("RGB")


def lit(*, red: bool, side: int = 64) -> Image.Image:
    """A picture that the tests' model is sure about."""
    return coloured(220 if red else 20, 60, 20 if red else 220).resize((side, side))


def write_video(
    path: Path,
    pictures: Sequence[Image.Image],
    *,
    rate: int = RATE,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    times: Sequence[int] | None = None,
) -> Path:
    """Encode pictures, one a frame; `times` are in ticks of 1/1000 s where the rate is not to be constant."""
    import av

    with av.open(str(path), "w", options=dict(container_options or {})) as container:
        stream = container.add_stream(codec, rate=rate if times is None else 1000)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", **(options or {})} if codec == "libx264" else dict(options or {})
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_image(picture)
            frame.pts = number if times is None else times[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def colours(path: Path, spans: Sequence[tuple[bool, float]], rate: int = RATE) -> Path:
    """A video that is red, then blue, …, each for so many seconds."""
    red, blue = lit(red=True), lit(red=False)
    return write_video(
        path, [red if is_red else blue for is_red, seconds in spans for _ in range(round(seconds * rate))], rate=rate
    )


def ugoira(
    path: Path,
    delays: Sequence[int],
    *,
    listed: bool = True,
    first: int = 0,
    pictures: Sequence[Image.Image] | None = None,
) -> Path:
    """An archive of as many pictures as there are delays, with its own list of them or without."""
    frames = []
    with zipfile.ZipFile(path, "w") as archive:
        for number, delay in enumerate(delays):
            out = io.BytesIO()
            (tone(first + number) if pictures is None else pictures[number]).save(out, "JPEG", quality=90)
            archive.writestr(f"{number:06d}.jpg", out.getvalue())
            frames.append({"file": f"{number:06d}.jpg", "delay": delay})
        if listed:
            archive.writestr("animation.json", json.dumps({"frames": frames}))
    return path


def animated(path: Path, delays: Sequence[int], *, first: int = 0) -> Path:
    """An animated picture in the format of its name."""
    frames = [tone(first + number) for number in range(len(delays))]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(delays), loop=0)
    return path
