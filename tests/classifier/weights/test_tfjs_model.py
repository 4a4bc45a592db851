"""Models of TensorFlow.js, made here by hand: plain and bundled files, whole and quantised numbers."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from classifier.weights.layer_arrays import NotWeights
from classifier.weights.tfjs_model import read_model

Array = npt.NDArray[Any]


def _spec(name: str, array: Array, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": list(array.shape), "dtype": "float32", **more}


def _model(specs: Sequence[dict[str, Any]], paths: Sequence[str] = ("s1",)) -> bytes:
    group = {"paths": list(paths), "weights": list(specs)}
    return json.dumps({"modelTopology": {"model_config": {}}, "weightsManifest": [group]}).encode()


KERNEL = np.arange(12, dtype="<f4").reshape(1, 1, 3, 4)
BIAS = np.linspace(-1, 1, 4, dtype="<f4")


def test_plain_numbers_are_read_from_several_shards_in_keras_order() -> None:
    raw = BIAS.tobytes() + KERNEL.tobytes()
    files = {
        "model.json": _model([_spec("conv/bias", BIAS), _spec("conv/kernel", KERNEL)], ("s1", "s2")),
        "s1": raw[:10],
        "s2": raw[10:],
    }

    kernel, bias = read_model(files).layers["conv"]

    assert np.array_equal(kernel, KERNEL) and np.array_equal(bias, BIAS)


def test_normalisations_without_scale_have_mean_and_variance_last() -> None:
    names = ["bn/beta", "bn/moving_mean", "bn/moving_variance"]
    arrays = [np.full(2, number, "<f4") for number in range(3)]
    specs = [_spec(name, array) for name, array in zip(names, arrays, strict=True)]

    layers = read_model({"model.json": _model(specs), "s1": b"".join(one.tobytes() for one in arrays)}).layers

    assert [one.tolist() for one in layers["bn"]] == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.parametrize(("stored", "most"), [("uint8", 255), ("uint16", 65535)])
def test_quantised_numbers_are_stretched_to_what_they_were(stored: str, most: int) -> None:
    scale, least = (7.0 - -3.0) / most, -3.0
    values = np.array([-3.0, 0.0, 1.5, 7.0])
    whole = np.round((values - least) / scale).astype("u1" if most == 255 else "<u2")
    spec = _spec("d/kernel", values, quantization={"scale": scale, "min": least, "dtype": stored})

    (found,) = read_model({"model.json": _model([spec]), "s1": whole.tobytes()}).layers["d"]

    assert found.dtype == np.float32
    assert np.abs(found - values).max() <= scale / 2 + 1e-6


def test_half_precision_is_widened() -> None:
    spec = _spec("d/kernel", BIAS, quantization={"dtype": "float16"})

    (found,) = read_model({"model.json": _model([spec]), "s1": BIAS.astype("<f2").tobytes()}).layers["d"]

    assert np.allclose(found, BIAS, atol=1e-3)


def test_bundles_for_browsers_are_read_as_the_files_they_were_made_of() -> None:
    coded = base64.b64encode(BIAS.tobytes()).decode()
    model = '!function(){e.exports={modelTopology:{ok:!0},weightsManifest:[{paths:["s1"],weights:[' + (
        '{name:"d/bias",shape:[4],dtype:"float32"}]}]}},{}]'
    )
    files = {"model.min.js": model.encode(), "s1.min.js": f'!function(){{e.exports="{coded}"}}'.encode()}

    found = read_model(files)

    assert np.array_equal(found.layers["d"][0], BIAS)
    assert found.topology == {"ok": True}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "has neither model.json nor model.min.js"),
        ({"model.json": b"{"}, "has a model.json that is none"),
        ({"model.json": b"[]"}, "describes no model"),
        ({"model.json": b'{"format": "graph-model"}'}, "describes no layers model"),
        ({"model.json": _model([_spec("d/bias", BIAS)])}, "lacks its file s1"),
        ({"model.json": _model([_spec("d/bias", BIAS)]), "s1": b"123"}, "more than it has"),
        ({"model.json": _model([_spec("d/bias", BIAS)]), "s1": bytes(20)}, "has 20 bytes of weights where"),
        ({"model.json": _model([_spec("d/what", BIAS)]), "s1": bytes(16)}, "no layer known here"),
        ({"model.json": _model([_spec("d/bias", BIAS)] * 2), "s1": bytes(32)}, "has d/bias twice"),
        ({"model.json": _model([_spec("d/bias", BIAS) | {"shape": [1 << 60]}]), "s1": bytes(16)}, "more than it has"),
        ({"model.json": _model([_spec("d/bias", BIAS) | {"shape": [-4]}]), "s1": bytes(16)}, "more than it has"),
        ({"model.json": _model([_spec("d/bias", BIAS) | {"dtype": "string"}]), "s1": bytes(16)}, "of no known form"),
        ({"model.json": _model([_spec("d/bias", BIAS)]), "s1.min.js": b'x.exports="#"'}, "not in base64"),
        ({"model.json": _model([_spec("d/bias", BIAS)]), "s1.min.js": b"\xff"}, "no text in UTF-8"),
        ({"model.json": b'{"modelTopology": {}, "weightsManifest": [1]}'}, "weights without paths"),
    ],
)
def test_a_model_that_is_not_what_it_says_is_refused(files: dict[str, bytes], words: str) -> None:
    with pytest.raises(NotWeights, match=words):
        read_model(files)
