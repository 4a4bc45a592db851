"""Recognisers of a few classes on the tiny network."""

from __future__ import annotations

import numpy as np

from classifier.package.package import Canary
from classifier.pictures.preprocessing import picture_array
from classifier.recognition.class_head import ClassHead
from classifier.recognition.package import RecogniserParts
from classifier.recognition.recogniser import Recogniser
from tests.classifier.tiny_models import DIMENSION, TinyBackbone, paintings, png

FAMILY = ("bart", "lisa", "nobody")


def make_recogniser(classes: tuple[str, ...] = FAMILY, seed: int = 0, **changes: object) -> Recogniser:
    random = np.random.default_rng(seed)
    head = ClassHead(classes, random.normal(size=(DIMENSION, len(classes))).astype(np.float32), np.zeros(len(classes)))
    return Recogniser(head, **changes)  # type: ignore[arg-type] # the tests' own changes


def recogniser_parts(tiny: TinyBackbone, recogniser: Recogniser, **changes: object) -> RecogniserParts:
    pictures = [png(image) for image in paintings(5, seed=4)]
    embeddings = tiny.embed(np.stack([picture_array(picture, tiny.files.preprocessing) for picture in pictures]))
    parts: dict[str, object] = {
        "name": "family",
        "backbone": tiny.files,
        "recogniser": recogniser,
        "canaries": [Canary(*pair) for pair in zip(pictures, embeddings, strict=True)],
    }
    return RecogniserParts(**{**parts, **changes})  # type: ignore[arg-type] # the tests' own changes
