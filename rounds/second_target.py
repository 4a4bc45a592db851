"""A second target is a head on stored embeddings of another target's network.

Nothing is fetched and no picture is decoded. The network in force for the other target has embedded the stored
pictures already, and the posts' tags are the labels; so a head on that network takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from classifier.package.package import Package
from rounds.errors import TooLittleToLearn
from rounds.head_round import Candidate, HeadRoundSettings, Snapshot, learn_candidate
from rounds.snapshots import snapshot_of
from storage.archive_records import RegisteredModel
from storage.plurals import counted
from storage.reader import Reader
from storage.records import Target
from storage.rows.evidence import pictures_by_network

LEAST_TAGGED = 30  # posts of the gallery; round 0 needs as many


@dataclass(frozen=True, slots=True)
class SharedNetwork:
    """The network in force for another target."""

    model: RegisteredModel  # that target's
    pictures: int  # of the gallery that it has looked at
    others: tuple[str, ...] = ()  # models in force on networks that have looked at no more

    def words(self) -> str:
        """Which network it is, and instead of which, for people."""
        chosen = f"{self.model.card.name}'s network, which has looked at {counted(self.pictures, 'picture')}"
        return chosen if not self.others else f"{chosen} (those of {', '.join(self.others)}: no more)"


def shared_network(reader: Reader, target: str) -> SharedNetwork | None:
    """The network in force for another target that has looked at most of the gallery; None: there is none.

    Args:
        reader: of the gallery.
        target: name of the target that needs a network.
    """
    pictures = reader.ask(pictures_by_network)
    targets = [model for model in reader.models() if model.active and not model.recognises_classes]
    in_force = [one for one in targets if one.card.target != target and pictures.get(one.card.backbone_hash)]
    if not in_force:
        return None
    chosen = max(in_force, key=lambda model: pictures[model.card.backbone_hash])
    others = [model.card.name for model in in_force if model.card.backbone_hash != chosen.card.backbone_hash]
    return SharedNetwork(chosen, pictures[chosen.card.backbone_hash], tuple(others))


def gallery_snapshot(reader: Reader, target: Target, package: Package) -> Snapshot:
    """What the gallery knows of a target that has no model: every post that the package's network has looked at.

    Args:
        reader: of the gallery.
        target: the target.
        package: of the model whose network is shared.

    Raises:
        TooLittleToLearn: too few of these posts are tagged or labelled with the target.
    """
    snapshot = snapshot_of(reader, target, package, None)
    evidence = snapshot.evidence
    positive = evidence.tagged | (np.array(evidence.labels, dtype=object) == "keep")
    sites = {
        evidence.sites[row] for row in np.flatnonzero(positive).tolist()
    }  # elsewhere the tag may name another character
    evidence = evidence.rows(np.flatnonzero([site in sites for site in evidence.sites]))
    shown = int(positive.sum())
    if shown < LEAST_TAGGED:
        raise TooLittleToLearn(
            f"{counted(shown, 'post')} of the gallery's {len(evidence)} looked at {'is' if shown == 1 else 'are'} "
            f"tagged {target.tag} or labelled so, and a head needs {LEAST_TAGGED}",
            target.name,
            {"tagged or labelled": shown},
        )
    return replace(snapshot, evidence=evidence)


def second_candidate(snapshot: Snapshot, settings: HeadRoundSettings) -> Candidate:
    """A head for a target without a model; pure computing, seconds.

    Raises:
        TooLittleToLearn: too few labels and tags; counts them.
    """
    if snapshot.active is not None:
        raise ValueError(f"{snapshot.target.name} has a model, {snapshot.active.card.name}: that is another round")
    return learn_candidate(snapshot, settings)
