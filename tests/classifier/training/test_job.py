"""Every setting of a training job reaches the training process, and nothing else is accepted there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from classifier.metrics.thresholds import Goal
from classifier.pictures.preprocessing import FITS, RESAMPLES, VERSIONS, Preprocessing
from classifier.training.job import (
    FirstWeights,
    RecipeOrder,
    StageOrder,
    TrainingJob,
    TrainingStep,
    read_job,
    write_job,
)
from classifier.training.pipeline import Example, TargetSpec, TrainingPlan
from classifier.training.splits import Identity, Shares
from classifier.training.warm_start import Earlier

BASE = TrainingJob(
    examples=(Example(Identity(1, "a" * 32), ("mona",), True),),
    specs=(TargetSpec("mona", "mona_(genshin_impact)"),),
    plan=TrainingPlan(),
    preprocessing=Preprocessing(96),
    backbone=FirstWeights("small"),
    recipe=RecipeOrder(settings=("epochs=3",), stages=(StageOrder("sex", 1, (Identity(2, "b" * 32),)),)),
)
OTHER: dict[str, Any] = {  # values for fields whose range allows no simple change
    "ai_percents": {"mona_(genshin_impact)": {"site": 83, "c" * 64: 7}, "keqing_(genshin_impact)": {"site": 0}},
    "checkpoints": Path("training"),
    "logs": Path("logs"),
    "earlier": Earlier(Path("network.keras"), ("mona", "keqing")),
    "fit": next(fit for fit in FITS if fit != Preprocessing(96).fit),
    "goal": Goal(None, None, 0.25),
    "pad_value": 0,
    "parent_id": 7,
    "picture_hash": 2**63 + 1,
    "resample": next(resample for resample in RESAMPLES if resample != Preprocessing(96).resample),
    "shares": Shares(0.5, 0.3, 0.2),
    "snapshot": {"round": 1, "from": "my pictures", "targets": ["mona"]},
    "step": TrainingStep.FIRST,
    "version": next(version for version in VERSIONS if version != Preprocessing(96).version),
    "weights": Path("weights.h5"),
}


def other(name: str, value: Any) -> Any:
    """Another value that the field may have."""
    if name in OTHER:
        return OTHER[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2
    if isinstance(value, str):
        return f"{value} 莫娜"
    assert isinstance(value, tuple), f"no other value is known for the field {name}"
    return tuple(one / 2 for one in value) if value and isinstance(value[0], float) else (*value, "another")


def variants(record: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """The record with one field changed, for every field of it and of the records in it."""
    for one in fields(record):
        value, path = getattr(record, one.name), f"{where}{one.name}"
        inner, many = (value[0], True) if _is_records(value) else (value, False)
        if is_dataclass(inner) and one.name not in OTHER:
            for name, changed in variants(inner, f"{path}."):
                yield name, replace(record, **{one.name: (changed,) if many else changed})
        else:
            yield path, replace(record, **{one.name: other(one.name, value)})


def _is_records(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and is_dataclass(value[0])


VARIANTS = dict(variants(BASE))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_setting_travels(name: str, tmp_path: Path) -> None:
    write_job(tmp_path, VARIANTS[name])

    read = read_job(tmp_path, TrainingJob)

    assert read == VARIANTS[name] != BASE


def test_all_records_of_a_job_are_looked_into() -> None:
    assert {"plan.recipe.peak_rate", "plan.recipe.changes.mirror", "plan.minimum.per_split", "plan.caution"} <= {
        *VARIANTS
    }
    assert {"plan.shares", "plan.earlier", "examples.identity.picture_hash", "specs.goal", "step"} <= {*VARIANTS}


def changed(folder: Path, *path: str, value: Any) -> None:
    """Write the usual job with one value replaced, or added."""
    write_job(folder, BASE)
    record = inner = json.loads((folder / TrainingJob.FILE).read_text())
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    (folder / TrainingJob.FILE).write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("plan", "recipe", "epochs"), "many", "job.plan.recipe.epochs: expected a finite number, got 'many'"),
        (("plan", "recipe", "epochs"), float("nan"), "job.plan.recipe.epochs: expected a finite number, got nan"),
        (("plan", "recipe", "epochs"), True, "job.plan.recipe.epochs: expected a finite number, got True"),
        (("plan", "recipe", "batch"), 64.0, "job.plan.recipe.batch: expected int, got 64.0"),
        (("plan", "recipe", "batch"), 1, "expected epochs > 0, batch >= 2"),
        (
            ("plan", "recipe", "changes", "cover_side"),
            [0.1],
            "job.plan.recipe.changes.cover_side: expected a list of 2",
        ),
        (("plan", "patience"), 3, r"job.plan: missing \[\], unknown \['patience'\]"),
        (("plan",), None, "job.plan: expected an object, got None"),
        (("plan",), {"seed": 1}, r"job.plan: missing \['caution', .*\], unknown \[\]"),
        (("backbone", "weights"), 3, "job.backbone.weights: expected str, got 3"),
        (("examples",), [3], r"job.examples\[0\]: expected an object, got 3"),
        (("step",), "third", "'third' is not a valid TrainingStep"),
    ],
)
def test_a_value_that_the_process_does_not_understand_is_refused_by_name(
    path: tuple[str, ...], value: Any, complaint: str, tmp_path: Path
) -> None:
    changed(tmp_path, *path, value=value)

    with pytest.raises(ValueError, match=complaint):
        read_job(tmp_path, TrainingJob)


def test_a_figure_that_is_none_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        write_job(tmp_path, replace(BASE, plan=replace(BASE.plan, caution=float("inf"))))


def test_words_of_an_enumeration_are_written_as_themselves(tmp_path: Path) -> None:
    write_job(tmp_path, BASE)

    assert issubclass(TrainingStep, StrEnum)
    assert json.loads((tmp_path / TrainingJob.FILE).read_text())["step"] == "network"
