"""`crawl train … --synthetic MODEL`: who paints for classes of a folder that have few pictures."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from commands.context.train_options import TrainOptions
from commands.context.workspace import Workspace

if TYPE_CHECKING:
    from rounds.generation.paintings import SyntheticSource


def painter_of(options: TrainOptions, labels: Collection[str], workspace: Workspace) -> SyntheticSource | None:
    """Who paints; None: nobody was asked for.

    Args:
        options: name the generator, and up to how many it fills a class.
        labels: the folder's classes.
        workspace: its settings say the seed.

    Raises:
        PackageError: the generator is missing or altered. WrongKind: it is none.
        TooLittleToLearn: it knows no class of the folder.
    """
    if options.synthetic is None:
        return None
    from classifier.generator.package import load_generator
    from rounds.generation.paintings import synthetic_source

    package = load_generator(options.synthetic.absolute())
    return synthetic_source(package, sorted(labels), workspace.settings.round_zero.seed, options.fill_to)
