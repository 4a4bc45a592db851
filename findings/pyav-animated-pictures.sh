#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8): of animated pictures that it opens without complaint it gives one frame, none, or times that nobody stated.
#
#  - an AVIF sequence of three frames: its first frame, once; the demuxer takes the still picture that stands beside the sequence
#  - a WebP animation: opened, with one video track; the first packet is refused by the decoder as invalid data
#  - a ZIP of JPEG files (a ugoira): opened as "mjpeg", 25 frames a second, 0.04 s apart. The archive states no times at all.
#
# GIF and APNG come out right. Pillow reads all four with the delays that were written. A program that takes whatever PyAV opens for a
# video loses frames, or shows a slow animation in a blink, without an error.
#
# Version: av 18.1.0, pillow 13.0.0 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 pillow==13.0.0 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

"$folder/venv/bin/python" - <<'E2'
import io
import sys
import zipfile

import av
import PIL
from PIL import Image

DELAYS = [100, 500, 1000]
frames = [Image.new("RGB", (64, 48), (80 * number, 0, 0)) for number in range(3)]
for ending in ("gif", "png", "avif", "webp"):
    frames[0].save(f"moving.{ending}", save_all=True, append_images=frames[1:], duration=DELAYS)
with zipfile.ZipFile("moving.zip", "w") as archive:
    for number, frame in enumerate(frames):
        out = io.BytesIO()
        frame.save(out, "JPEG")
        archive.writestr(f"{number:06d}.jpg", out.getvalue())


def by_pyav(path):
    with av.open(path) as container:
        try:
            times = [round(float(frame.time), 3) for frame in container.decode(container.streams.video[0])]
        except av.error.InvalidDataError:
            times = "invalid data"
        return container.format.name.partition(",")[0], times


def by_pillow(path):
    with Image.open(path) as image:
        starts, now = [], 0
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            starts.append(now / 1000)
            now += int(image.info["duration"])
        return starts


print(f"PyAV {av.__version__}, Pillow {PIL.__version__}; written: frames at 0, 0.1 and 0.6 s")
got = {}
for ending in ("gif", "png", "avif", "webp", "zip"):
    got[ending] = by_pyav(f"moving.{ending}")
    pillow = "opens no ZIP" if ending == "zip" else by_pillow(f"moving.{ending}")
    print(f"{ending}: PyAV {got[ending]}, Pillow {pillow}")
as_before = (
    got["gif"][1] == got["png"][1] == [0.0, 0.1, 0.6]
    and got["avif"][1] == [0.0]
    and got["webp"][1] == "invalid data"
    and got["zip"] == ("mjpeg", [0.0, 0.04, 0.08])
)
sys.exit(0 if as_before else "the behaviour has changed")
E2
