"""The state of a target after a round that did not finish: the model in force, and what it has yet to decide.

Read from the gallery, because no message of a round that was stopped or died can be relied on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from storage.archive import open_reader
from storage.database.engines.location import has_database
from storage.plurals import counted
from storage.reader import Reader
from storage.records import ModelCard


@dataclass(frozen=True, slots=True)
class TargetState:
    """The model in force of a target, and what is still to be done by it."""

    target: str
    model: str | None = None  # in force; None: there is none
    undecided: int = 0  # posts that another model has decided
    behind: tuple[str, ...] = ()  # targets that have not been offered its network yet

    def since(self, before: str | None) -> str:
        """In words, after a round that began with that model in force."""
        if self.model is None:
            return f"nothing was changed: {self.target} has no model yet"
        if self.model == before and not self.undecided:
            return f"nothing was changed: {self.model} stays in force"
        left = []
        if self.undecided:
            left.append(f"{counted(self.undecided, 'picture')} not decided by it yet")
        if self.behind:
            left.append(f"{', '.join(self.behind)} not moved to its network yet")
        stays = "stays" if self.model == before else "is"
        if not left:
            return f"{self.model} {stays} in force, and has decided everything"
        return f"{self.model} {stays} in force; {' and '.join(left)}: crawl rescore {self.target} finishes"


def target_state_in(root: Path, target: str) -> TargetState:
    """The state of a target in a gallery; without a model where the folder is no gallery.

    Raises:
        the storage family: the gallery cannot be read.
    """
    if not has_database(root):
        return TargetState(target)
    with open_reader(root) as reader:
        return target_state_of(reader, target)


def target_state_of(reader: Reader, target: str) -> TargetState:
    """The state of a target, read from an open gallery."""
    model = reader.active_model(target)
    if model is None:
        return TargetState(target)
    undecided = reader.status().outdated.get(target, 0)
    return TargetState(target, model.card.name, undecided, still_behind(reader, model.card))


def still_behind(reader: Reader, card: ModelCard) -> tuple[str, ...]:
    """Names of the targets on the network that a round's model left, which have not been asked to follow to its own.

    A target that was asked has a model on the new network, in force or not. After a head alone, after a model from a
    folder, and after one that was put in force although it is worse, no other target should follow.
    """
    left = network_left(reader, card)
    if left is None:
        return ()
    followed = {model.card.target for model in reader.models() if model.card.backbone_hash == card.backbone_hash}
    return tuple(name for name in targets_on(reader, left) if name not in followed)


def targets_on(reader: Reader, backbone_hash: str) -> tuple[str, ...]:
    """Names of the targets whose model in force has this network."""
    models = reader.models()
    return tuple(model.card.target for model in models if model.active and model.card.backbone_hash == backbone_hash)


def network_left(reader: Reader, card: ModelCard) -> str | None:
    """Hash of the network that this round's model replaced, for other targets to leave too; None: there is none."""
    models = {model.card.name: model for model in reader.models(card.target)}
    model = models.get(card.name)
    parent = models.get(model.parent or "") if model else None
    while parent is not None and parent.card.backbone_hash == card.backbone_hash:  # later heads on the same network
        model, parent = parent, models.get(parent.parent or "")
    if model is None or parent is None or model.facts.get("how") != "network":
        return None
    if (model.facts.get("metrics", {}).get("compared") or {}).get("worse"):
        return None
    left = parent.card.backbone_hash
    return left if left != card.backbone_hash else None
