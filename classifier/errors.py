"""What can go wrong in this room, and what the caller does about it.

ClassifierError
├── TooFewExamples     a target cannot be learned from these examples: say what there is (exit code 2)
├── ClassFolderError   a folder with one folder a class is not what it should be: say what it has (exit code 2)
├── VideoSupportMissing the extra `video` is not installed (exit code 2)
├── RecipeSettingError a network's setting is unknown or impossible: name the nearest (exit code 2)
├── PictureFault       one picture cannot be looked at: file `reason`, go on with the next
├── VideoFault         one moving picture cannot be looked at, or not to its end: say `reason`, go on with the next
├── WorkerLostError    a worker process ended or speaks nonsense: it is replaced, the work tried once more
└── ModelError         the model or the device fails as a whole: stop the run (exit code 10)
    ├── PackageError   a model package is missing, altered or not what its manifest says
    │   └── WrongKind  a recogniser where a target's model is wanted, or the reverse (exit code 2)
    ├── CanaryError    the model does not give the scores that it was stored with
    ├── DeviceError    the runtime failed, ran out of memory at batch size 1, or is not installed
    ├── DeadlineError  loading or scoring took longer than allowed
    ├── ScoreError     too many scores of one batch are no probabilities
    └── TaggerError    the user's tagger is missing, of no known form, or gives no probabilities
"""

from __future__ import annotations

from collections.abc import Mapping

from storage.run_error import RunError


class ClassifierError(Exception):
    """The family of this room."""


class PictureFault(ClassifierError):
    """One picture cannot be looked at; never a reason to stop, never a reason to delete.

    `reason` is one of `REASONS` and ends up in `Look.fault`; the message may say more.
    """

    REASONS = (
        "undecodable",
        "unsupported",
        "too large",
        "truncated",
        "decoder crashed",
        "bad score",
        "too small to see",
    )

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class VideoFault(ClassifierError):
    """One moving picture cannot be looked at, or not to its end; never a reason to stop, or to delete.

    `reason` is one of `REASONS`; the message may say more.
    """

    REASONS = (
        "empty",
        "no video",
        "no video track",
        "no frames",
        "a still picture",
        "undecodable",
        "truncated",
        "too large",
        "too many frames",
        "delays unknown",
        "decoder crashed",
    )

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class VideoSupportMissing(ClassifierError, RunError):
    """Videos need a package that is not installed; nothing was done."""

    exit_code = 2


class ModelError(ClassifierError, RunError):
    """The model or the device fails as a whole: nothing may be scored."""

    exit_code = 10


class PackageError(ModelError):
    """A model package is missing, altered, or not what its manifest says."""


class WrongKind(PackageError):
    """A whole package, but of another kind than is wanted: a recogniser for a target's model, or the reverse."""

    exit_code = 2


class CanaryError(ModelError):
    """A model does not give the scores that it was stored with."""


class DeviceError(ModelError):
    """The runtime or its device failed, or is not there."""


class DeadlineError(ModelError):
    """Loading or scoring took longer than the settings allow."""


class ScoreError(ModelError):
    """Too many scores of one batch are no probabilities."""


class TaggerError(ModelError):
    """The tagger in the user's folder is not there, of no known form, fed wrongly, or fails as a whole."""


class WorkerLostError(ClassifierError):
    """A worker process ended, hangs, or speaks nonsense: replace it and try once more."""


class TooFewExamples(ClassifierError, RunError):
    """There is too little to learn a target from; the message counts what there is."""

    exit_code = 2

    def __init__(self, target: str, counts: Mapping[str, int], needed: Mapping[str, int], advice: str) -> None:
        there = ", ".join(f"{counts.get(name, 0)} {name} (at least {least})" for name, least in needed.items())
        super().__init__(f"too few examples to learn {target}: found {there}; {advice}")
        self.target, self.counts, self.needed, self.advice = target, dict(counts), dict(needed), advice


class ClassFolderError(ClassifierError, RunError):
    """A folder that should have one folder a class cannot be read, has none, or none that means the target."""

    exit_code = 2


class RecipeSettingError(ClassifierError, RunError):
    """A setting of a recipe is unknown, out of its range, or does not fit the others."""

    exit_code = 2
