"""A model of made-up evidence: a package whose network nobody will ever load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from rounds.evaluation.subject import Subject
from storage.archive_records import RegisteredModel
from storage.records import ModelCard, Target
from tests.rounds.evidence import WIDTH

MONA = Target("mona", "mona_(genshin_impact)")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def subject(root: Path, *, threshold: float = 0.5, facts: Mapping[str, Any] | None = None, **snapshot: Any) -> Subject:
    """Scores as those of `tests.rounds.evidence.scene`."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "net.keras").write_bytes(b"weights")
    weights = np.zeros(WIDTH, np.float32)
    weights[0] = 2.0
    parts = PackageParts(
        target="mona",
        backbone=BackboneFiles("small", root / "net.keras", {}, Preprocessing(96), WIDTH),
        head=Head(weights, -5.0),
        threshold=threshold,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
        snapshot=snapshot,
        report={"history.json": b'{"epochs": [1, 2], "loss": [2.0, 1.0]}'},
    )
    written = write_package(root / "models" / "mona" / "1", parts)
    card = ModelCard("mona", 1, written.hash, written.backbone_hash, threshold)
    package = load_package(root / "models" / "mona" / "1")
    return Subject(MONA, RegisteredModel(card, True, NOW, facts or {}, None, 0), package)


def at_threshold(one: Subject, threshold: float) -> Subject:
    """The same model, less or more strict."""
    return Subject(one.target, replace(one.model, card=replace(one.model.card, threshold=threshold)), one.package)
