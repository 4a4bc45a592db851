"""What the shell offers for a value while a command is being typed: fixed words, and names that the gallery knows.

A completion that fails offers nothing: the shell shows no errors, and a half-typed command may name any folder.
Everything heavier than the option parser is imported late, as everywhere in the command line's front door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from commands.context.workspace import Workspace
    from storage.reader import Reader


def one_of(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Complete one of a few fixed words."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, choices)

    return complete


def several_of(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Complete a list separated by commas: `g,s`."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        used = before.split(",")
        return [f"{before}{comma}{choice}" for choice in _beginning(last, choices) if choice not in used]

    return complete


def networks(incomplete: str) -> list[str]:
    """Complete the name of a network that can be trained."""
    from classifier.backbones.catalogue import BACKBONES
    from classifier.recipes.catalogue import RECIPES

    return _beginning(incomplete, sorted([*BACKBONES, *RECIPES]))


def settings_of_network(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the key of a setting of the network that the command line names: `epochs=`."""
    from classifier.recipes.catalogue import RECIPES
    from classifier.recipes.settings import facts_of

    recipe = RECIPES.get(str(ctx.params.get("network")))
    return [] if recipe is None else _beginning(incomplete, [f"{one.name}=" for one in facts_of(recipe.settings)])


def settings_of_generator(incomplete: str) -> list[str]:
    """Complete the key of a setting of a generator's training."""
    from dataclasses import fields

    from classifier.generator.settings import GeneratorSettings

    return _beginning(incomplete, [f"{one.name}=" for one in fields(GeneratorSettings)])


def sites(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a site: the built-in ones, `demo`, and those of the settings file."""
    from commands.context.connection import own_sites
    from commands.context.workspace import DEMO
    from crawler.sites import BUILTIN

    workspace = _workspace(ctx)
    own = () if workspace is None else own_sites(workspace.settings)
    return _beginning(incomplete, sorted({DEMO, *BUILTIN, *own}))


def targets(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a target that the gallery knows, whether a crawl named it or it has only a model."""
    known = _of_gallery(ctx, lambda reader: [*_targets(reader), *(model.card.target for model in reader.models())])
    return _beginning(incomplete, known)


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a registered model, `mona/3`."""
    return _beginning(incomplete, _of_gallery(ctx, _models))


def targets_and_models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a target or one of its models; where only one target fits, its models follow a slash."""
    known = _models if "/" in incomplete else _targets
    return _beginning(incomplete, _of_gallery(ctx, known))


def _targets(reader: Reader) -> list[str]:
    return [target.name for target in reader.targets()]


def _models(reader: Reader) -> list[str]:
    return [model.card.name for model in reader.models()]


def _of_gallery(ctx: typer.Context, ask: Callable[[Reader], Iterable[str]]) -> list[str]:
    """Names from the database; none where there is no gallery."""
    from storage.archive import open_reader

    workspace = _workspace(ctx)
    if workspace is None:
        return []
    try:
        with open_reader(workspace.root) as reader:
            return sorted(set(ask(reader)))
    except Exception:  # noqa: BLE001 - no gallery, a damaged one, a newer one: there is nothing to offer
        return []


def _workspace(ctx: typer.Context) -> Workspace | None:
    """The root and settings that the command line names so far; None where they are refused."""
    from commands.context.workspace import load_workspace

    try:
        return load_workspace(_path(ctx, "root"), _path(ctx, "config"))
    except Exception:  # noqa: BLE001 - a settings file with an error offers nothing; the command itself will say why
        return None


def _path(ctx: typer.Context, name: str) -> Path | None:
    above: Any = ctx
    while above is not None:
        if above.params.get(name) is not None:
            return Path(above.params[name])
        above = above.parent
    return None


def _beginning(start: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(start)]
