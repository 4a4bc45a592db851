#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8): to_image(), to_ndarray() and reformat() read HD video that does not state its colours as if it were television.
#
# A video that states no colour space is by convention BT.601 up to 576 lines and BT.709 above; players do so. PyAV hands "unspecified"
# on to the converter, which takes BT.601 for everything. In an untagged video of 1280x720 a red of 254 comes out as 230, a green of 254
# with 19 of red; nothing warns. src_colorspace="ITU709" gives the colours back. A network that learned from stills sees a shifted
# world in most videos that encoders wrote without tags.
#
# Version: av 18.1.0, numpy 2.3.5 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q av==18.1.0 numpy==2.3.5 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }
cd "$folder"

"$folder/venv/bin/python" - <<'E2'
import sys

import av
import numpy as np

COLOURS = {"red": (254, 0, 0), "green": (0, 254, 0)}
got = {}
for name, colour in COLOURS.items():
    with av.open(f"{name}.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.options = {"crf": "5", "preset": "ultrafast"}
        frame = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), colour, np.uint8), format="rgb24")
        for _ in range(3):
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode())
    with av.open(f"{name}.mp4") as container:
        read = next(container.decode(video=0))
        plain = read.to_ndarray(format="rgb24")[99, 99].tolist()
        told = read.to_ndarray(format="rgb24", src_colorspace="ITU709")[99, 99].tolist()
        got[name] = plain, told
        print(f"{name} {colour}: stated colour space {int(read.colorspace)} (2: none); as it is {plain}, as BT.709 {told}")
print(f"PyAV {av.__version__}")
wrong = max(abs(one - other) for name, (plain, _) in got.items() for one, other in zip(plain, COLOURS[name]))
right = max(abs(one - other) for name, (_, told) in got.items() for one, other in zip(told, COLOURS[name]))
sys.exit(0 if wrong >= 20 and right <= 6 else "the behaviour has changed")
E2
