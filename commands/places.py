"""Where a command works: the root, the settings, and the site that is meant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from commands.settings import Scoring, Settings, check_choice, load_settings

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Place:
    """A root folder, a site, and the settings that hold there."""

    root: Path
    site: str  # name or URL
    settings: Settings


def place(root: Path | None, config: Path | None, site: str | None = None, score_on: str | None = None) -> Place:
    """Flags over environment over file.

    Raises:
        SettingsError: the configuration is refused.
    """
    settings = load_settings(config)
    if score_on is not None:
        settings = replace(settings, scoring=checked_scoring(settings, score_on))
    return Place((root or Path(settings.root)).absolute(), site or settings.site, settings)


def checked_scoring(settings: Settings, score_on: str) -> Scoring:
    """The scoring settings with another rendition.

    Raises:
        SettingsError: the site serves no such rendition.
    """
    return replace(settings.scoring, score_on=check_choice(Scoring, "score_on", score_on, "--score-on"))
