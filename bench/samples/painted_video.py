"""A painted video with a character a scene, and the truth beside it, for trying `crawl frames` and `crawl watch`.

python -m bench.samples.painted_video episode.mp4 --scenes 12 --seed 3

Scenes follow each other by hard cuts; in each the camera moves slowly over one picture of the demo gallery's painter.
`episode.truth.json` says who is seen from when to when. `--loop N` repeats it without encoding anything again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image

from demo.galleries.painted import PaintedPlan, painted_gallery
from demo.paint.scene import Scene, scene_from
from demo.paint.studio import paint

SIZE = (1280, 720)
RATE = 30  # frames a second
NOBODY = "nobody"
_MARGIN = 1.12  # of the painting to the frame: room for the camera to move
_GRAINS = 8  # different ones
_SHORTEST_S, _LONGEST_S = 2.0, 6.0  # of a scene


@dataclass(frozen=True, slots=True)
class Shown:
    """What a scene shows."""

    name: str  # a character's, or nobody
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """What is painted."""

    scenes: int = 12
    seed: int = 3
    size: tuple[int, int] = SIZE
    rate: int = RATE
    franchise: str = "genshin_impact"
    cast: Sequence[str] = ()  # characters; none: all that the painter has
    grain: float = 0.0  # grey levels of noise, as film has: a real episode's bits a second


def paint_video(path: Path, plan: VideoPlan) -> list[Shown]:
    """Paint and encode; gives who is seen when."""
    import av

    random, truth, number = Random(plan.seed), [], 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=plan.rate)
        stream.width, stream.height = plan.size
        stream.pix_fmt, stream.options = "yuv420p", {"preset": "veryfast", "crf": "20", "g": str(4 * plan.rate)}
        for name, scene in _scenes(plan):
            count = round(random.uniform(_SHORTEST_S, _LONGEST_S) * plan.rate)
            truth.append(Shown(name, number / plan.rate, (number + count) / plan.rate))
            for picture in _moved(scene, plan, count, random):
                frame = av.VideoFrame.from_image(picture)
                frame.pts = number
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode())
    return truth


def _scenes(plan: VideoPlan) -> Iterator[tuple[str, Scene]]:
    """Scenes with one character or nobody, no character twice in a row."""
    gallery = painted_gallery(PaintedPlan(posts=40 * plan.scenes, seed=plan.seed))
    last, made = "", 0
    for post in gallery.posts.values():
        names = [character.partition("_(")[0] for character in post.truth.characters]
        name = names[0] if names else NOBODY
        known = not plan.cast or name in plan.cast
        if made == plan.scenes:
            return
        if plan.franchise in post.tags and post.picture in gallery.scenes and len(names) < 2 and known and name != last:
            last, made = name, made + 1
            yield name, scene_from(gallery.scenes[post.picture])


def _moved(scene: Scene, plan: VideoPlan, count: int, random: Random) -> Iterator[Image.Image]:
    """The scene's frames: a window that moves over the painting at a steady pace."""
    width, height = plan.size
    painting = paint(replace(scene, width=round(width * _MARGIN), height=round(height * _MARGIN)))
    room = painting.width - width, painting.height - height
    begin, end = (tuple(random.randint(0, most) for most in room) for _ in range(2))
    for number in range(count):
        share = number / max(1, count - 1)
        left, top = (round(one + (other - one) * share) for one, other in zip(begin, end, strict=True))
        picture = painting.crop((left, top, left + width, top + height))
        yield picture if not plan.grain else _grained(picture, _grain(plan.size, plan.grain, number % _GRAINS))


@lru_cache(maxsize=16)
def _grain(size: tuple[int, int], level: float, number: int) -> npt.NDArray[np.int16]:
    noise = np.random.default_rng(number).normal(0, level, (size[1], size[0], 1))
    return noise.round().astype(np.int16)


def _grained(picture: Image.Image, noise: npt.NDArray[np.int16]) -> Image.Image:
    return Image.fromarray((np.asarray(picture, np.int16) + noise).clip(0, 255).astype(np.uint8))


def loop(source: Path, path: Path, times: int) -> float:
    """The same video so many times in a row, packets copied; gives its length in seconds."""
    import av

    offset, seconds = 0, 0.0
    with av.open(str(path), "w") as target:
        into = None
        for _ in range(times):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                into = into or target.add_stream_from_template(stream)
                step = int(stream.duration or 0)
                for packet in container.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = (packet.pts or 0) + offset, packet.dts + offset
                    packet.stream = into
                    target.mux(packet)
                offset += step
                seconds = float(offset * (stream.time_base or 0))
    return seconds


def main() -> None:
    """Paint, and write the truth beside."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("video", type=Path)
    options.add_argument("--scenes", type=int, default=12)
    options.add_argument("--seed", type=int, default=3, help="another one paints other scenes")
    options.add_argument("--cast", nargs="*", default=(), help="only these characters")
    options.add_argument("--loop", type=int, default=1, help="so many times in a row")
    chosen = options.parse_args()
    truth = paint_video(chosen.video, VideoPlan(chosen.scenes, chosen.seed, cast=tuple(chosen.cast)))
    chosen.video.with_suffix(".truth.json").write_text(json.dumps([asdict(one) for one in truth], indent=1) + "\n")
    if chosen.loop > 1:
        looped = chosen.video.with_name(f"{chosen.video.stem}-{chosen.loop}x{chosen.video.suffix}")
        print(f"{looped}: {loop(chosen.video, looped, chosen.loop):.1f} s")
    print(", ".join(f"{one.name} {one.start_s:.1f}-{one.end_s:.1f}" for one in truth))


if __name__ == "__main__":
    main()
