"""The kinds of model packages, as their manifests say it: a recogniser, a generator, or else a target's model.

A model of the other kind is refused with what it is for, before anything else of its manifest is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classifier.errors import WrongKind

TARGET, RECOGNISER, GENERATOR = "target", "recogniser", "generator"
_MOST_SHOWN = 80  # characters of a name that a manifest says


def kind_of(manifest: Mapping[str, Any]) -> str:
    """What a manifest says that its package is; packages of before there were kinds are targets' models."""
    return str(manifest.get("kind", TARGET))


def check_kind(manifest: Mapping[str, Any], wanted: str, folder: Path) -> None:
    """Check that a package is of a kind.

    Raises:
        WrongKind: it is of another.
    """
    found = kind_of(manifest)
    if found == wanted:
        return
    if found == GENERATOR:
        raise WrongKind(
            f"{folder} is a generator: it paints pictures and judges none; crawl generate samples {folder} --count N "
            "--to DIR uses it"
        )
    if wanted == GENERATOR and found in (TARGET, RECOGNISER):
        raise WrongKind(f"{folder} is a model that judges pictures, not a generator; crawl generate train makes one")
    if found == RECOGNISER:
        classes = manifest.get("classes")
        count = f" of {len(classes)} classes" if isinstance(classes, list) else ""
        name = repr(str(manifest.get("name", "")))[1:-1][:_MOST_SHOWN]
        raise WrongKind(
            f"{folder} is a recogniser{count}, not a model of one target; crawl classify FOLDER --with {name} uses it"
        )
    if found == TARGET:
        name = repr(str(manifest.get("target", "")))[1:-1][:_MOST_SHOWN]
        raise WrongKind(
            f"{folder} is a model of one target, {name}, not a recogniser of several classes; "
            f"crawl classify FOLDER --keep {name} uses it, crawl train NAME --from DIR --classes makes a recogniser"
        )
    raise WrongKind(f"{folder} is a package of the kind {found[:_MOST_SHOWN]!r}, which this version does not know")
