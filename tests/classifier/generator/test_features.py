"""What the published network sees."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.backbones import efficientnet_lite0
from classifier.generator.features import Scale, network_features
from classifier.generator.quality import kernel_distance
from tests.classifier.generator.tiny_generator import squares


@pytest.mark.skipif(not efficientnet_lite0.installed(), reason="the extra pretrained is not installed")
def test_pictures_of_one_kind_are_near_and_noise_is_far() -> None:
    see = network_features()
    one, other = see(squares(40, seed=1)), see(squares(40, seed=2))
    noise = see(np.random.default_rng(0).integers(0, 256, (40, 96, 96, 3)).astype(np.uint8))
    scale = Scale.of(one)

    assert one.shape == (40, 448) and see(squares(0)).shape == (0, 448)
    near, far = (kernel_distance(scale.apply(one), scale.apply(of)) for of in (other, noise))
    assert near < 0.1 * far
