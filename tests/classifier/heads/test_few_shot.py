"""A handful of positives: what the untagged pictures add, and what they must not."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.heads.few_shot import with_unlabelled
from classifier.heads.logistic_head import LinearHead
from classifier.heads.out_of_fold import Deals, Examples, cross_fit
from classifier.metrics.quality import average_precision

WIDTH, STYLE, REFERENCES, OTHERS = 80, 40, 5, 300
ONE_DEAL = Deals(deals=1)


def world(hidden: int, seed: int = 0) -> tuple[Examples, np.ndarray, np.ndarray, np.ndarray]:
    """Five references, pictures of others, and untagged ones of which so many show the target; and new pictures."""
    random = np.random.default_rng(seed)
    truth = np.zeros(REFERENCES + OTHERS + 300 + 400, dtype=bool)
    truth[:REFERENCES] = truth[REFERENCES + OTHERS : REFERENCES + OTHERS + hidden] = truth[-100:] = True
    vectors = random.normal(size=(len(truth), WIDTH))
    vectors[:, :STYLE] *= 2.0  # tells pictures apart, but not who is in them: five references share some by chance
    vectors[truth, STYLE : STYLE + 6] += 1.5
    seen = len(truth) - 400
    unlabelled = np.arange(seen) >= REFERENCES + OTHERS
    examples = Examples(
        vectors=vectors[:seen],
        share=(np.arange(seen) < REFERENCES).astype(float),
        weights=(~unlabelled).astype(float),
        groups=np.arange(seen),
        start=LinearHead(np.zeros(WIDTH), 0.0),
    )
    return examples, unlabelled, vectors[seen:], truth[seen:]


@pytest.mark.parametrize(("hidden", "gain"), [(60, 0.1), (0, -0.02)])
def test_untagged_pictures_help_where_they_show_the_target_and_harm_little_where_none_does(
    hidden: int, gain: float
) -> None:
    gains = []
    for seed in range(2):
        examples, unlabelled, new, truth = world(hidden, seed)
        alone = cross_fit(examples, 0.1, ONE_DEAL)

        _, together = with_unlabelled(examples, alone, unlabelled, 0.1, ONE_DEAL)

        before, after = (average_precision(head.logits(new), truth) for head in (alone.head, together.head))
        gains.append(after - before)
    assert np.mean(gains) > gain, gains


def test_a_label_is_never_changed() -> None:
    examples, unlabelled, _, _ = world(60)

    believed, _ = with_unlabelled(examples, cross_fit(examples, 0.1, ONE_DEAL), unlabelled, 0.1, ONE_DEAL)

    assert (believed.share[~unlabelled] == examples.share[~unlabelled]).all()
    assert (believed.weights[~unlabelled] == 1).all()
    assert (believed.weights[unlabelled] < 1).all()
