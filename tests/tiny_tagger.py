"""Tiny networks of the forms that taggers come in: a tag's logit is a weighted mean of the picture's channels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 32  # pixels
RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
WEIGHTS: Mapping[str, tuple[float, float, float]] = {  # tag -> how much red, green and blue speak for it
    "general": (0.0, 0.0, 0.0),
    "1girl": (0.1, 0.1, 0.1),
    "red_background": (1.0, -0.5, -0.5),
    "blue_background": (-0.5, -0.5, 1.0),
    "mona_(genshin_impact)": (-0.2, 1.0, -0.2),
}
CATEGORIES = {"general": 9, "mona_(genshin_impact)": 4}


def wd_tagger(folder: Path, *, rgb: bool = False, batch: int | None = None) -> Path:
    """A WD v3: `model.onnx` and `selected_tags.csv`; BGR, 0..255, probabilities.

    Args:
        folder: made here.
        rgb: train it the other way round: red first.
        batch: pictures that it takes at a time; None: any number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["tag_id,name,category,count"]
    lines += [f"{number},{tag},{CATEGORIES.get(tag, 0)},1" for number, tag in enumerate(WEIGHTS)]
    (folder / "selected_tags.csv").write_text("\n".join(lines) + "\n")
    graph = Graph(channels_last=True, reverse=not rgb, scale=20 / 255, batch=batch, sigmoid=True)
    write_model(folder / "model.onnx", graph)
    return folder


def cl_tagger(folder: Path) -> Path:
    """A CL tagger: `tag_mapping.json`; BGR, -1..1, channels first, logits."""
    folder.mkdir(parents=True)
    tags = {str(at): {"tag": tag, "category": _word(tag)} for at, tag in enumerate(WEIGHTS)}
    (folder / "tag_mapping.json").write_text(json.dumps(tags))
    write_model(folder / "model.onnx", Graph(channels_last=False, reverse=True, scale=10))
    return folder


def camie_tagger(folder: Path) -> Path:
    """A Camie v2: `camie-tagger-v2-metadata.json`; RGB by ImageNet's mean, channels first, logits."""
    folder.mkdir(parents=True)
    mapping = {
        "idx_to_tag": {str(at): _rated(tag) for at, tag in enumerate(WEIGHTS)},
        "tag_to_category": {_rated(tag): _word(tag) for tag in WEIGHTS},
    }
    (folder / "camie-tagger-v2-metadata.json").write_text(json.dumps({"dataset_info": {"tag_mapping": mapping}}))
    write_model(folder / "camie-tagger-v2.onnx", Graph(channels_last=False, reverse=False, scale=5))
    return folder


def staged_tagger(folder: Path) -> Path:
    """A PixAI: `selected_tags.csv` and `preprocess.json`; RGB, -1..1, embedding, logits and prediction."""
    wd_tagger(folder)
    steps = [
        {"type": "resize", "size": [SIZE, SIZE], "interpolation": "bilinear"},
        {"type": "to_tensor"},
        {"type": "normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    ]
    (folder / "preprocess.json").write_text(json.dumps({"stages": steps}))
    graph = Graph(channels_last=False, reverse=False, scale=10, sigmoid=True, all_answers=True)
    write_model(folder / "model.onnx", graph)
    return folder


def _word(tag: str) -> str:
    return {9: "Rating", 4: "Character"}.get(CATEGORIES.get(tag, 0), "General")


def _rated(tag: str) -> str:
    return f"rating_{tag}" if CATEGORIES.get(tag) == 9 else tag


class Graph:
    """What a tiny network is like."""

    def __init__(
        self,
        *,
        channels_last: bool,
        reverse: bool,
        scale: float,
        batch: int | None = None,
        sigmoid: bool = False,
        all_answers: bool = False,
        tags: Sequence[tuple[float, float, float]] = tuple(WEIGHTS.values()),
        product: str = "Gemm",
    ) -> None:
        self.channels_last, self.reverse, self.scale = channels_last, reverse, scale
        self.batch, self.sigmoid, self.all_answers, self.tags = batch, sigmoid, all_answers, tags
        self.product = product  # Gemm | MatMul | Einsum: how the last layer is written


def _last_layer(product: str) -> list[onnx.NodeProto]:
    if product == "Gemm":
        return [helper.make_node("Gemm", ["embedding", "weights", "bias"], ["logits"])]
    equation = {"equation": "nc,ct->nt"} if product == "Einsum" else {}
    return [
        helper.make_node(product, ["embedding", "weights"], ["without_bias"], **equation),
        helper.make_node("Add", ["without_bias", "bias"], ["logits"]),
    ]


def write_model(path: Path, graph: Graph) -> None:
    """Mean over rows and columns, one layer, perhaps a sigmoid."""
    batch = graph.batch or "batch"
    shape = [batch, SIZE, SIZE, 3] if graph.channels_last else [batch, 3, SIZE, SIZE]
    weights = np.array(graph.tags, np.float32).T * graph.scale
    weights = weights[::-1].copy() if graph.reverse else weights
    bias = np.full(len(graph.tags), -2.0, np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["embedding"], keepdims=0),
        *_last_layer(graph.product),
    ]
    answers = ["logits"]
    if graph.sigmoid:
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["prediction"]))
        answers = ["embedding", "logits", "prediction"] if graph.all_answers else ["prediction"]
    lengths = {"embedding": 3, "logits": len(graph.tags), "prediction": len(graph.tags)}
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tagger",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, lengths[name]]) for name in answers],
            [
                numpy_helper.from_array(np.array([1, 2] if graph.channels_last else [2, 3], np.int64), "axes"),
                numpy_helper.from_array(weights, "weights"),
                numpy_helper.from_array(bias, "bias"),
            ],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    onnx.save(model, str(path))
