"""The stages of a recipe as `--stages FILE` or `crawl.toml` name them: pictures of the gallery, or of folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from classifier.errors import ClassFolderError
from commands.context.settings import StageEntry, load_stages
from commands.context.train_options import TrainOptions
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from rounds.examples.stage_pictures import Stage, StagePicture, pictures_below, stored_pictures, without_both
from storage.database.engines.location import has_database
from storage.gallery_view import Renditions, found_pictures
from storage.reader import Reader
from storage.search.language import parse


def stage_entries(options: TrainOptions, workspace: Workspace) -> tuple[StageEntry, ...]:
    """The stages that are asked for, checked before anything is read or made.

    Raises:
        SettingsError: the file of stages cannot be read, or makes no sense.
        UsageRefused: a stage asks for pictures of a gallery that is not there.
        ClassFolderError: there is no such folder.
    """
    entries = workspace.settings.train.stages if options.stages is None else load_stages(options.stages)
    gallery = has_database(workspace.root)
    for entry in entries:
        if (entry.positive or entry.negative) and not gallery:
            raise UsageRefused(
                f"stage {entry.name} searches the gallery, and {workspace.root} is none yet: crawl first, or name "
                "positive_folder and negative_folder"
            )
        for folder in (entry.positive_folder, entry.negative_folder):
            if folder and not Path(folder).is_dir():
                raise ClassFolderError(f"stage {entry.name}: there is no folder {folder}")
    return entries


@contextmanager
def stages_of(entries: Sequence[StageEntry], workspace: Workspace) -> Iterator[tuple[Stage, ...]]:
    """The stages with their pictures, which can be read while the block runs.

    Raises:
        QueryError: a search cannot be read.
        TooLittleToLearn: a side has too few pictures.
    """
    with ExitStack() as stack:
        pictures = _Pictures(stack, workspace)
        yield tuple(
            without_both(
                entry.name,
                pictures.of(entry.positive, entry.positive_folder, entry),
                pictures.of(entry.negative, entry.negative_folder, entry),
            )
            for entry in entries
        )


class _Pictures:
    """Finds pictures; opens the gallery when the first search needs it."""

    def __init__(self, stack: ExitStack, workspace: Workspace) -> None:
        self._stack, self._workspace = stack, workspace
        self._opened: tuple[Reader, Renditions] | None = None

    def of(self, search: str, folder: str, entry: StageEntry) -> list[StagePicture]:
        """Those of one side of a stage."""
        if folder:
            return pictures_below(Path(folder))[: entry.at_most]
        reader, renditions = self._gallery()
        now, query = datetime.now(UTC), reader.meant(parse(search))
        found = reader.ask(lambda c: found_pictures(c, query, now=now, limit=entry.at_most))
        return stored_pictures(found, renditions.read)

    def _gallery(self) -> tuple[Reader, Renditions]:
        if self._opened is None:
            reader = self._stack.enter_context(read_gallery(self._workspace))
            self._opened = reader, self._stack.enter_context(closing(Renditions(reader)))
        return self._opened
