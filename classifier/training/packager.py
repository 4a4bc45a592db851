"""From what was learned to packages on disk, with canary pictures and a report for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.heads.training_set import SPARED
from classifier.package.export import export_backbone
from classifier.package.package import BackboneFiles, Canary, PackageParts, write_package
from classifier.package.references import References
from classifier.package.small_looks import SmallLooks
from classifier.pictures.png_file import png
from classifier.pictures.preprocessing import Pixels
from classifier.references.heads import references_text, rests_on_references
from classifier.training.backbone_training import TrainingSummary
from classifier.training.history import FILE as HISTORY
from classifier.training.job import TrainingJob
from classifier.training.pace import too_brief
from classifier.training.pipeline import Example, Learned, LearnedTarget
from classifier.training.small_looks import small_looks

CANARIES = 16


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a target's package goes, and what it shares with those of other targets."""

    folder: Path
    files: BackboneFiles
    looks: SmallLooks | None


def pack(learned: Learned, pictures: Pixels, folder: Path, job: TrainingJob) -> dict[str, Any]:
    """Write a package for every target; they share one backbone.

    Args:
        learned: from `learning.learn`.
        pictures: the same that it was learned from.
        folder: packages go to `folder/<number>`.
        job: what was asked for; its `snapshot` goes into every manifest.

    Returns:
        Plain values: for each target its folder, hashes, threshold, metrics, and what training took.
    """
    embedded, name, preprocessing = learned.embedded, job.backbone.name, job.preprocessing
    files = embedded.files or export_backbone(
        embedded.model, folder.with_name("backbone"), name=name, preprocessing=preprocessing, halved=embedded.halved
    )
    files = replace(files, name=name, preprocessing=preprocessing, classes=embedded.classes, blocks=embedded.blocks)
    looks = small_looks(learned, pictures)
    written = [
        _pack_target(learned, target, pictures, _Place(folder / str(number), files, looks), job)
        for number, target in enumerate(learned.targets)
    ]
    return {
        "targets": written,
        "taught": learned.embedded.training.facts(),
        "classes": list(learned.embedded.classes),
        "backbone": str(files.keras),
    }


def _pack_target(
    learned: Learned, target: LearnedTarget, pictures: Pixels, place: _Place, job: TrainingJob
) -> dict[str, Any]:
    metrics, source = _metrics(target, len(learned.references)), str(job.snapshot.get("from", ""))
    parts = PackageParts(
        target=target.spec.target,
        backbone=place.files,
        head=target.learned.head,
        threshold=target.learned.chosen.threshold,
        curve=target.learned.curve,
        canaries=_canaries(learned, target, pictures),
        references=_references(learned, job.examples),
        small_looks=place.looks,
        snapshot={
            **job.snapshot,
            "examples": target.learned.facts["examples"],
            "taught": learned.embedded.training.facts(),
            "parts": split_md5s(learned, job.examples),
            "doubted": [job.examples[row].identity.md5 for row in target.learned.doubted_in_test.tolist()],
        },
        metrics=metrics,
        reject_ratio=target.learned.reject_ratio,
        refusal=refusal_of(target, learned.embedded.training),
        report={
            "report.json": json.dumps(metrics, indent=1, allow_nan=False).encode(),
            "report.txt": report(target, learned, source).encode(),
            HISTORY: learned.embedded.training.history.to_bytes(),
        },
    )
    facts = write_package(place.folder, parts)
    return {
        "target": target.spec.target,
        "folder": str(place.folder),
        "hash": facts.hash,
        "backbone_hash": facts.backbone_hash,
        "threshold": target.learned.chosen.threshold,
        "metrics": metrics,
        "report": report(target, learned, source),
    }


