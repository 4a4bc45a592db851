"""The README of an export: what goes in and comes out, and a snippet that loads it without us. Tests run the snippets.

Snippets are run in the export's own folder and score its `picture.png`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classifier.deployment import formats
from classifier.deployment.formats import ExportFormat
from classifier.deployment.saved_model import OF_BYTES
from classifier.deployment.tensorrt import TOOL, engine_arguments

_NAMES = {"pad": "padded with grey level {level}", "crop": "cut to the middle square", "stretch": "stretched"}


def readme(form: ExportFormat, facts: Mapping[str, Any]) -> str:
    """The text.

    Args:
        form: of the export.
        facts: of `export.json`.
    """
    size, how = facts["preprocessing"]["size"], facts["preprocessing"]
    fit = _NAMES[how["fit"]].format(level=how["pad_value"])
    classes = "" if facts["kind"] == "target" else " classes"
    score = ", ".join(f"{one:.3f}" for one in facts["picture"]["probability"])
    paragraphs = [
        f"# {facts['model']} as {form.title}",
        f"Made by {facts['made_by']} from the model with hash {facts['hash'][:12]}; `sha256sum -c SHA256SUMS` checks "
        "the files, `export.json` says all this to programs.",
        f"In: `pictures`, uint8 RGB, (n, {size}, {size}, 3). Out: `probability`, float32, "
        f"(n, {facts['output']['shape'][1]}{classes}). "
        "Inside: scaling, network, head and calibration. "
        f"Before: the picture upright, on white, {fit} to {size}x{size} pixels ({how['resample']}, antialiased).",
        "A crawl looks at pictures longer than 1.9 : 1 in windows too, and minds a post's tags; neither is inside.",
        _decision(facts),
        _snippet(form, facts),
        f"For `picture.png` it prints {score}.",
        *_more(form, facts),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _decision(facts: Mapping[str, Any]) -> str:
    if facts["kind"] == "target":
        refusal = f" It may not decide by itself: {facts['refusal']}." if facts["refusal"] else ""
        return f"From the threshold **{facts['threshold']:.4f}** up a picture is kept.{refusal}"
    limits = facts["limits"]
    return (
        "The classes are in `export.json`, in the order of the columns. A name is said where the largest probability "
        f"is at least **{limits['top']:.4f}**, its gap to the second {limits['gap']:.4f}, and all classes' standard "
        f"deviation {limits['deviation']:.4f}; else it is nobody."
    )


def _snippet(form: ExportFormat, facts: Mapping[str, Any]) -> str:
    lines = _BYTES_SNIPPET if facts["takes_bytes"] else [*_pixels(facts["preprocessing"]), *_SNIPPETS[form.name]]
    return "\n".join(["```python", *lines, 'print(", ".join(f"{one:.3f}" for one in probability))', "```"])


def _pixels(how: Mapping[str, Any]) -> list[str]:
    """From a file to the input, by Pillow."""
    size, resample, level = how["size"], how["resample"].upper(), how["pad_value"]
    below_half = 0.4995  # of an odd border the smaller part comes first, as in `classifier.pictures.preprocessing`
    border = f"({level}, {level}, {level}), ({below_half}, {below_half})"
    fitted = {
        "pad": f"ImageOps.pad(picture, ({size}, {size}), Image.Resampling.{resample}, {border})",
        "crop": f"ImageOps.fit(picture, ({size}, {size}), Image.Resampling.{resample})",
        "stretch": f"picture.resize(({size}, {size}), Image.Resampling.{resample})",
    }[how["fit"]]
    return [
        "import numpy as np",
        "from PIL import Image, ImageOps",
        'picture = ImageOps.exif_transpose(Image.open("picture.png")).convert("RGBA")',
        'picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")',
        f"pixels = np.asarray({fitted})[None]",
    ]


_SNIPPETS = {
    formats.KERAS: [
        "import keras",
        'model = keras.saving.load_model("model.keras")',
        "probability = model.predict(pixels, verbose=0)[0]",
    ],
    formats.SAVED_MODEL: [
        "import tensorflow as tf",
        'model = tf.saved_model.load("model/1")',
        'probability = model.signatures["serving_default"](pictures=tf.constant(pixels))["probability"].numpy()[0]',
    ],
    formats.LITERT: [
        "from ai_edge_litert.interpreter import Interpreter",
        'score = Interpreter("model.tflite").get_signature_runner("serving_default")',
        'probability = score(pictures=pixels)["probability"][0]',
    ],
    formats.ONNX: [
        "import onnxruntime",
        'model = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])',
        'probability = model.run(["probability"], {"pictures": pixels})[0][0]',
    ],
    formats.OPENVINO: [
        "import openvino",
        'model = openvino.Core().compile_model("model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})',
        'probability = model({"pictures": pixels})["probability"][0]',
    ],
}
_SNIPPETS[formats.TENSORRT] = _SNIPPETS[formats.ONNX]
_BYTES_SNIPPET = [
    "import tensorflow as tf",
    'model = tf.saved_model.load("model/1")',
    'encoded = tf.constant([open("picture.png", "rb").read()])',
    f'probability = model.signatures["{OF_BYTES}"](encoded=encoded)["probability"].numpy()[0]',
]


def _more(form: ExportFormat, facts: Mapping[str, Any]) -> list[str]:
    if form.name == formats.TENSORRT:
        command = " ".join([TOOL, *engine_arguments(facts["preprocessing"]["size"])])
        return [
            f"An engine is for one GPU and one version of TensorRT; build it where it is to score:\n\n    {command}"
        ]
    if form.name == formats.SAVED_MODEL:
        name = facts["model"].split("/")[0]
        files = (
            f", `{OF_BYTES}` takes JPEG, PNG, GIF and still WebP files, upright by a JPEG's EXIF"
            if facts["takes_bytes"]
            else ""
        )
        return [
            f"`serving_default` takes pixels{files}. TensorFlow Serving: "
            f'`tensorflow_model_server --rest_api_port=8501 --model_name={name} --model_base_path="$PWD/model"`.'
        ]
    return []
