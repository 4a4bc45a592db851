"""Which of two recognisers of the same pictures is better, and whether a second one is likely to be.

The first is a last layer on the pretrained network's embeddings, which takes seconds; the second a network that was
trained on the classes, which takes minutes. Both are asked about pictures that neither has learned from.
"""

from __future__ import annotations

from rounds.recogniser_round import TrainedRecogniser

_ENOUGH = 0.985  # share of right answers from which a trained network can gain little
_LEAST = 20  # pictures of the rarest class, below which a trained network learned less than it was given
_SAMPLES_A_SECOND = 60  # that one free processor learns from, 96 pixels


def better_of(first: TrainedRecogniser, second: TrainedRecogniser) -> tuple[TrainedRecogniser, str]:
    """The one that is right more often about the same pictures, and why; of equals the first."""
    both = first.right.keys() & second.right.keys()
    rights = [sum(one.right[md5] for md5 in both) for one in (first, second)]
    chosen = second if rights[1] > rights[0] else first
    return chosen, (
        f"{chosen.network} is in force: of {len(both)} pictures that neither learned from, {second.network} is right "
        f"about {rights[1]}, {first.network} about {rights[0]}"
    )


def pays(first: TrainedRecogniser, epochs: int) -> str:
    """Why a network that is trained on the classes is likely to be better, in how long; empty: it is not.

    Args:
        first: a last layer on embeddings, with figures out of fold.
        epochs: that the network would be trained for.
    """
    measured = first.done["metrics"].get("out_of_fold")
    if measured is None or measured["accuracy"]["value"] >= _ENOUGH or min(first.classes.values()) < _LEAST:
        return ""
    minutes = max(1, round(sum(first.classes.values()) * 0.75 * epochs / _SAMPLES_A_SECOND / 60))
    return (
        f"{measured['accuracy']['value']:.3f} right leaves room: a network trained on these classes may know more, "
        f"after about {minutes} min of a free processor"
    )
