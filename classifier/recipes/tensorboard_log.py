"""Curves and histograms of weights for TensorBoard, which is a package of its own: without it, nothing is written."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from classifier.recipes.trained import Epoch


def installed() -> bool:
    """Whether the package `tensorboard` is there."""
    return importlib.util.find_spec("tensorboard") is not None


class TensorBoardLog:
    """The log of one stage; does nothing where there is no folder or no package."""

    def __init__(self, model: Any, folder: Path | None, name: str) -> None:
        self._callback: Any = None
        if folder is None or not installed():
            return
        import keras

        self._callback = keras.callbacks.TensorBoard(str(folder / name), histogram_freq=1, write_graph=False)
        self._callback.set_model(model)
        self._callback.on_train_begin()

    def epoch(self, epoch: Epoch) -> None:
        """Write an epoch's figures, and the histograms of the weights as they are now."""
        if self._callback is None:
            return
        self._callback.on_epoch_end(
            epoch.number - 1,
            {
                "loss": epoch.loss,
                "accuracy": epoch.accuracy,
                "val_loss": epoch.validation_loss,
                "val_accuracy": epoch.validation_accuracy,
            },
        )

    def close(self) -> None:
        """Finish the files."""
        if self._callback is not None:
            self._callback.on_train_end()
