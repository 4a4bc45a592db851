"""`crawl networks`: every network by name, with parameters, input, licence and source of weights; and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from classifier.backbones.facts import BACKBONE_FACTS
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.recipe import Recipe
from classifier.recipes.settings import RecipeSettings, facts_of
from commands.context.workspace import load_workspace
from commands.errors import UsageRefused
from commands.output.column_fit import filled, fitting
from commands.terminal.console import print_json, printable, say
from commands.terminal.suggestions import choose
from commands.terminal.tables import facts_table, list_table, print_line, print_table, screen_width

COLUMNS = ("network", "parameters", "input", "weights", "licence", "what it is")
LEAST = {"what it is": 24, "weights": 22, "licence": 11}  # columns that may wrap, and what they need to be readable
EXPENDABLE = ("what it is", "licence", "weights")  # on narrow screens, the first one first


@dataclass(frozen=True, slots=True)
class NetworksOptions:
    """The options of `crawl networks`."""

    action: str = "list"  # list | show
    name: str | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """One network, for people and programs."""

    network: str
    kind: str  # backbone: trained by rounds and crawls | recipe: by crawl train --from
    parameters: int
    input: int  # pixels of both sides
    weights: str  # where they come from
    licence: str
    summary: str


def run(options: NetworksOptions, root: Path | None, config: Path | None) -> int:
    """List them, or show one.

    Raises:
        UsageRefused: no such network.
        SettingsError, RecipeSettingError: `crawl.toml` is refused.
    """
    settings = load_workspace(root, config).settings
    networks = all_networks(settings.networks)
    if options.action == "list":
        return _list(networks, as_json=options.as_json)
    if options.name is None:
        raise UsageRefused("crawl networks show needs a name, like mona_cnn")
    known = {one.network: one for one in networks}
    chosen = known[choose("network", options.name, tuple(known))]
    return _show(chosen, settings.networks, as_json=options.as_json)


def all_networks(settings: Any) -> list[NetworkFacts]:
    """Backbones, then recipes, these as `crawl.toml` sets them.

    Args:
        settings: of recipes, by name.
    """
    backbones = [
        NetworkFacts(name, "backbone", one.parameters, one.size, one.weights, one.licence, one.summary)
        for name, one in BACKBONE_FACTS.items()
    ]
    return backbones + [_of_recipe(one, settings.get(name) or one.settings()) for name, one in RECIPES.items()]


def _of_recipe(recipe: Recipe, settings: RecipeSettings) -> NetworkFacts:
    parameters = recipe.parameters(settings, 2)
    return NetworkFacts(
        recipe.name, "recipe", parameters, settings.size, recipe.weights, recipe.licence, recipe.summary
    )


def _list(networks: Sequence[NetworkFacts], *, as_json: bool) -> int:
    if as_json:
        print_json({"networks": [asdict(one) for one in networks]})
        return 0
    cells = {
        "network": [one.network for one in networks],
        "parameters": [millions(one.parameters) for one in networks],
        "input": [f"{one.input} px" for one in networks],
        "weights": [one.weights for one in networks],
        "licence": [one.licence for one in networks],
        "what it is": [one.summary for one in networks],
    }
    columns, gone = fitting(cells, screen_width(), LEAST, EXPENDABLE)
    print_table(filled(list_table(), columns, screen_width(), LEAST))
    if gone:
        say(f"no room for {', '.join(gone)}: --json shows all columns")
    say(f"crawl networks show NAME lists the settings of {', '.join(RECIPES)}; crawl train NAME --network NAME trains")
    return 0


def millions(count: int) -> str:
    """A number of parameters for people."""
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e6:.2f} M"


def _show(network: NetworkFacts, settings: Any, *, as_json: bool) -> int:
    recipe = RECIPES.get(network.network)
    chosen = None if recipe is None else settings.get(network.network) or recipe.settings()
    rows = [] if recipe is None else facts_of(recipe.settings)
    if as_json:
        listed = [asdict(one) | {"value": getattr(chosen, one.name)} for one in rows]
        print_json(asdict(network) | {"settings": listed})
        return 0
    table = facts_table(Text(printable(network.network)))
    for name, value in (
        ("what it is", network.summary),
        ("parameters", f"{network.parameters:,} for two classes" if recipe else f"{network.parameters:,}"),
        ("input", f"{network.input}×{network.input} pixels"),
        ("weights", network.weights),
        ("licence", network.licence),
    ):
        table.add_row(name, Text(printable(value)))
    print_table(table)
    if recipe is None:
        say("it has no settings of its own; docs/networks.md describes it")
        return 0
    _print_settings(recipe, chosen)
    return 0


def _print_settings(recipe: Recipe, chosen: Any) -> None:
    rows = facts_of(recipe.settings)
    table = facts_table()
    for one in rows:
        table.add_row(one.name, Text(f"{_value(one.default)}  ({one.allowed})  {one.help}"))
    print_table(table)
    for one in rows:
        if getattr(chosen, one.name) != one.default:
            print_line(f"crawl.toml sets {one.name} = {_value(getattr(chosen, one.name))}")
    say(
        f"crawl train NAME --from DIR --network {recipe.name} --set KEY=VALUE takes them, and so does "
        f"[networks.{recipe.name}] in crawl.toml"
    )


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
