"""Which network's embeddings a search for similar pictures goes by: pictures of two networks cannot be compared."""

from __future__ import annotations

from dataclasses import dataclass

from storage.archive_records import RegisteredModel
from storage.errors import NoEmbeddings
from storage.reader import Reader
from storage.records import Target
from storage.rows.evidence import pictures_by_network


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """The network of a model, and how many of the gallery's pictures it has looked at."""

    network: str  # hash
    model: RegisteredModel | None  # in force, with this network; None: no model in force has it
    pictures: int
    others: int  # networks of models in force that are not searched

    @property
    def name(self) -> str:
        """What people call it."""
        return f"the network of {self.model.card.name}" if self.model is not None else f"network {self.network[:12]}"


def embedding_space(reader: Reader, target: Target | None) -> EmbeddingSpace:
    """The network of a target's model in force; without a target the one in force that has looked at most pictures.

    Raises:
        NoEmbeddings: nothing was looked at yet.
    """
    looked_at = reader.ask(pictures_by_network)
    in_force = [model for model in reader.models() if model.active]
    own = [model for model in in_force if target is None or model.card.target == target.name]
    if target is not None and not own:
        raise NoEmbeddings(f"{target.name} has no model in force; leave out --keep, or crawl --tag TAG --keep NAME")
    used = [model for model in own if looked_at.get(model.card.backbone_hash)]
    if not used and target is not None:
        name = own[0].card.name
        raise NoEmbeddings(f"the network of {name} has looked at no picture yet; crawl --tag TAG --keep {target.name}")
    model = max(used, key=lambda one: looked_at[one.card.backbone_hash], default=None)
    network = (
        model.card.backbone_hash if model is not None else max(looked_at, key=lambda one: looked_at[one], default="")
    )
    if not network:
        raise NoEmbeddings(f"no network has looked at a picture of {reader.root} yet; crawl --tag TAG --keep NAME")
    others = {one.card.backbone_hash for one in in_force if looked_at.get(one.card.backbone_hash)} - {network}
    return EmbeddingSpace(network, model, looked_at[network], len(others))
