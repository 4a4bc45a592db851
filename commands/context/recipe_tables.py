"""Tables of `crawl.toml` about recipes: `[networks.NAME]`, and stages that must make sense together."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from commands.errors import SettingsError

_SHOWN = 60  # characters of a name in a message
_STAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,59}")


class StageNames(Protocol):
    """A stage as far as it is checked here."""

    @property
    def name(self) -> str: ...


def networks_of(value: Any, where: str) -> Mapping[str, Any]:
    """The settings of recipes by name, each read by its recipe.

    Args:
        value: the table `[networks]` as it was read.
        where: file, line and key.

    Raises:
        SettingsError: it is no table of tables, or names no recipe.
        RecipeSettingError: a recipe knows no such setting or value.
    """
    from classifier.recipes.catalogue import RECIPES
    from classifier.recipes.settings import from_table

    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise SettingsError(f"{where} must be tables like [networks.mona_cnn]")
    for name in value:
        if name not in RECIPES:
            near = difflib.get_close_matches(name[:_SHOWN], RECIPES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(RECIPES)}"
            raise SettingsError(f"{where}: {name[:_SHOWN]!r} is no network with settings; {hint}")
    return {name: from_table(RECIPES[name].settings(), entry, f"{where}.{name}") for name, entry in value.items()}


def check_stages(stages: Sequence[StageNames], where: str) -> None:
    """Check that every stage has a name of its own, and a search or a folder for either side.

    Raises:
        SettingsError: one has not.
    """
    for number, stage in enumerate(stages, start=1):
        if not _STAGE_NAME.fullmatch(stage.name):
            raise SettingsError(f"{where}: stage {number} needs a name of letters, digits and blanks")
        for side in ("positive", "negative"):
            if bool(getattr(stage, side)) == bool(getattr(stage, f"{side}_folder")):
                raise SettingsError(f"{where}: stage {stage.name} needs one of {side} and {side}_folder, and not both")
    twice = [name for name, count in Counter(stage.name for stage in stages).items() if count > 1]
    if twice:
        raise SettingsError(f"{where}: two stages are called {twice[0]}")
