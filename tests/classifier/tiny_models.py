"""A network of sixteen pixels and packages around it, made once for all tests that score."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from classifier.head import Calibration, Head
from classifier.package.package import BackboneFiles, Canary, PackageFacts, PackageParts
from classifier.pictures.preprocessing import Preprocessing, picture_array
from storage.records import ModelCard

SIZE = 16
DIMENSION = 8


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def coloured(red: int, green: int, blue: int, side: int = 40) -> Image.Image:
    """Not one flat colour: resampling and borders must matter."""
    image = Image.new("RGB", (side, side + 9), (red, green, blue))
    image.paste((255 - red, 255 - green, 255 - blue), (side // 5, side // 7, side // 2, side // 2))
    return image


def paintings(count: int, seed: int = 0) -> list[Image.Image]:
    colours = np.random.default_rng(seed).integers(0, 256, (count, 3))
    return [coloured(*(int(value) for value in colour)) for colour in colours]


@dataclass(frozen=True)
class TinyBackbone:
    files: BackboneFiles
    embed: Callable[[np.ndarray], np.ndarray]  # by Keras, the reference


def make_backbone(folder: Path, seed: int = 1) -> TinyBackbone:
    """Export a small convolutional network; imports TensorFlow, so once a session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's own
        import keras

        from classifier.package.export import export_backbone

        keras.utils.set_random_seed(seed)
        pixels = inputs = keras.Input((SIZE, SIZE, 3))
        pixels = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
        pixels = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(pixels)
        pixels = keras.layers.BatchNormalization()(pixels)
        pixels = keras.layers.Conv2D(DIMENSION, 3, strides=2, padding="same", activation="relu")(pixels)
        model = keras.Model(inputs, keras.layers.Dense(DIMENSION)(keras.layers.Flatten()(pixels)))
        files = export_backbone(model, folder, name="tiny", preprocessing=Preprocessing(SIZE))

    def embed(batch: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(model.predict_on_batch(batch.astype(np.float32)))

    return TinyBackbone(files, embed)


def make_head(seed: int = 0, scale: float = 2.0) -> Head:
    weights = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32) * scale
    return Head(weights, -0.2, Calibration(0.8, 0.1))


def make_parts(tiny: TinyBackbone, target: str, head: Head, **changes: object) -> PackageParts:
    pictures = [png(image) for image in paintings(6, seed=9)]
    embeddings = tiny.embed(np.stack([picture_array(picture, tiny.files.preprocessing) for picture in pictures]))
    parts: dict[str, object] = {
        "target": target,
        "backbone": tiny.files,
        "head": head,
        "threshold": 0.6,
        "canaries": [Canary(*pair) for pair in zip(pictures, embeddings, strict=True)],
        "snapshot": {"examples": 60},
        "metrics": {"precision": 0.97},
        "reject_ratio": 0.9,
    }
    return PackageParts(**{**parts, **changes})  # type: ignore[arg-type] # the tests' own changes


def card(target: str, facts: PackageFacts) -> ModelCard:
    return ModelCard(target, 1, facts.hash, facts.backbone_hash, 0.6)
