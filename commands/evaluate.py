"""`crawl evaluate NAME`: how good a model is, on the test split or on a folder of your own; writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.progress import ProgressCallback
from commands.context.output_paths import check_output_folder
from commands.context.registered_models import judge_settings, verified
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.labelled_source import labelled_source
from commands.lookup.model_targets import model_of
from commands.lookup.post_links import PostLinks, link_of, post_links
from commands.output.evaluation_table import evaluation_table
from commands.terminal.console import print_json, say
from commands.terminal.error_exit import exit_code_of
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line, print_table
from storage.archive_records import RegisteredModel
from storage.errors import StorageError
from storage.gallery_view import Picture, Renditions, pictures
from storage.reader import Reader

if TYPE_CHECKING:
    from classifier.metrics.assessment import Assessment
    from rounds.evaluation.gallery import PictureSource
    from rounds.evaluation.subject import GalleryKnowledge, Subject


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """The options of `crawl evaluate`."""

    name: str  # mona, or mona/3
    on: Path | None = None  # a folder with one folder a class; None: the gallery's test split
    report: Path | None = None  # folder for the report
    as_json: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Measures:
    """What a test program may replace."""

    on_gallery: Callable[[Subject, GalleryKnowledge, PictureSource], Assessment] | None = None  # None: our own


def run(options: EvaluateOptions, root: Path | None, config: Path | None, measures: Measures = Measures()) -> int:
    """Measure, and say what came of it.

    Raises:
        UsageRefused: a file is where the report should lie, or what is named is not known.
    """
    if options.report is not None:  # checked now: measuring may take minutes
        check_output_folder(options.report, "--report")
    return run_stoppable(_run(options, load_workspace(root, config), measures), lambda: _NOTHING_KEPT)


_NOTHING_KEPT = "nothing was written; run the same command to measure from the beginning"


async def _run(options: EvaluateOptions, workspace: Workspace, measures: Measures) -> int:
    with read_gallery(workspace) as reader:
        recogniser = _recogniser(reader, options.name)
        if recogniser is not None:
            from commands.training.recogniser_evaluation import evaluate_recogniser

            return await evaluate_recogniser(options, workspace, recogniser)
        async with reporting(quiet=options.quiet or options.as_json) as report:
            subject = _subject(reader, workspace, options.name)
            report("reading", 0.0, "labels, tags and embeddings")
            known = _known(reader, workspace, subject)
            if options.on is None:
                assessment = await asyncio.to_thread(_on_gallery, reader, workspace, subject, known, report, measures)
            else:
                assessment = await _on_folder(options.on, workspace, subject, known, report)
    return _say(options, assessment)


def _say(options: EvaluateOptions, assessment: Assessment) -> int:
    """Show the figures, whatever becomes of the report: measuring may have taken minutes."""
    page, trouble = _report(options, assessment)
    code = int(ExitCode.COMPLETE if trouble is None else exit_code_of(trouble))
    if options.as_json:
        print_json(assessment.to_json() | {"report": None if page is None else str(page), "exit": code})
    else:
        print_table(evaluation_table(assessment))
        if page is not None:
            print_line(str(page))
    if trouble is not None:
        raise trouble
    if not options.quiet and not options.as_json:
        for line in _next(options, assessment):
            say(line)
    return code


def _report(options: EvaluateOptions, assessment: Assessment) -> tuple[Path | None, Exception | None]:
    """Where the report is, or why there is none."""
    if options.report is None:
        return None, None
    from rounds.errors import RoundError
    from rounds.evaluation.html_page import write_report

    try:
        return write_report(assessment, options.report.absolute()), None
    except (RoundError, StorageError) as error:
        return None, error


def _next(options: EvaluateOptions, assessment: Assessment) -> Sequence[str]:
    """What to do with it; lines, because they have commands to paste."""
    lines = []
    if assessment.set_apart is not None:
        search = assessment.set_apart.search
        lines.append(f"set apart: crawl query {search} lists them; in crawl review, {search} goes into the filter")
    if options.on is None:
        lines.append(f"crawl review asks what helps most; crawl train {assessment.target} learns from the answers")
    else:
        lines.append(f"crawl train {assessment.target} --from {options.on} learns from this folder")
    if options.report is None:
        lines.append("--report DIR draws the curves and shows the worst mistakes")
    return lines


def _recogniser(reader: Reader, named: str) -> RegisteredModel | None:
    """The recogniser of that name, `family` or `family/3`; None: it is no recogniser's.

    Raises:
        UnknownModel: it has no such number, or none is in force.
    """
    from rounds.models import named_model

    own = [one for one in reader.models() if one.recognises_classes and named.split("/")[0] == one.card.target]
    return named_model(own, named) if own else None


def _subject(reader: Reader, workspace: Workspace, named: str) -> Subject:
    """The model of that name; of a bare target the one in force."""
    from rounds.evaluation.subject import Subject

    target, model = model_of(reader, named)
    return Subject(target, model, verified(workspace, model))


def _known(reader: Reader, workspace: Workspace, subject: Subject) -> GalleryKnowledge:
    from rounds.evaluation.subject import GalleryKnowledge
    from rounds.questions.decision_rule import DecisionRule

    name = subject.target.name
    active = reader.active_model(name)
    evidence = reader.evidence(subject.target, subject.package.backbone_hash)
    trust_tags = workspace.settings.scoring.trust_tags
    rule = None if active is None else DecisionRule.of(active.card, trust_tags=trust_tags)
    return GalleryKnowledge(evidence, reader.labels(name), rule)


def _on_gallery(
    reader: Reader,
    workspace: Workspace,
    subject: Subject,
    known: GalleryKnowledge,
    report: ProgressCallback,
    measures: Measures,
) -> Assessment:
    from rounds.evaluation.gallery import evaluate_gallery

    if not len(known.evidence):
        raise UsageRefused(
            f"no picture of the gallery was looked at with {subject.model.card.name}'s network; crawl first, or "
            "measure on your own pictures (--on DIR)"
        )
    report("measuring", 0.0, f"{len(known.evidence)} pictures")
    with closing(Renditions(reader)) as renditions:
        album = _Album(reader, renditions, subject.target.name, post_links(workspace, reader))
        return (measures.on_gallery or evaluate_gallery)(subject, known, album)


@dataclass(frozen=True, slots=True)
class _Album:
    """What the gallery can show."""

    reader: Reader
    renditions: Renditions
    target: str
    links: PostLinks

    def pictures(self, ids: Sequence[int]) -> Sequence[Picture]:
        return self.reader.ask(lambda c: pictures(c, ids, self.target))

    def rendition(self, picture: int) -> bytes | None:
        return self.renditions.read(picture)

    def link(self, site: str, post: int) -> str | None:
        return link_of(self.links, site, post) or None


async def _on_folder(
    folder: Path, workspace: Workspace, subject: Subject, known: GalleryKnowledge, report: ProgressCallback
) -> Assessment:
    """Look at a folder as a crawl would: the same decoders, preprocessing and runtime."""
    from classifier.inference.batcher import PackagePin, Scorer
    from classifier.pictures.class_folders import class_pictures
    from classifier.pictures.decoder_pool import Decoders
    from rounds.evaluation.folder import PicturePipeline, evaluate_folder, score_folder

    target, package = subject.target, subject.package
    names = [target.name, target.tag, *target.names_before, *target.variants, *target.aliases]
    folder, by_hand = await asyncio.to_thread(labelled_source, folder)
    found = await asyncio.to_thread(
        class_pictures,
        folder,
        names,
        by_hand=by_hand if by_hand.table else None,
        report=lambda share, words: report("listing", share, words),
    )
    settings = judge_settings(workspace.settings.scoring)
    pins = {target.name: PackagePin(package.folder, package.hash)}
    async with (
        Decoders([package.preprocessing], settings.decoders, windows=[package.preprocessing]) as decoders,
        Scorer(pins, settings.scorer) as scorer,
    ):
        pipeline = PicturePipeline(decoders, lambda pixels: scorer.embed(0, pixels), settings.in_flight)
        scored, left = await score_folder(subject, found, pipeline, report=report)
    report("measuring", 0.0, f"{len(scored)} pictures")
    return await asyncio.to_thread(evaluate_folder, subject, found, scored, left, known)
