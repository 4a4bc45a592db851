"""Promises about models: the one in force is whole and is the one that was registered, whatever killed the program."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from tests.faults.checker.evidence import RootContents

MANIFEST = "manifest.json"


def one_model_is_in_force(evidence: RootContents) -> Iterator[str]:
    """I14: a target with models has exactly one in force, and that one is registered."""
    for row in evidence.all(
        "SELECT target, count(*) AS models, sum(active) AS active, sum(active AND registered_at IS NULL) AS unknown"
        " FROM model GROUP BY target HAVING sum(registered_at IS NOT NULL) > 0 OR sum(active) > 0"
    ):
        if row["active"] != 1:
            yield f"{row['target']}: {row['active']} of {row['models']} models are in force"
        elif row["unknown"]:
            yield f"{row['target']}: the model in force was never registered"


def registered_models_are_whole(evidence: RootContents) -> Iterator[str]:
    """I14: a registered model's folder holds the files of its manifest, and the manifest is the registered one."""
    for row in evidence.all("SELECT target, number, hash FROM model WHERE registered_at IS NOT NULL"):
        folder = evidence.root / "models" / row["target"] / str(row["number"])
        name = f"{row['target']}/{row['number']}"
        if not (folder / MANIFEST).is_file():
            yield f"{name} is registered and has no manifest"
        elif hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest() != row["hash"]:
            yield f"{name}: the manifest is not the registered one"
        else:
            yield from _altered(folder, name)


def _altered(folder: Path, name: str) -> Iterator[str]:
    for file, facts in json.loads((folder / MANIFEST).read_bytes())["files"].items():
        path = folder / file
        if not path.is_file():
            yield f"{name}: {file} is missing"
        elif (path.stat().st_size, _sha256(path)) != (facts["size"], facts["sha256"]):
            yield f"{name}: {file} is not what the manifest says"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def decisions_name_registered_models(evidence: RootContents) -> Iterator[str]:
    """I14: where a target's models are registered, every decision that names a model names one of them.

    A target whose models nobody registered (a judge that was put in from outside) is left out.
    """
    query = (
        "SELECT DISTINCT d.target, d.model, d.model_hash FROM decision d"
        " LEFT JOIN model m ON m.hash = d.model_hash AND m.target = d.target"
        " WHERE d.model_hash <> '' AND m.registered_at IS NULL"
        " AND d.target IN (SELECT target FROM model WHERE registered_at IS NOT NULL)"
    )
    for row in evidence.all(query):
        yield f"{row['target']}: {row['model']} ({row['model_hash'][:12]}) decided, which nobody registered"
