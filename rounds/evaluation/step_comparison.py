"""Whether the network of round 0 is better than the first model: only then does it take over.

Both were learned from the same pictures, so both have figures on the same ones kept aside. Where the training process
has compared them itself, its word holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classifier.package.package import load_package
from classifier.training.step_agreement import LEAST_GAIN, StepComparison
from rounds.training_job import NewModel
from storage.plurals import counted


def compare_steps(first: Path, network: NewModel) -> StepComparison:
    """Compare a finished network's model with the first one.

    Args:
        first: the package of the model in force.
        network: the new one.

    Raises:
        PackageError: a package is missing or altered.
    """
    if compared := network.facts.get("compared"):
        return StepComparison(bool(compared["better"]), str(compared["why"]))
    old, new = load_package(first), load_package(network.folder)
    if new.refusal or old.refusal:
        return _by_refusal(old.refusal, new.refusal)
    held_out = _held_out(old.snapshot)
    if not held_out or held_out != _held_out(new.snapshot):
        return StepComparison(False, "the two were measured on different pictures, so nothing says that it is better")
    return _by_ranking(old.metrics, new.metrics, len(held_out))


def _by_refusal(old: str, new: str) -> StepComparison:
    """A model that may decide is better than one that may not."""
    if new:
        return StepComparison(False, f"it may not decide: {new}")
    return StepComparison(True, f"it may decide, and the first model may not: {old}")


def _held_out(snapshot: Mapping[str, Any]) -> frozenset[str]:
    """MD5s of the pictures that a package was measured on."""
    return frozenset((snapshot.get("parts") or {}).get("test", ()))


def _by_ranking(old: Mapping[str, Any], new: Mapping[str, Any], pictures: int) -> StepComparison:
    """The one that ranks the pictures kept aside better; figures at a threshold rest on too few of them."""
    before, after = _average_precision(old), _average_precision(new)
    if before is None or after is None:
        return StepComparison(False, "there is no figure to compare the two by")
    figures = f"average precision {after:.3f} against {before:.3f} on {counted(pictures, 'picture')} kept aside"
    return StepComparison(after > before + LEAST_GAIN, figures)


def _average_precision(metrics: Mapping[str, Any]) -> float | None:
    value = ((metrics.get("test") or {}).get("average_precision") or {}).get("value")
    return None if value is None else float(value)
