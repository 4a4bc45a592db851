"""The report of a round."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from classifier.head import Head
from classifier.heads.head_training import LearnedHead
from classifier.metrics.forecast import forecast
from classifier.metrics.quality import Estimate, Quality
from classifier.metrics.thresholds import Chosen
from rounds.evaluation.comparison import Compared
from rounds.evaluation.round_report import report_text

pytestmark = pytest.mark.no_gallery

NOT_THERE: Any = None


def learned(precision: Estimate) -> LearnedHead:
    counts = {"keep": 2, "delete": 1, "tagged": 40, "others": 60, "nothing": 9}
    quality = Quality(20, 4, 0, 0, 0.9, precision, Estimate(0.0, 0.0, 0.49), precision, Estimate(0.5, 0.2, 0.8))
    return LearnedHead(
        head=Head(np.zeros(2, np.float32), 0.0),
        chosen=Chosen(0.9, math.nan, 0.0, reached=False),
        curve=NOT_THERE,
        quality=quality,
        scores=np.zeros(1),
        belief=np.zeros(1),
        measured=np.zeros(1, np.int64),
        forecast=forecast(np.zeros(9), np.full(9, 0.2), 0.9, 20.0, reached=False),
        refusal="it cannot distinguish them",
        facts={"said": counts, "doubtful_tags": 0, "missing_tags": 0, "tags_right": 0.97, "prevalence": 0.2},
    )


def test_what_could_not_be_measured_is_named_in_the_report() -> None:
    compared = Compared("mona/1", 20, 1, 1, 0, 0, 4, 0, shown=5, old_kept=4, new_kept=0)

    text = report_text(learned(Estimate(math.nan, math.nan, math.nan)), compared, "m")

    assert "nan" not in text
    assert "it must not decide: it cannot distinguish them" in text
    assert "precision 1.00 before, unknown now, recall 0.80 before, 0.00 now" in text
    assert "showing it: precision not measured, recall 0.000 (0.000 to 0.490)" in text
    assert "precision not measured, recall 0.000 (0.000 to" in text
