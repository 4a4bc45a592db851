"""How long a crawl waits for its processes as it is shipped, and why: whoever changes a value changes its reason."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.inference.batcher import ScorerSettings
from classifier.pictures.decoder_pool import DecoderSettings
from classifier.pictures.preprocessing import PictureLimits

SHIPPED = {
    "deadline_s": (20.0, "5 s beyond the processor's limit: a machine that does something else is no picture's fault"),
    "cpu_s": (15.0, "measured: 40 million pixels of PNG, AVIF or WebP take 1 s; a processor ten times slower manages"),
    "start_deadline_s": (
        30.0,
        "measured: 0.2 s of the processor to load; a busy machine takes fifty times longer",
    ),
    "memory_bytes": (1024**3, "four copies of the largest picture with transparency, 640 MB, and the libraries"),
}
SCORER = {
    "gather_s": (0.003, "far less than a batch takes, so that one picture alone is not slower for it"),
    "load_deadline_s": (
        180.0,
        "measured: Keras loads in 4 s, on a busy machine in 40; then a batch compiles",
    ),
    "batch_deadline_s": (120.0, "a batch takes a second on the slowest processor; one that waits for it more has hung"),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (value, _) in SHIPPED.items()])
def test_each_limit_of_decoding_has_its_reason(name: str, value: float) -> None:
    assert getattr(DecoderSettings(processes=1), name) == value


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (value, _) in SCORER.items()])
def test_each_limit_of_scoring_has_its_reason(name: str, value: float) -> None:
    assert getattr(ScorerSettings(), name) == value


def test_a_picture_that_computes_for_ever_meets_the_processors_limit_before_the_clocks() -> None:
    shipped = DecoderSettings(processes=1)

    assert shipped.cpu_s < shipped.deadline_s < shipped.start_deadline_s


def test_the_largest_picture_that_is_allowed_fits_into_a_decoders_memory() -> None:
    limits, memory = PictureLimits(), DecoderSettings(processes=1).memory_bytes
    whole = limits.max_pixels * 4 * np.dtype(np.uint8).itemsize  # with transparency

    assert limits.max_bytes + 4 * whole < memory  # decoded, turned upright, on white ground, made small


def test_the_limits_of_a_picture_are_under_pillows_own() -> None:
    from PIL import Image

    assert Image.MAX_IMAGE_PIXELS is not None
    assert PictureLimits().max_pixels < PictureLimits().max_declared_pixels < Image.MAX_IMAGE_PIXELS