def report(target: LearnedTarget, learned: Learned, source: str = "") -> str:
    """What a person wants to know of a new model.

    Args:
        target: its head and figures.
        learned: the network.
        source: name of the folder that it was trained on; empty: on tags.
    """
    learned_head, training = target.learned, learned.embedded.training
    quality, expected, facts = learned_head.quality, learned_head.forecast, learned_head.facts
    reached = "" if expected.reached else " (the goal was out of reach; this is the nearest)"
    rows, references = np.concatenate([learned.split.train, learned.split.validation]), len(learned.references)
    rows, painted = np.setdiff1d(rows, learned.synthetic), len(learned.synthetic)
    shown, every = int(target.shows[rows].sum()), len(rows)
    given = f"{references} references and " if references else ""
    learned_from = f"{given}{shown} pictures tagged {target.spec.tag} among {every} well-tagged ones"
    kept_for, these, easier = "pictures without its tag", "tagged pictures", "; those are easier, so go by the forecast"
    if source:
        learned_from = f"{shown} pictures of its class among {every} of the folder {source}"
        kept_for, these, easier = "pictures like these", "of its pictures", ""
    few, known = rests_on_references(references, shown), len(learned.characters)
    of_whom = f" {'with' if source else 'of'} {known} character{'s' if known > 1 else ''}" if known else ""
    measured = (
        f"test on {quality.examples} {these} held out, {quality.positives} of them positive: precision "
        f"{quality.precision}, recall {quality.recall}, average precision {quality.average_precision}{easier}"
    )
    lines = [
        f"{target.spec.target}: trained on {learned_from}{of_whom}",
        f"forecast for {kept_for} ({facts['prevalence']:.1%} show it): "
        f"precision {expected.precision}, recall {expected.recall} at threshold {expected.threshold:.3f}{reached}",
        *([references_text(references, shown)] if few else []),
        *([] if few and not quality.positives else [measured]),
        *([f"learned from {painted} synthetic pictures, too; none of them chose or measured anything"] * bool(painted)),
        *learned_head.head.tagger_words(),
        *_wrong_tags(int(learned_head.doubted.sum())),
        *_training(training),
    ]
    refusal = refusal_of(target, training)
    if refusal:
        lines.append(f"it does not decide: {refusal}")
    elif training.steps < training.planned_steps:
        lines.append("the time budget shortened the training; another run on another machine may differ")
    return "\n".join(lines) + "\n"


def refusal_of(target: LearnedTarget, training: TrainingSummary) -> str:
    """Why a model may not decide, and what to do; "": it may."""
    return target.learned.refusal or too_brief(training.facts())


def _training(training: TrainingSummary) -> list[str]:
    if training.stages:
        return list(training.stages)
    if not training.planned_steps:
        return [f"by a pretrained network, without training it; looking took {training.seconds:.0f} s"]
    return [
        f"trained for {training.seconds:.0f} s, {training.steps} of {training.planned_steps} planned steps, "
        f"{training.pictures_per_s:.0f} pictures/s in {training.precision}, "
        f"{training.self_trained} pseudo-labelled pictures"
        + (f", {training.left_out} left out whose tags are contradicted" if training.left_out else "")
    ]


def _wrong_tags(wrong: int) -> list[str]:
    if not wrong:
        return []
    are = "tag that is" if wrong == 1 else "tags that are"
    return [f"{wrong} {are} clearly wrong left out of the test: held-out pictures may be tagged wrongly, too"]


def _metrics(target: LearnedTarget, references: int) -> dict[str, Any]:
    learned_head = target.learned
    return {
        "test": learned_head.quality.to_json(),
        "expected": learned_head.forecast.to_json(),
        "prevalence": learned_head.facts["prevalence"],
        "prevalence_by_stratum": learned_head.facts["prevalence_by_stratum"],
        "l2": learned_head.facts["l2"],
        "positives": learned_head.facts["positives"],
        "unlabelled": target.unlabelled,
        **({"ai_tags": learned_head.facts["ai_tags"]} if "ai_tags" in learned_head.facts else {}),
        **({"references": references} if references else {}),
    }


def _canaries(learned: Learned, target: LearnedTarget, pictures: Pixels) -> list[Canary]:
    """Pictures spread evenly over the scores, so that swapped or shifted outputs cannot go unnoticed.

    Of the gallery alone: a person's references do not travel with a package.
    """
    order = np.argsort(target.learned.head.logits(learned.embedded.embeddings), kind="stable")
    order = order[~np.isin(order, learned.references)]
    rows = order[np.unique(np.linspace(0, len(order) - 1, CANARIES).round().astype(int))]
    return [Canary(png(pictures[row]), learned.embedded.embeddings[row].astype(np.float32)) for row in rows.tolist()]


def _references(learned: Learned, examples: Sequence[Example]) -> References | None:
    """What the network saw in the references; None: there are none."""
    rows = learned.references
    if not len(rows):
        return None
    identities = [examples[row].identity for row in rows.tolist()]
    hashes = np.array([identity.picture_hash or 0 for identity in identities], dtype=np.uint64)
    return References(learned.embedded.embeddings[rows], [identity.md5 for identity in identities], hashes)


def split_md5s(learned: Learned, examples: Sequence[Example]) -> dict[str, list[str]]:
    """Which split each labelled picture was in, by MD5: later rounds on this backbone keep to it.

    What was to train a network and did not, because the network was taken as published or time was short, stands apart:
    it belongs to train, and no network has seen it.
    """
    md5s = [example.identity.md5 for example in examples]
    split = learned.split
    rows = {
        "train": np.setdiff1d(split.train, learned.synthetic),
        "validation": np.setdiff1d(split.validation, learned.spared),
        "test": split.test,
    }
    if len(learned.spared):
        rows[SPARED] = learned.spared
    if len(learned.synthetic):
        rows["synthetic"] = learned.synthetic
    return {name: [md5s[row] for row in its.tolist()] for name, its in rows.items()}
