"""Names for arrays of one element type each; comments beside a name say its shape, its unit and its range.

`FloatArray`    float64: figures, scores and log odds, wherever they are computed
`Float32Array`  float32: what networks take and give
`IntArray`      int64: row numbers, groups, counts
`BoolArray`     bool: one flag a row
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
