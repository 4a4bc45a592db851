"""A scoring network as a TensorFlow SavedModel; the one module of this wing that speaks TensorFlow's own language.

    serving_default   pictures: uint8 (n, size, size, 3)  -> probability
    serving_bytes     encoded: strings (n,), JPEG or PNG   -> probability; decoding and geometry are in the graph

Keras' own exporter writes it, with signatures of ours: a network whose variables are tracked in any other way loses
them in LiteRT's converter, and then gives not-a-number without a word.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from classifier.deployment.exif_graph import upright
from classifier.deployment.scoring_network import PICTURES, PROBABILITY
from classifier.pictures.preprocessing import Preprocessing

DEFAULT, OF_BYTES, ENCODED = "serving_default", "serving_bytes", "encoded"
RESAMPLES = {"bilinear": "bilinear", "bicubic": "bicubic", "lanczos": "lanczos3"}  # ours -> TensorFlow's
_WHITE = 255.0
_COLOURED_PNG = rb"\CPNG\r\n\x1a\n\C{17}\x02"  # colour type 2: red, green and blue, no alpha
_PNG_HEAD = 26  # bytes, to the colour type
_WEBP_FLAGS, _ANIMATED = 20, 2  # where an extended WebP has its flags, and the one of an animation

Score = Callable[[Any], dict[str, Any]]


def score_function(model: Any) -> tuple[Score, list[Any]]:
    """What a scoring network computes, as a function with named output, and its input signature."""
    import tensorflow

    def score(pictures: Any) -> dict[str, Any]:
        return {PROBABILITY: model(pictures, training=False)}

    return score, [tensorflow.TensorSpec(model.input_shape, model.inputs[0].dtype, name=PICTURES)]


def write_saved_model(model: Any, folder: Path, preprocessing: Preprocessing | None = None) -> None:
    """Write it.

    Args:
        model: from `scoring_network`.
        folder: to be written.
        preprocessing: for a signature that takes encoded pictures; None: none is wanted.
    """
    import keras
    import tensorflow

    archive = keras.export.ExportArchive()
    archive.track(model)
    score, signature = score_function(model)
    with quiet():
        archive.add_endpoint(DEFAULT, score, input_signature=signature)
        if preprocessing is not None and takes_bytes(preprocessing):
            encoded = [tensorflow.TensorSpec((None,), tensorflow.string, name=ENCODED)]
            archive.add_endpoint(OF_BYTES, _of_bytes(score, preprocessing), input_signature=encoded)
        archive.write_out(str(folder), verbose=False)


def takes_bytes(preprocessing: Preprocessing) -> bool:
    """Whether TensorFlow can do what this preprocessing does."""
    return preprocessing.resample in RESAMPLES


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what TensorFlow and converters print; what fails is raised."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _of_bytes(score: Score, preprocessing: Preprocessing) -> Callable[[Any], dict[str, Any]]:
    import tensorflow

    def score_bytes(encoded: Any) -> dict[str, Any]:
        pixels = tensorflow.map_fn(
            lambda one: _fitted(_decoded(one), preprocessing), encoded, fn_output_signature=tensorflow.uint8
        )
        return score(pixels)

    return score_bytes


def _decoded(encoded: Any) -> Any:
    """RGB, float32 0..255, shape (height, width, 3), of one JPEG, PNG, GIF, WebP or BMP; transparency over white."""
    import tensorflow as tf

    # the accurate transform is what Pillow uses; TensorFlow's own choice is another
    raw = tf.case(
        [
            (
                tf.io.is_jpeg(encoded),
                lambda: upright(tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE"), encoded),
            ),
            (
                tf.strings.regex_full_match(tf.strings.substr(encoded, 0, _PNG_HEAD), _COLOURED_PNG),
                lambda: tf.io.decode_png(encoded, channels=4),  # else its transparent colour is not minded
            ),
        ],
        default=lambda: _other(encoded),
    )
    raw = tf.cast(tf.ensure_shape(raw, (None, None, None)), tf.float32)
    channels = tf.shape(raw)[2]
    alpha = tf.cond(channels % 2 == 0, lambda: raw[:, :, -1:] / _WHITE, lambda: tf.ones_like(raw[:, :, :1]))
    colours = tf.cond(channels < 3, lambda: tf.repeat(raw[:, :, :1], 3, axis=2), lambda: raw[:, :, :3])
    return colours * alpha + _WHITE * (1 - alpha)


def _other(encoded: Any) -> Any:
    """Whatever else TensorFlow knows; of an animation the first frame.

    An animated WebP is refused: TensorFlow 2.21 may end the whole process on one.
    """
    import tensorflow as tf

    head = tf.strings.substr(encoded, 0, _WEBP_FLAGS)
    flags = tf.io.decode_raw(tf.strings.substr(encoded, _WEBP_FLAGS, 1), tf.uint8)
    extended = tf.strings.regex_full_match(head, r"RIFF\C{4}WEBPVP8X\C{4}")
    moves = extended & tf.reduce_any(tf.bitwise.bitwise_and(flags, tf.constant(_ANIMATED, tf.uint8)) > 0)
    with tf.control_dependencies([tf.debugging.Assert(~moves, ["animated WebP is not decoded here"])]):
        return tf.io.decode_image(tf.identity(encoded), expand_animations=False)


def _fitted(picture: Any, preprocessing: Preprocessing) -> Any:
    """At the network's size, uint8: the same geometry as `classifier.pictures.preprocessing`."""
    import tensorflow as tf

    side, sides = preprocessing.size, tf.shape(picture)[:2]
    if preprocessing.fit == "crop":
        short = tf.reduce_min(sides)
        top, left = (sides[0] - short) // 2, (sides[1] - short) // 2
        picture = picture[top : top + short, left : left + short]
    inner = tf.constant([side, side])
    if preprocessing.fit == "pad":
        scale = side / tf.reduce_max(sides)
        inner = tf.maximum(1, tf.cast(tf.round(tf.cast(sides, tf.float64) * scale), tf.int32))
    small = tf.image.resize(picture, inner, RESAMPLES[preprocessing.resample], antialias=True)
    level, before = float(preprocessing.pad_value), (side - inner) // 2
    edges = tf.stack([before, side - inner - before], axis=1)
    canvas = tf.pad(small, tf.concat([edges, [[0, 0]]], axis=0), constant_values=level)
    return tf.ensure_shape(tf.cast(tf.clip_by_value(tf.round(canvas), 0, _WHITE), tf.uint8), (side, side, 3))
