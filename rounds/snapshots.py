"""The snapshot that a round is trained on, read at one moment: later labels belong to the next round."""

from __future__ import annotations

from dataclasses import replace

from classifier.package.package import Package
from classifier.package.references import References
from rounds.head_round import Snapshot
from storage.archive_records import RegisteredModel
from storage.reader import Reader
from storage.records import Target
from storage.rows.labels import newest_label
from storage.rows.named_posts import sole_characters


def snapshot_of(reader: Reader, target: Target, package: Package, active: RegisteredModel | None) -> Snapshot:
    """Labels, tags and embeddings of every post that a network has looked at for a target.

    Args:
        reader: of the gallery.
        target: the target.
        package: whose network gave the embeddings.
        active: the target's model in force; None: it has none, and posts count that were looked at for others.
    """
    newest = reader.ask(newest_label)  # before the evidence: never newer than it
    return Snapshot(
        target=target,
        active=active,
        package=package,
        evidence=reader.evidence(target, package.backbone_hash, whole_gallery=active is None),
        newest_label=newest,
        reference_folder="" if active is None else str(active.facts.get("references", "")),
    )


def referring_to(reader: Reader, snapshot: Snapshot, references: References | None, folder: str = "") -> Snapshot:
    """A snapshot that learns from references too, and from whom the tags of other posts name; None: as it is.

    Args:
        reader: of the gallery.
        snapshot: of its target.
        references: as the snapshot's network sees them.
        folder: where they lie; "": where the model in force says.
    """
    if references is None:
        return snapshot
    where = folder or snapshot.reference_folder
    return replace(snapshot, references=references, reference_folder=where, characters=reader.ask(sole_characters))
