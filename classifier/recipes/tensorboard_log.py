"""Curves and histograms of weights for TensorBoard, which is a package of its own: without it, nothing is written."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classifier.recipes.trained import Epoch


def installed() -> bool:
    """Whether the package `tensorboard` is there."""
    return importlib.util.find_spec("tensorboard") is not None


class TensorBoardLog:
    """The log of one stage; does nothing where there is no folder or no package."""

    def __init__(self, model: Any, folder: Path | None, name: str, *, histograms: bool = True) -> None:
        self._callback: Any = None
        if folder is None or not installed():
            return
        import keras

        self._callback = keras.callbacks.TensorBoard(
            str(folder / name), histogram_freq=int(histograms), write_graph=False
        )
        self._callback.set_model(model)
        self._callback.on_train_begin()

    def epoch(self, epoch: Epoch) -> None:
        """Write an epoch's figures, and the histograms of the weights as they are now."""
        self.figures(
            epoch.number - 1,
            {
                "loss": epoch.loss,
                "accuracy": epoch.accuracy,
                "val_loss": epoch.validation_loss,
                "val_accuracy": epoch.validation_accuracy,
            },
        )

    def figures(self, number: int, values: Mapping[str, float]) -> None:
        """Write figures at a place of the curves, with the histograms of the weights where those are wanted."""
        if self._callback is not None:
            self._callback.on_epoch_end(number, dict(values))

    def close(self) -> None:
        """Finish the files."""
        if self._callback is not None:
            self._callback.on_train_end()
