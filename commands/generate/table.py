"""A generator's figures as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from commands.terminal.console import printable
from commands.terminal.tables import facts_table


def generator_table(folder: Path, facts: Mapping[str, Any]) -> Table:
    """What was trained, how far, and how good it is."""
    training, pictures, quality = facts["training"], facts["pictures"], facts["quality"]
    table = facts_table(Text(printable(str(folder)), style="bold"))
    table.add_row("experiment", str(facts["experiment"]))
    table.add_row(
        "pictures", f"{pictures['train']} learned from, {pictures['validation']} chose, {pictures['test']} unseen"
    )
    table.add_row(
        "training",
        f"{training['steps']} steps, {training['epochs']:.1f} epochs, {training['seconds'] / 60:.1f} min; "
        f"{training['ended']}",
    )
    if training["kept_step"] != training["steps"]:
        table.add_row("kept", f"weights of step {training['kept_step']}")
    if quality is None:
        table.add_row("quality", "not measured: too few unseen pictures, or features=none")
        return table
    of_training, found = quality["of_training"], quality["distance"]
    table.add_row(
        "kernel distance",
        f"{found['value']:.4f} ± {found['error']:.4f}; the training pictures themselves: {of_training['value']:.4f}",
    )
    table.add_row("precision, recall", f"{quality['precision']:.3f}, {quality['recall']:.3f}")
    table.add_row(
        "near-copies",
        f"{quality['near_copies']:.1%} by features (of unseen pictures {quality['near_copies_of_unseen']:.1%}), "
        f"{quality['copies_by_hash']:.1%} by hash",
    )
    return table
