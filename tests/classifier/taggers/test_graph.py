"""Which tensor of a tagger's graph is its penultimate layer, and how it is had without touching the user's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from classifier.taggers.forms import read_form
from classifier.taggers.graph import NotReadable, as_answers, read_graph
from classifier.taggers.onnx_tagger import OnnxTagger, hash_of, network_of
from tests.tiny_tagger import SIZE, Graph, camie_tagger, cl_tagger, staged_tagger, wd_tagger, write_model

FORMS = {"wd": wd_tagger, "cl": cl_tagger, "camie": camie_tagger, "stages": staged_tagger}
PICTURES = np.stack([np.full((SIZE, SIZE, 3), colour, np.uint8) for colour in ((200, 20, 10), (0, 0, 0))])


@pytest.mark.parametrize("form", FORMS)
def test_every_known_form_gives_its_penultimate_layer_and_its_file_stays_as_it_is(form: str, tmp_path: Path) -> None:
    read = read_form(FORMS[form](tmp_path / form))
    before = read.model.read_bytes()

    tagger = OnnxTagger(read)
    vectors = tagger.answers(PICTURES).vectors

    scaled = (PICTURES[:, 0, 0, :: -1 if read.bgr else 1] - np.array(read.mean)) / read.deviation
    assert vectors is not None and vectors == pytest.approx(scaled, abs=0.01)  # of this graph: the mean colour
    assert read.model.read_bytes() == before and sorted((tmp_path / form).iterdir()) != []


def test_the_probabilities_do_not_change_when_the_layer_before_them_is_read_too(tmp_path: Path) -> None:
    hidden, plain = (read_form(wd_tagger(tmp_path / name)) for name in ("hidden", "plain"))
    write_model(plain.model, Graph(channels_last=True, reverse=True, scale=20 / 255, sigmoid=True, product="Einsum"))

    with_layer, without = (OnnxTagger(form).answers(PICTURES) for form in (hidden, plain))

    assert without.vectors is None  # how that graph is written is not known here: the tagger works as ever
    assert with_layer.probabilities == pytest.approx(without.probabilities, abs=1e-6)


def test_a_product_and_a_bias_are_seen_as_one_layer(tmp_path: Path) -> None:
    form = read_form(wd_tagger(tmp_path))
    write_model(form.model, Graph(channels_last=True, reverse=True, scale=1, sigmoid=True, product="MatMul"))

    assert read_graph(form.model).hidden_layers == ("embedding",)


def test_a_network_whose_weights_lie_beside_it_is_read_with_its_layer(tmp_path: Path) -> None:
    form = read_form(wd_tagger(tmp_path))
    network = onnx.load(str(form.model))
    onnx.save(network, str(form.model), save_as_external_data=True, size_threshold=50, location="model.onnx.data")

    vectors = OnnxTagger(form).answers(PICTURES).vectors

    assert (tmp_path / "model.onnx.data").exists()
    assert vectors is not None and vectors.tolist() == [[10.0, 20.0, 200.0], [0.0, 0.0, 0.0]]


def test_vectors_of_another_layer_or_feeding_are_kept_apart(tmp_path: Path) -> None:
    form = read_form(wd_tagger(tmp_path))
    layer = OnnxTagger(form).layer

    network, other = network_of(hash_of(form), layer), network_of(hash_of(form), layer.replace("True", "False"))

    assert network != other and network.split(".")[0] == other.split(".")[0] == hash_of(form)
    assert network_of(hash_of(form), "") == ""


def test_a_model_with_an_answer_more_is_a_model_still(tmp_path: Path) -> None:
    form = read_form(wd_tagger(tmp_path))
    long = "a" * 300  # a length of two bytes

    longer = onnx.load_from_string(form.model.read_bytes() + as_answers(("embedding", long)))

    assert [one.name for one in longer.graph.output] == ["prediction", "embedding", long]
    assert len(longer.graph.node) == len(onnx.load(str(form.model)).graph.node)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x3a\x7f", b"\x3b", b"\xff" * 12, b"\x3a\x02\x0a\x09"],
    ids=["nothing", "too long", "group", "number without end", "node too long"],
)
def test_bytes_that_are_no_graph_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises((NotReadable, ValueError)):
        read_graph(tmp_path / "model.onnx")


def test_an_answer_that_no_product_gives_has_no_layer_before_it(tmp_path: Path) -> None:
    wd_tagger(tmp_path)

    graph = read_graph(tmp_path / "model.onnx")

    assert graph.penultimate("embedding") == "" and graph.penultimate("nowhere") == ""
    assert graph.penultimate("prediction") == graph.penultimate("logits") == "embedding"
