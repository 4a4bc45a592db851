"""Pictures of a recipe's stages: what a search finds in the gallery, or what lies below folders.

A stage has pictures that show it and pictures that do not: `1girl` against `1boy`, say. They are decoded as the
training pictures are, and carry what tells near-duplicates: no copy of a picture that is measured on is trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from classifier.errors import ClassFolderError, PictureFault
from classifier.pictures.class_folders import LeftOut, files_below, read_class_file
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.training.job import StageOrder, stage_file
from classifier.training.splits import Identity
from rounds.errors import TooLittleToLearn
from rounds.examples.decoders import HashingDecoder
from rounds.examples.folder_pictures import ByteBudget, decoded
from rounds.training_job import TrainingSettings, gather_pictures
from storage.gallery_view import FoundPicture
from storage.plurals import counted

LEAST_OF_A_KIND = 20  # pictures that show a stage, and as many that do not
_MOST_OF_A_RENDITION = 4 * 1024 * 1024  # bytes, for the budget


class StageSettings(TrainingSettings, Protocol):
    """How a stage's pictures are decoded."""

    @property
    def held_bytes(self) -> int: ...  # of their files at the same time


@dataclass(frozen=True, slots=True)
class StagePicture:
    """One picture, not read yet."""

    size: int  # bytes, or an upper bound of them
    identity: Identity
    bring: Callable[[], bytes | None]  # None: it is gone

    def read(self) -> bytes:
        """Its content.

        Raises:
            PictureFault: it is gone, or no picture any more.
            OSError: it cannot be read.
        """
        content = self.bring()
        if content is None:
            raise PictureFault("unsupported", f"{self.identity.md5} is not there any more")
        return content


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what shows it, and what does not."""

    name: str
    positives: Sequence[StagePicture]
    negatives: Sequence[StagePicture]

    def __post_init__(self) -> None:
        for kind, pictures in (("show it", self.positives), ("do not", self.negatives)):
            if len(pictures) < LEAST_OF_A_KIND:
                raise TooLittleToLearn(
                    f"stage {self.name} has {len(pictures)} pictures that {kind}; at least {LEAST_OF_A_KIND} are "
                    "needed: ask for more, or leave the stage out",
                )


def stored_pictures(found: Sequence[FoundPicture], read: Callable[[int], bytes | None]) -> list[StagePicture]:
    """What a search found in the gallery.

    Args:
        found: by `storage.gallery_view.found_pictures`.
        read: gives the stored rendition of a file version; None: there is none.
    """

    def picture(one: FoundPicture) -> StagePicture:
        identity = Identity(one.post_id, one.md5, parent_id=one.parent_id, site=one.site)
        return StagePicture(_MOST_OF_A_RENDITION, identity, lambda: read(one.version_id))

    return [picture(one) for one in found]


def pictures_below(folder: Path) -> list[StagePicture]:
    """Every picture below a folder; reads each file once.

    Raises:
        ClassFolderError: there is no such folder.
    """
    if not folder.is_dir():
        raise ClassFolderError(f"there is no folder {folder}")
    left: list[LeftOut] = []
    found = []
    for number, path in enumerate(files_below(folder, folder, left), start=1):
        try:
            content = read_class_file(path, folder)
        except OSError:
            continue
        if content is not None:
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            identity = Identity(number, md5, site=str(folder))
            found.append(StagePicture(len(content), identity, partial(read_class_file, path, folder)))
    return found


def without_both(name: str, positives: Sequence[StagePicture], negatives: Sequence[StagePicture]) -> Stage:
    """A stage without the pictures that both sides name.

    Raises:
        TooLittleToLearn: too few are left on a side.
    """
    both = {one.identity.md5 for one in positives} & {one.identity.md5 for one in negatives}
    return Stage(
        name,
        [one for one in positives if one.identity.md5 not in both],
        [one for one in negatives if one.identity.md5 not in both],
    )


async def decode_stage(
    stage: Stage, place: tuple[Path, int], settings: StageSettings, decoder: HashingDecoder, report: ProgressCallback
) -> StageOrder:
    """Decode a stage's pictures into an array of the work folder; what cannot be decoded is left out.

    Args:
        stage: which.
        place: the work folder, and the stage's number.
        settings: size, and how many at a time.
        decoder: by the preprocessing of the network first.
        report: progress.

    Raises:
        TooLittleToLearn: too few of a side can be decoded.
    """
    folder, number = place
    pictures = [*stage.positives, *stage.negatives]
    hashes: dict[int, int] = {}
    budget = ByteBudget(settings.held_bytes)

    async def bring(row: int) -> Pixels | None:
        try:
            seen = await decoded(pictures[row], decoder, budget)
        except (PictureFault, OSError):
            return None
        hashes[row] = seen.hash
        return seen.pixels[0]

    def tell(share: float, held: int) -> None:
        report("reading", share, f"{counted(held, 'picture')} of stage {stage.name}")

    rows = await gather_pictures(len(pictures), bring, folder, settings, tell, stage_file(number))
    positives = sum(row < len(stage.positives) for row in rows)
    kept = [pictures[row] for row in rows]
    Stage(stage.name, kept[:positives], kept[positives:])
    identities = [replace(pictures[row].identity, picture_hash=hashes[row]) for row in rows]
    return StageOrder(stage.name, positives, identities)
