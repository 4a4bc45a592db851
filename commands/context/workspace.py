"""Where a command works: the root, the settings, and the site that is meant."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from commands.context.settings import Scoring, Settings, check_choice, load_settings
from commands.terminal.user_paths import PathRefused, expanded
from storage.archive_records import utc_now

DEMO = "demo"

Clock: TypeAlias = Callable[[], datetime]  # with a time zone


@dataclass(frozen=True, slots=True)
class Workspace:
    """A root folder, a site, and the settings that hold there."""

    root: Path
    site: str  # name or URL
    settings: Settings
    config: Path | None = None  # the file of settings, when the user named one
    site_named: bool = True  # by the user, on the command line or in the environment
    clock: Clock = utc_now  # what the gallery's records go by


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where a new gallery's rows and pictures are to be, as typed; None: what the environment and the settings say."""

    database: str | None = None  # address of a Postgres database
    files: str | None = None  # of an S3 bucket


def load_workspace(
    root: Path | None,
    config: Path | None,
    site: str | None = None,
    score_on: str | None = None,
    elsewhere: Elsewhere | None = None,
    *,
    clock: Clock | None = None,
) -> Workspace:
    """What flags, the environment and the file of settings say, the first of these that says anything.

    Args:
        root: of the gallery, as typed.
        config: the file of settings, as typed.
        site: name or URL, as typed.
        score_on: a rendition, as typed.
        elsewhere: addresses of a new gallery's database and bucket.
        clock: a test's; None: the system's.
    Raises:
        SettingsError: the configuration is refused.
        the storage family: the database or the bucket is not this gallery's, or cannot be asked whether it is.
    """
    config = config or _from_environment("CRAWL_CONFIG")
    settings = load_settings(config)
    if score_on is not None:
        settings = replace(settings, scoring=checked_scoring(settings, score_on))
    settings = _with_addresses(settings, elsewhere or Elsewhere())
    named = site is not None or "CRAWL_SITE" in os.environ
    folder = root or Path(settings.root)
    if settings.database:
        from storage.lifecycle.roots import follow_database  # here: no database's library for who has none

        follow_database(folder.absolute(), settings.database)
    if settings.files:
        from storage.objects.ownership import follow_objects

        follow_objects(folder.absolute(), settings.files)
    words = (settings.site if site is None else site).strip()
    return Workspace(
        folder.absolute(), DEMO if words.casefold() == DEMO else words, settings, config, named, clock or utc_now
    )


def _with_addresses(settings: Settings, typed: Elsewhere) -> Settings:
    database = settings.database if typed.database is None else typed.database
    return replace(settings, database=database, files=settings.files if typed.files is None else typed.files)


def _from_environment(variable: str) -> Path | None:
    """A path that an environment variable names, if any.

    Raises:
        PathRefused: it is none.
    """
    text = os.environ.get(variable)
    try:
        return None if text is None else expanded(text)
    except PathRefused as error:
        raise PathRefused(f"environment variable {variable} {error}") from None


def checked_scoring(settings: Settings, score_on: str) -> Scoring:
    """The scoring settings with another rendition.

    Raises:
        SettingsError: the site serves no such rendition.
    """
    return replace(settings.scoring, score_on=check_choice(Scoring, "score_on", score_on, "--score-on"))
