"""A person's folders, one a class, as examples to learn a target from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classifier.pictures.class_folders import ClassFolder, ClassPicture, nameless
from classifier.training.examples import Example, Minimum
from classifier.training.splits import Identity
from rounds.errors import TooLittleToLearn
from storage.records import Target

_POSITIVES_AT_MOST = 1 / 3  # share of the pictures, when there are more than may be looked at


def check_enough(class_folder: ClassFolder, target: Target) -> None:
    """Refuse before thousands of pictures are decoded when the folder has too few.

    Raises:
        TooLittleToLearn: it has; says how many.
    """
    least = Minimum()
    shown = sum(picture.shows for picture in class_folder.pictures)
    others = len(class_folder.pictures) - shown
    if shown < least.positives or others < least.negatives:
        raise TooLittleToLearn(
            f"too few pictures to learn {target.name}: {class_folder.folder} has {shown} that show it (at least "
            f"{least.positives} needed) and {others} that do not (at least {least.negatives}); add more, one folder a "
            "class; a folder called other takes whatever has no name",
            target.name,
            {"positives": shown, "others": others},
        )


def chosen_pictures(pictures: Sequence[ClassPicture], most: int, seed: int) -> list[ClassPicture]:
    """All of them, or a seeded choice: a third of the target at least, as far as there are so many."""
    shuffled = np.random.default_rng(seed).permutation(len(pictures)).tolist()
    shown = [row for row in shuffled if pictures[row].shows]
    others = [row for row in shuffled if not pictures[row].shows]
    shown = shown[: max(int(most * _POSITIVES_AT_MOST), most - len(others))]
    return [pictures[row] for row in sorted(shown + others[: most - len(shown)])]


def examples_of_classes(pictures: Sequence[ClassPicture], hashes: Sequence[int], target: Target) -> list[Example]:
    """The training example of each picture; numbers take the place of post ids."""
    return [
        Example(
            Identity(post_id=number, md5=picture.md5, picture_hash=hash_, set_key=picture.group),
            characters=(target.tag,) if picture.shows else () if nameless(picture.label) else (picture.label,),
            labelled=True,
        )
        for number, (picture, hash_) in enumerate(zip(pictures, hashes, strict=True), start=1)
    ]
