"""What goes to a worker and comes back: records that are sent whole, and errors by their name.

An exception of ours is sent as its name and its line, as between our own processes: what a foreign library attaches to
one need not be readable on the other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from classifier import errors
from classifier.errors import DeviceError, ModelError
from classifier.judge import JudgeSettings
from storage.records import JudgeStats, Look, ModelCard


@dataclass(frozen=True, slots=True)
class PackedFolder:
    """A folder's files, to be written elsewhere."""

    name: str  # the folder's own
    files: Mapping[str, bytes]  # by path below the folder, with slashes


@dataclass(frozen=True, slots=True)
class JudgeOrder:
    """What a worker is to load."""

    cards: Mapping[str, ModelCard]  # by `Target.name`
    packages: Mapping[str, PackedFolder]  # by `Target.name`
    settings: JudgeSettings
    embeddings_alone: bool = False  # one package, of either kind, whose head is not asked


@dataclass(frozen=True, slots=True)
class MovingFile:
    """A look inside a moving file, as `crawler.judge.Judge.look_inside` has it."""

    seen: bytes | Mapping[str, bytes]
    file: bytes
    frames: int  # at most


Question: TypeAlias = bytes | MovingFile  # an encoded picture, or more


@dataclass(frozen=True, slots=True)
class LoadedTagger:
    """What a worker found the user's tagger to be."""

    title: str
    tags: tuple[str, ...]
    network: str
    checked: str


@dataclass(frozen=True, slots=True)
class WorkerError:
    """Why a worker could not answer: an error of ours."""

    name: str  # of its class in `classifier.errors`
    message: str

    @classmethod
    def of(cls, error: Exception) -> WorkerError:
        """What is sent of it; one that is not of the classifier's is a failing device."""
        if isinstance(error, ModelError):
            return cls(type(error).__name__, str(error))
        return cls(DeviceError.__name__, f"{type(error).__name__}: {error}")

    def error(self, where: str) -> ModelError:
        """The exception again, with the machine where it was raised."""
        family = getattr(errors, self.name, DeviceError)
        error: ModelError = family(f"on {where}: {self.message}")
        return error


@dataclass(frozen=True, slots=True)
class WorkerReply:
    """What a worker answers."""

    looks: Sequence[Look] = ()
    stats: JudgeStats = field(default_factory=lambda: JudgeStats(0, 0, 0.0, 0, "none", "none"))  # since it loaded
    tagger: LoadedTagger | None = None
    error: WorkerError | None = None


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who a worker is."""

    host: str
    version: str  # of this program; empty: it runs from its source


def worker_share(settings: JudgeSettings, processors: int) -> JudgeSettings:
    """The settings for one worker, which has so many processors of its machine."""
    runtime = replace(settings.scorer.runtime, threads=settings.scorer.runtime.threads or processors)
    return replace(
        settings,
        decoders=replace(settings.decoders, processes=processors),
        scorer=replace(settings.scorer, runtime=runtime),
        standby=None,
    )


def pack(folder: Path) -> PackedFolder:
    """Read a folder whole, which must not change meanwhile.

    Raises:
        OSError: a file cannot be read.
    """
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    return PackedFolder(folder.name, files)


def unpack(packed: PackedFolder, below: Path) -> Path:
    """Write the files into a folder of the packed one's name, below another that is there; gives the folder.

    Raises:
        ValueError: a name leads out of the folder. OSError: it cannot be written.
    """
    folder = below / packed.name
    for name, content in packed.files.items():
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise ValueError(f"{name!r} is no name of a file in a folder")
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
