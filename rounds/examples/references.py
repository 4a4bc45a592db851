"""Reference pictures of a round: a person's few pictures, decoded and embedded.

Each is labelled as showing the target. They take part in fitting and, out of fold, in choosing the threshold; they are
no rows of the gallery, so no decision is made about them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.errors import PictureFault
from classifier.package.package import Package
from classifier.package.references import References
from classifier.pictures.class_folders import LeftOut, why_not
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.references.folder import ReferenceFolder, check_enough_references
from classifier.training.pipeline import Example
from classifier.training.splits import Identity
from rounds.examples.decoders import HashingDecoder
from rounds.examples.folder_pictures import HELD_BYTES, ByteBudget, decoded
from rounds.training_job import embedded
from storage.plurals import counted

Embed = Callable[[Package, Pixels], npt.NDArray[np.float16]]  # (n, d), of n prepared pictures


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePixels:
    """Reference pictures, preprocessed for a network; k of them."""

    folder: Path  # where they lie
    pixels: Pixels  # (k, size, size, 3)
    md5s: Sequence[str]
    hashes: Sequence[int]
    left_out: Sequence[LeftOut]  # what cannot be decoded

    def __len__(self) -> int:
        return len(self.md5s)

    def examples(self, tag: str) -> list[Example]:
        """An example for each, labelled with the tag of the target."""
        return [
            Example(Identity(-number, md5, picture_hash=hash_), (tag,), labelled=True, reference=True)
            for number, (md5, hash_) in enumerate(zip(self.md5s, self.hashes, strict=True), start=1)
        ]

    def looked_at(self, package: Package, embed: Embed = embedded) -> References:
        """Their embeddings by the package's network."""
        return References(embed(package, self.pixels), self.md5s, np.array(self.hashes, dtype=np.uint64))


async def decoded_references(
    folder: ReferenceFolder, decoder: HashingDecoder, report: ProgressCallback
) -> ReferencePixels:
    """Decode a folder's pictures, one after the other: they are few.

    Args:
        folder: the folder.
        decoder: for one preprocessing.
        report: progress.

    Raises:
        ClassFolderError: too few of them can be decoded; names the others.
    """
    budget, left = ByteBudget(HELD_BYTES), list(folder.left_out)
    pixels: list[Pixels] = []
    md5s: list[str] = []
    hashes: list[int] = []
    for number, picture in enumerate(folder.pictures, start=1):
        try:
            seen = await decoded(picture, decoder, budget)
        except (PictureFault, OSError) as error:
            left.append(LeftOut(picture.name, why_not(error)))
            continue
        pixels.append(seen.pixels[0])
        md5s.append(picture.md5)
        hashes.append(seen.hash)
        report("reading", number / len(folder.pictures), counted(len(pixels), "reference picture"))
    check_enough_references(folder.folder, len(pixels), left)
    return ReferencePixels(folder.folder, np.stack(pixels), md5s, hashes, tuple(left[len(folder.left_out) :]))
