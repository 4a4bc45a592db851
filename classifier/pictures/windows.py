"""Where to look in a picture that is far longer than wide: square windows along its long side.

A page of twenty panels, shrunk until it fits into a network's input, is six pixels wide. So pictures of extreme shape
are looked at whole and in windows. Geometry alone decides which, from the upright size of the whole picture: the same
picture has the same windows wherever it is looked at. Imports nothing heavy: decoder processes use it.
"""

from __future__ import annotations

import math

Window = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the whole picture, upright

EXTREME = 1.9  # long side : short side, over which windows are cut: two panels in a column are over it
MOST_WINDOWS = 8  # a picture costs nine looks at most
_STEP = 0.75  # of a window, from one to the next; half a window is 40 % more looks and finds no more
LEAST_SHOWN = 0.4  # of the input's side that the short side must fill with its own pixels, or nobody is ruled out


def windows_of(width: int, height: int) -> tuple[Window, ...]:
    """The windows of a picture, from its top or left end; none where its shape is ordinary.

    They are squares of its short side, equally far apart. Where `MOST_WINDOWS` of these leave gaps, the windows grow
    along the long side until they do not.
    """
    short, long = sorted((width, height))
    if long <= EXTREME * short:
        return ()
    count = min(MOST_WINDOWS, math.ceil((long / short - 1) / _STEP) + 1)
    length = max(float(short), long / count)
    starts = [(long - length) * place / (count - 1) for place in range(count)]
    if height >= width:
        return tuple((0.0, start, float(width), start + length) for start in starts)
    return tuple((start, 0.0, start + length, float(height)) for start in starts)


def too_small(width: int, height: int, size: int) -> bool:
    """Whether the windows show too little to rule the target out; `size` is the input's side in pixels.

    Either the picture is too narrow for the network, or so long that its windows had to grow: what one cuts is then
    whole in no other, and half of the faces were lost where that was measured.
    """
    short, long = sorted((width, height))
    if long <= EXTREME * short:
        return False
    return short < LEAST_SHOWN * size or long > (1 + _STEP * (MOST_WINDOWS - 1)) * short
