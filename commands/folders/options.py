"""What `crawl classify` was asked for, checked before anything is looked at."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from commands.context.output_paths import check_output_folder
from commands.errors import UsageRefused
from crawler.folder_outputs import Destinations
from crawler.sources.local_files import outermost
from storage.files.layout import gallery_around, is_gallery
from storage.folders.placement import How


@dataclass(frozen=True, slots=True)
class ClassifyOptions:
    """The options of `crawl classify`."""

    folders: tuple[Path, ...] = ()
    keep: str | None = None  # a target, or one of its models: mona/3
    recogniser: str | None = None  # sort by its names instead
    how: How = How.LIST
    to: Path | None = None
    rejects: Path | None = None
    threshold: float | None = None  # 0..1; None: the model's own
    truth: Path | None = None  # one folder a class, or a table
    undo: Path | None = None  # a journal; nothing is looked at
    site: str | None = None  # whom to ask for posts by md5
    engine: str | None = None  # what looks at the pictures, where the settings are not to say
    as_json: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class CheckedOptions:
    """The options, and the folders that they mean."""

    options: ClassifyOptions
    folders: tuple[Path, ...]  # absolute, none within another
    destinations: Destinations = field(default_factory=Destinations)
    listed_in: Path | None = None  # where the list is written


def checked(options: ClassifyOptions) -> CheckedOptions:
    """Refuse what contradicts itself.

    Raises:
        UsageRefused: says what to do instead; nothing was done.
    """
    if not options.folders:
        raise UsageRefused("say which folder to look at: crawl classify FOLDER --keep mona")
    if (options.keep is None) == (options.recogniser is None):
        raise UsageRefused("say what to keep, --keep mona, or by whose names to sort, --with NAME: one of the two")
    if options.recogniser is not None and options.threshold is not None:
        raise UsageRefused("--threshold is a target's; a recogniser has limits of its own, so leave it out")
    if options.recogniser is not None and options.truth is not None:
        raise UsageRefused(f"crawl evaluate {options.recogniser} --on DIR measures a recogniser; leave --truth out")
    for folder in options.folders:
        if not folder.exists():
            raise UsageRefused(f"{folder} is not there; name a folder with pictures")
        if is_gallery(folder):
            raise UsageRefused(
                f"{folder} is a gallery, with most pictures in two sizes; name its folder gallery, where those are "
                "that were kept, or ask crawl query"
            )
    folders = tuple(outermost([folder.resolve() for folder in options.folders]))
    if options.how is How.LIST:
        return CheckedOptions(options, folders, listed_in=_list_folder(options))
    return CheckedOptions(options, folders, _destinations(options, folders))


def _list_folder(options: ClassifyOptions) -> Path:
    if options.rejects is not None:
        raise UsageRefused("--rejects needs --how copy, link or move; a list has all files in one table")
    folder = (options.to or Path()).absolute()
    check_output_folder(folder, "--to")
    return folder


def _destinations(options: ClassifyOptions, folders: tuple[Path, ...]) -> Destinations:
    if options.to is None and options.rejects is None:
        raise UsageRefused(f"--how {options.how} needs a place: --to DIR for what is kept, --rejects DIR for the rest")
    named = {"--to": options.to, "--rejects": options.rejects}
    real = {option: _real(folder) for option, folder in named.items() if folder is not None}
    if len(set(real.values())) < len(real):
        raise UsageRefused("--to and --rejects are the same folder; name two")
    for option, folder in real.items():
        check_output_folder(folder, option)
        inside = next((one for one in folders if _real(one).is_relative_to(folder)), None)
        if inside is not None:
            raise UsageRefused(f"{inside} lies in {option} {folder}, which is not looked at; name another {option}")
    if options.how is How.MOVE:
        for one in folders:
            gallery = one if is_gallery(one) else gallery_around(one)
            if gallery is not None:
                raise UsageRefused(
                    f"{one} belongs to the gallery {gallery}, which must know where its files are; use --how copy or "
                    "link, or crawl apply"
                )
    return Destinations(real.get("--to"), real.get("--rejects"), by_name=options.recogniser is not None)


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))
