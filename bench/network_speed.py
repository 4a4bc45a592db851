"""How fast models look at the same pictures, decoding included: pictures a second in turns, and their ratio.

    python -m bench.network_speed PICTURES PACKAGE [PACKAGE …] [--turns 3]

PICTURES is a folder of pictures (a gallery's renditions), PACKAGE a model's folder, or `small` for a network of that
name as rounds train it (picture and mirror image, twelve characters), with random weights. The first one is what the
others are held against; medians of the turns.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.export import export_backbone
from classifier.head_format import Head
from classifier.judge import NetworkJudge
from classifier.package import Canary, PackageParts, load_package, write_package
from classifier.pictures import Preprocessing

_AT_MOST = 600  # pictures
_CHARACTERS = 12


def small_package(folder: Path) -> Path:
    """The package of an untrained `small`; made in a process of its own, whose threads end with it."""
    program = f"from bench.network_speed import write_small; write_small({str(folder / '1')!r})"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return folder / "1"


def write_small(place: str) -> None:
    """Write it."""
    from classifier.backbones import small
    from classifier.training import network

    folder, preprocessing = Path(place), Preprocessing(small.SIZE)
    model = network(small.build(), _CHARACTERS).embedding
    pictures = np.random.default_rng(0).integers(0, 255, (4, small.SIZE, small.SIZE, 3)).astype(np.uint8)
    embeddings = np.asarray(model.predict(pictures.astype(np.float32), verbose=0))
    files = export_backbone(model, folder.with_name("backbone"), name="small", preprocessing=preprocessing)
    head = Head(np.full(embeddings.shape[1], 0.1, np.float32), 0.0)
    canaries = [Canary(_png(picture), one) for picture, one in zip(pictures, embeddings, strict=True)]
    write_package(folder, PackageParts(target="bench", backbone=files, head=head, threshold=0.5, canaries=canaries))


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


async def pictures_per_s(package: Path, pictures: Sequence[bytes]) -> float:
    """Look at all of them with a judge as a crawl opens it; loading is not counted."""
    loaded = load_package(package)
    async with NetworkJudge({loaded.target: loaded.card(1)}, {loaded.target: package}) as judge:
        await asyncio.gather(*(judge.look(one) for one in pictures[:32]))
        started = time.perf_counter()
        await asyncio.gather(*(judge.look(one) for one in pictures))
        return len(pictures) / (time.perf_counter() - started)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args(arguments)
    files = sorted(path for path in asked.pictures.rglob("*") if path.is_file())[:_AT_MOST]
    pictures = [path.read_bytes() for path in files]
    with tempfile.TemporaryDirectory() as folder:
        places = [small_package(Path(folder)) if name == "small" else Path(name) for name in asked.packages]
        turns = [[asyncio.run(pictures_per_s(place, pictures)) for place in places] for _ in range(asked.turns)]
    first = statistics.median(turn[0] for turn in turns)
    for number, name in enumerate(asked.packages):
        speed = statistics.median(turn[number] for turn in turns)
        ratio = statistics.median(turn[number] / turn[0] for turn in turns)
        print(f"{name}: {speed:.0f} pictures/s, {ratio:.2f} times the first's {first:.0f}")


if __name__ == "__main__":
    main()
