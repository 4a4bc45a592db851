"""Backbones by name: their download size is shown first, and there is one that needs no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.backbones import catalogue, efficientnet_lite0, pretrained, small
from classifier.backbones.catalogue import BACKBONES, Backbone, Origin, backbone_named, builder, empty
from classifier.backbones.facts import BACKBONE_FACTS
from classifier.errors import DeviceError
from classifier.package.keras_file import check_network
from classifier.training.augmentation import Changes, changed


def test_an_unknown_backbone_is_answered_with_those_that_exist() -> None:
    with pytest.raises(
        ValueError, match="small, pretrained, fine_tuned, mobilenet_v2, mobilenet_v3_small, mobilenet_v3_large, eff"
    ):
        backbone_named("resnet")


def test_nothing_is_downloaded_without_consent_and_the_size_is_shown() -> None:
    with pytest.raises(DeviceError, match=r"4 MB to download.*local weights file.*small"):
        builder(backbone_named("mobilenet_v3_small"), Origin())


def test_a_weights_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"w\.h5 for efficientnet_v2_b0 does not exist"):
        builder(backbone_named("efficientnet_v2_b0"), Origin(tmp_path / "w.h5"))


def test_a_failed_download_names_the_way_without_a_network() -> None:
    def unreachable(size: int, weights: Any) -> Any:
        raise Exception("URL fetch failure")  # what Keras raises

    backbone = Backbone("famous", 224, unreachable, 4.3)

    with pytest.raises(DeviceError, match=r"URL fetch failure.*local weights file.*small"):
        builder(backbone, Origin(may_download=True))()


def test_the_default_needs_nobody() -> None:
    assert backbone_named(catalogue.DEFAULT).published_mb is None


def test_changed_copies_are_pictures_and_repeat_with_the_seed() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)

    one, other = (changed(pictures, Changes(), np.random.default_rng(3)) for _ in range(2))

    assert one.shape == pictures.shape
    assert one.dtype == np.float32
    assert 0 <= one.min() <= one.max() <= 255
    assert (one == other).all()
    assert not np.allclose(one, pictures)


def test_a_copy_without_changes_is_the_picture() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    nothing = Changes(0, 0, 0, 0, (1, 1), 0, 0, 0, 0)

    assert np.abs(changed(pictures, nothing, np.random.default_rng(0)) - pictures).max() < 0.01


class _Layers:
    """What a `keras.Model` says of its training."""

    trainable = True


@pytest.mark.parametrize(("published_mb", "trainable"), [(None, True), (4.3, False)])
def test_a_network_for_earlier_weights_is_frozen_where_published_weights_are(
    published_mb: float | None, *, trainable: bool
) -> None:
    backbone = Backbone("famous", 224, lambda size, weights: _Layers(), published_mb)

    assert empty(backbone, 224).trainable is trainable


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, when it saves
@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_v2_b0"])
def test_a_local_weights_file_becomes_frozen_features(name: str, tmp_path: Path) -> None:
    backbone, weights = backbone_named(name), tmp_path / "own.weights.h5"
    backbone.build(64, None).save_weights(weights)

    features = builder(backbone, Origin(weights), 64)()

    found = features.predict_on_batch(np.zeros((2, 64, 64, 3), np.float32))
    assert found.ndim == 2
    assert not features.trainable_variables
    features.save(tmp_path / "network.keras")
    check_network(tmp_path / "network.keras")  # or no package of it could be loaded


def test_the_parameters_that_people_are_told_of_are_counted_on_the_networks() -> None:
    import keras

    stages = efficientnet_lite0.taps(64)
    numbers = stages.count_params()
    again = keras.Model(stages.inputs, efficientnet_lite0.copied_stages(stages, 3, "again_"))
    projection = (sum(pretrained.sizes()) + 1) * pretrained.KEPT

    assert BACKBONE_FACTS["small"].parameters == small.build().count_params()
    assert BACKBONE_FACTS["pretrained"].parameters == numbers + projection
    taught = sum(layer.count_params() for layer in again.layers if layer.name.startswith("again_"))
    assert BACKBONE_FACTS["fine_tuned"].parameters == numbers + projection + taught


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, one in BACKBONES.items() if one.published_mb is not None])
def test_so_are_those_of_kerass_own_networks(name: str) -> None:
    assert BACKBONE_FACTS[name].parameters == BACKBONES[name].build(BACKBONES[name].size, None).count_params()
