"""Whether a tagger gets the input that it expects: checked before a run, with pictures whose colour is known.

No pictures with true tags come with a tagger, so this is no proof that it tags well. What can be known without them:
the answers are probabilities, they depend on the picture, they do not depend on its neighbours in the batch, and a red
picture is called red rather than blue. The last finds red and blue in the wrong order, the one mistake that raises no
error and costs a little of everything. Where the tags speak of no colours, or their answers hardly depend on them, the
order is not known, and that is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from classifier.arrays import FloatArray
from classifier.errors import TaggerError
from classifier.pictures.preprocessing import Pixels
from classifier.taggers.onnx_tagger import OnnxTagger

THINGS = ("background", "theme", "hair", "eyes", "dress", "shirt", "skirt", "sky", "flower")
SURE = 0.5  # nats, mean over the tags: from here on the answers tell the order
_SAME = 2e-2  # between the probabilities of a picture alone and in a batch
_RED, _BLUE = (220, 40, 40), (40, 40, 220)
_SMALLEST = 1e-6  # a probability; keeps log odds finite


def check_feeding(tagger: OnnxTagger, *, choosable: bool) -> str:
    """Feed known pictures; says what was found, for the log.

    Args:
        tagger: what to check.
        choosable: the order of the colours was not chosen by the user, so the message may say how to.
    Raises:
        TaggerError: it does not answer with probabilities, answers all pictures alike, or takes red for blue.
    """
    pictures = known_pictures(tagger.preprocessing.size)
    said = tagger.answers(pictures)
    answers = said.probabilities
    if said.vectors is not None and not _tells_pictures_apart(said.vectors):
        tagger.forget_layer()
    if not np.isfinite(answers).all():
        raise TaggerError("the tagger gives no numbers for a plain picture; its network is broken")
    if float(np.ptp(answers, axis=0).max()) < 1e-6:
        raise TaggerError("the tagger gives the same answer for every picture; its network is broken or fed wrongly")
    alone = tagger.probabilities(pictures[:1])
    if float(np.abs(alone[0] - answers[0]).max()) > _SAME:
        raise TaggerError("the tagger's answer depends on the other pictures of a batch; export it with a free batch")
    return _order(tagger, answers, choosable)


def _tells_pictures_apart(vectors: npt.NDArray[np.float16]) -> bool:
    """Whether a penultimate layer is numbers that depend on the picture."""
    return bool(np.isfinite(vectors).all()) and bool((vectors != vectors[0]).any())


def _order(tagger: OnnxTagger, answers: FloatArray | npt.NDArray[np.float32], choosable: bool) -> str:
    margin = colour_margin(tagger.tags, answers.astype(np.float64))
    if margin is None:
        return "the order of its colours is not checked: its tags name none"
    if margin <= -SURE:
        how = '; write `channels = "rgb"` or "bgr" under [tagger], the other one than now' if choosable else ""
        raise TaggerError(
            "the tagger calls red pictures blue and blue ones red: red and blue are fed in the wrong order "
            f"(margin {margin:.1f}){how}"
        )
    if margin < SURE:
        return f"the order of its colours is not known: its answers hardly depend on them (margin {margin:.1f})"
    return f"it tells red from blue (margin {margin:.1f})"


def colour_margin(tags: Sequence[str], answers: FloatArray) -> float | None:
    """By how much red pictures are called red rather than blue, and blue ones blue: log odds, mean over the tags.

    Args:
        tags: what the answers are about.
        answers: for `known_pictures`, shape (4, tags), 0..1.
    Returns:
        Above zero for the right order; None where no tag names these colours.
    """
    place = {tag: at for at, tag in enumerate(tags)}
    pairs = [
        (place[f"red_{thing}"], place[f"blue_{thing}"])
        for thing in THINGS
        if f"red_{thing}" in place and f"blue_{thing}" in place
    ]
    if not pairs:
        return None
    clipped = np.clip(answers, _SMALLEST, 1 - _SMALLEST)
    odds = np.log(clipped / (1 - clipped))
    red, blue = odds[:2].mean(axis=0), odds[2:].mean(axis=0)
    leans = [(red[r] - blue[r]) - (red[b] - blue[b]) for r, b in pairs]
    return float(np.mean(leans)) / 2


def known_pictures(size: int) -> Pixels:
    """Red and blue pictures, two each: a plain one, and a figure before it; shape (4, size, size, 3), RGB."""
    return np.stack([np.asarray(draw(size, colour)) for colour in (_RED, _BLUE) for draw in (_plain, _figure)])


def _plain(size: int, colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (size, size), colour)


def _figure(size: int, colour: tuple[int, int, int]) -> Image.Image:
    """A grey head and shoulders with hair and eyes of the colour: enough for a network that expects a person."""
    picture = Image.new("RGB", (size, size), colour)
    draw = ImageDraw.Draw(picture)
    unit = size / 16
    draw.ellipse((3 * unit, 10 * unit, 13 * unit, 22 * unit), fill=(120, 120, 120))
    draw.ellipse((4.5 * unit, 2 * unit, 11.5 * unit, 11 * unit), fill=colour, outline=(30, 30, 30))
    draw.ellipse((5.2 * unit, 4 * unit, 10.8 * unit, 11 * unit), fill=(235, 225, 220), outline=(30, 30, 30))
    for left in (6.2, 8.6):
        draw.ellipse((left * unit, 6.5 * unit, (left + 1.2) * unit, 8 * unit), fill=colour, outline=(20, 20, 20))
    return picture
