"""Operations on registered models: a free number, put in force, go back, copy from one gallery to another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from classifier.package.package import Package
from classifier.package.transfer import copy_package
from classifier.recognition.package import RecogniserPackage, load_either
from crawler.decisions import Policy
from rounds.errors import NameTaken, UnknownModel
from rounds.rescoring.rescore import Rescoring, ScoreStore, rescore
from storage.archive_records import RECOGNISER, RegisteredModel
from storage.evidence import Evidence
from storage.files.paths import model_folder, target_models
from storage.names import ModelName, TargetName, tag_or_none
from storage.records import ModelCard, Target

Proof = Callable[[ModelCard, Path], Awaitable[None]]  # scores the package's canary pictures; raises when they differ
_TRIED_AT_MOST = 10_000


class Numbers(Protocol):
    """Gives numbers; the archive does it."""

    async def next_model_number(self, target: str) -> int: ...


class ModelRegistry(Numbers, ScoreStore, Protocol):
    """Where models are registered; the archive does it."""

    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None: ...
    async def activate_model(self, target: str, number: int) -> RegisteredModel: ...
    async def models(self, target: str | None = None) -> Sequence[RegisteredModel]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """A registered model that is to come into force."""

    target: Target
    model: RegisteredModel
    package: Package
    evidence: Evidence  # of the package's backbone; may be empty


def named_model(models: Sequence[RegisteredModel], name: str) -> RegisteredModel:
    """The registered model of that name, `mona/3`; of a bare `mona` the active one.

    Raises:
        UnknownModel: there is none; names those that there are.
    """
    for model in models:
        if name == model.card.name or (name == model.card.target and model.active):
            return model
    names = [model.card.name for model in models if model.card.target == name]
    if names:  # imported, perhaps, and never put in force
        raise UnknownModel(
            f"no model of {name} is in force; name one of {', '.join(names)}, or put one in force: "
            f"crawl models activate {names[-1]}"
        )
    there = ", ".join(model.card.name for model in models) or "none"
    raise UnknownModel(f"no model {name!r} is registered here; registered: {there}")


def model_before(models: Sequence[RegisteredModel], target: str) -> RegisteredModel:
    """What was in force before the target's active model came.

    Raises:
        UnknownModel: the active model is the first.
    """
    active = named_model(models, target)
    if active.parent is None:
        raise UnknownModel(f"{active.card.name} was the first; there is no model to go back to")
    return named_model(models, active.parent)


async def switch(registry: ModelRegistry, wanted: Switch, policy: Policy) -> Rescoring:
    """Put a model in force and score everything again that has an embedding of its backbone."""
    card = wanted.model.card
    await registry.activate_model(card.target, card.number)
    return await rescore(registry, wanted.evidence, wanted.target, (card, wanted.package.head), policy)


async def import_model(registry: ModelRegistry, source: Path, models: Path, prove: Proof) -> str:
    """Take a package from elsewhere into the gallery, checked, proven and registered, not yet in force; gives its name.

    Args:
        registry: the archive, open.
        source: the package's folder.
        models: folder with a folder a target.
        prove: loads the package in another process and compares the scores of its canary pictures.

    Raises:
        PackageError: it is no whole package.
        CanaryError: it does not give its stored scores here.
    """
    package = await asyncio.to_thread(load_either, source)
    known = await registry.models(package.target)
    for model in known:
        if model.card.hash == package.hash:
            return model.card.name  # it is here already, under its own number
    name = await free_name(registry, models, package.target)
    if any(one.recognises_classes != isinstance(package, RecogniserPackage) for one in known):
        raise NameTaken(
            f"{package.target} has models of another kind here; a name is either a target's or a recogniser's. "
            "Import it into another gallery"
        )
    folder = model_folder(models, name)
    card = replace(package.card(name.number), target=name.target)
    await prove(card, source)
    await asyncio.to_thread(copy_package, package, folder, load_either)
    facts: dict[str, Any] = {"metrics": dict(package.metrics), "imported": True, "round": package.snapshot.get("round")}
    if isinstance(package, RecogniserPackage):
        facts |= {"kind": RECOGNISER, "classes": list(package.recogniser.classes)}
    target_tags = package.snapshot.get("targets")
    if isinstance(target_tags, list) and len(target_tags) == 1:
        # so that a crawl finds it by its tag, whatever the target's name was elsewhere
        facts["tag"] = tag_or_none(target_tags[0]) or package.target
    await registry.register_model(card, facts, activate=False)
    return card.name


async def free_name(numbers: Numbers, models: Path, target: str) -> ModelName:
    """The first number that neither the registry nor the disk has: a killed round may have left a folder.

    Raises:
        BadName: the target's name cannot be one.
    """
    name = TargetName(target)
    number = await numbers.next_model_number(name)
    for tried in range(number, number + _TRIED_AT_MOST):
        free = ModelName(name, tried)
        if not model_folder(models, free).exists():
            return free
    raise FileExistsError(f"{target_models(models, name)} has too many folders that no model is registered for")
