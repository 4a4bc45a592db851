"""How fast models look at the same pictures, decoding included: pictures a second in turns, and their ratio.

    python -m bench.network_speed PICTURES PACKAGE [PACKAGE …] [--turns 3]

PICTURES is a folder of pictures (a gallery's renditions), PACKAGE a model's folder, or `small`, `pretrained` or
`fine_tuned` for a network of that name as rounds train it (twelve characters), with random weights where it learns.
The first one is what the others are held against; medians of the turns. Where other work shares the processor, trust
the milliseconds of processor time a picture, of all processes together, more than the pictures a second; in brackets,
how many pictures for each of the first's take as long.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
from PIL import Image

from classifier.backbones import efficientnet_lite0, pretrained, small
from classifier.backbones.catalogue import DEFAULT, FINE_TUNED, PRETRAINED, backbone_named
from classifier.backbones.folded_network import folded
from classifier.head import Head
from classifier.judge import NetworkJudge
from classifier.package.export import export_backbone
from classifier.package.package import Canary, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from classifier.training.backbone_training import network
from classifier.training.embedders import fine_tuning

_AT_MOST = 600  # pictures
_CHARACTERS = 12
_CANARIES = 4
_UNTRAINED = (DEFAULT, PRETRAINED, FINE_TUNED)


@dataclass(frozen=True, slots=True)
class Speed:
    """The measurements of one turn."""

    pictures_per_s: float
    processor_ms: float  # a picture, of all processes together


def untrained_package(name: str, folder: Path) -> Path:
    """The package of an untrained network; made in a process of its own, whose threads end with it."""
    place = folder / name / "1"
    program = f"from bench.network_speed import write_untrained; write_untrained({name!r}, {str(place)!r})"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return place


def write_untrained(name: str, place: str) -> None:
    """Write the package of an untrained network."""
    folder, side = Path(place), backbone_named(name).size
    random = np.random.default_rng(0)
    pictures = random.integers(0, 255, (_CANARIES, side, side, 3)).astype(np.uint8)
    model = _untrained(name, pictures.astype(np.float32), random)
    files = export_backbone(
        model, folder.with_name("backbone"), name=name, preprocessing=Preprocessing(side), halved=name != DEFAULT
    )
    embeddings = np.asarray(model.predict(pictures.astype(np.float32), verbose=0))
    head = Head(np.full(embeddings.shape[1], 0.1, np.float32), 0.0)
    canaries = [Canary(_png(picture), one) for picture, one in zip(pictures, embeddings, strict=True)]
    write_package(folder, PackageParts(target="bench", backbone=files, head=head, threshold=0.5, canaries=canaries))


def _untrained(name: str, sample: npt.NDArray[np.float32], random: np.random.Generator) -> Any:
    if name == DEFAULT:
        return network(small.build(), _CHARACTERS).embedding
    count = sum(pretrained.sizes())
    directions = random.normal(0, 0.1, (count, pretrained.KEPT)).astype(np.float32)
    published = pretrained.projected(
        pretrained.raw(pretrained.SIZE, efficientnet_lite0.published_weights()),
        pretrained.Projection(directions, np.zeros(pretrained.KEPT, np.float32)),
    )
    if name == PRETRAINED:
        return folded(published)
    own = fine_tuning.fine_tuned_network(published, _CHARACTERS)
    for layer in own.embedding.layers:
        if layer.name.startswith(fine_tuning.PREFIX) and layer.weights:  # or the exporter makes one of two equal layers
            layer.set_weights([one * random.uniform(0.9, 1.1, one.shape) for one in layer.get_weights()])
    return folded(fine_tuning.joined(published, own, sample))


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()


async def speed(package: Path, pictures: Sequence[bytes]) -> Speed:
    """Score all pictures with a judge as a crawl opens it; loading is not counted."""
    loaded = load_package(package)
    async with NetworkJudge({loaded.target: loaded.card(1)}, {loaded.target: package}) as judge:
        await asyncio.gather(*(judge.look(one) for one in pictures[:32]))
        worked, started = _processor_s(), time.perf_counter()
        await asyncio.gather(*(judge.look(one) for one in pictures))
        took, work = time.perf_counter() - started, _processor_s() - worked
        return Speed(len(pictures) / took, work * 1000 / len(pictures))


def _processor_s() -> float:
    """Processor seconds that this process and its children have taken."""
    this = psutil.Process()
    times = [one.cpu_times() for one in (this, *this.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args(arguments)
    files = sorted(path for path in options.pictures.rglob("*") if path.is_file())[:_AT_MOST]
    pictures = [path.read_bytes() for path in files]
    with tempfile.TemporaryDirectory() as folder:
        places = [
            untrained_package(name, Path(folder)) if name in _UNTRAINED else Path(name) for name in options.packages
        ]
        turns = [[asyncio.run(speed(place, pictures)) for place in places] for _ in range(options.turns)]
    for number, name in enumerate(options.packages):
        print(_line(name, [turn[number] for turn in turns], [turn[0] for turn in turns]))


def _line(name: str, own: Sequence[Speed], first: Sequence[Speed]) -> str:
    """One package's medians, and those of its turns' ratios to the first one's."""
    fast = statistics.median(one.pictures_per_s for one in own)
    work = statistics.median(one.processor_ms for one in own)
    ratio = statistics.median(a.pictures_per_s / b.pictures_per_s for a, b in zip(own, first, strict=True))
    less = statistics.median(b.processor_ms / a.processor_ms for a, b in zip(own, first, strict=True))
    return (
        f"{name}: {fast:.0f} pictures/s, {ratio:.2f} times the first's; {work:.1f} ms of a processor, {less:.2f} times"
    )


if __name__ == "__main__":
    main()
