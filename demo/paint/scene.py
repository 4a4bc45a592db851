"""What a picture shows, in numbers and words: all that the painter needs, and all that makes two pictures differ."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One character in a picture. Lengths are shares of the picture's height."""

    character: str  # a name of the cast
    costume: str = ""  # "" = the usual one
    x: float = 0.5  # middle of the head, share of the width
    y: float = 0.4  # middle of the head, share of the height
    head: float = 0.2  # half the head's height
    tilt: float = 0.0  # degrees, to the right
    mirrored: bool = False
    expression: str = "smile"
    pose: str = "down"
    gaze: float = 0.0  # -1 left .. 1 right


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture."""

    seed: int
    width: int  # pixels
    height: int  # pixels
    ext: str  # jpg | png | webp | gif | zip | mp4
    artist: str  # a name of the artists
    backdrop: str
    light: str
    figures: tuple[Figure, ...] = ()


def scene_record(scene: Scene) -> dict[str, Any]:
    """A scene as JSON can hold it."""
    return dataclasses.asdict(scene)


def scene_from(record: Mapping[str, Any]) -> Scene:
    """Read a scene back.

    Raises:
        KeyError, TypeError: the record is no scene.
    """
    figures = tuple(Figure(**figure) for figure in record["figures"])
    return Scene(**{**record, "figures": figures})


def scene_key(scene: Scene) -> str:
    """A name for the picture: equal scenes have equal keys."""
    text = json.dumps(scene_record(scene), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]
