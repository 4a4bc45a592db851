"""`crawl evaluate NAME --on DIR` of a recogniser: each class's figures, and a report with figures to look at."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING

from commands.context.registered_models import recogniser_scores, verified_recogniser
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.lookup.labelled_source import labelled_source
from commands.output.recogniser_table import recogniser_lines, recogniser_table
from commands.terminal.console import print_json, say
from commands.terminal.error_exit import exit_code_of
from commands.terminal.exit_codes import ExitCode
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line, print_table
from storage.archive_records import RegisteredModel

if TYPE_CHECKING:
    from pathlib import Path

    from classifier.recognition.assessment import RecogniserAssessment
    from commands.evaluate import EvaluateOptions
    from rounds.evaluation.recogniser_folder import ScoredPictures


async def evaluate_recogniser(options: EvaluateOptions, workspace: Workspace, model: RegisteredModel) -> int:
    """Measure it, and say what came of it.

    Raises:
        UsageRefused: no folder is named, or figures are wanted and the package for them is missing.
        ClassFolderError, TooLittleToMeasure: the folder has no classes, or none that it knows.
    """
    if options.on is None:
        raise UsageRefused(
            f"{model.card.name} is a recogniser: give pictures to measure it on, --on DIR, one folder a class; "
            f"crawl models show {model.card.name} has the figures of its training"
        )
    if options.report is not None:
        check_figures()
        from rounds.evaluation.recogniser_page import check_recogniser_report

        check_recogniser_report(options.report.absolute())
    package = await asyncio.to_thread(verified_recogniser, workspace, model)
    from classifier.recognition.labelled_folder import labelled_folder
    from rounds.evaluation.recogniser_folder import assessment_of

    folder, by_hand = await asyncio.to_thread(labelled_source, options.on)
    async with reporting(quiet=options.quiet or options.as_json) as report:
        found = await asyncio.to_thread(
            labelled_folder, folder, by_hand=by_hand, report=lambda share, words: report("listing", share, words)
        )
        scored = await recogniser_scores(package, found.pictures, workspace, report)
        report("measuring", 0.0, f"{len(scored.pictures)} pictures")
        assessment = await asyncio.to_thread(assessment_of, package, model.card.name, found, scored)
    return await asyncio.to_thread(_say, options, assessment, scored)


def check_figures() -> None:
    """Check that figures can be drawn.

    Raises:
        UsageRefused: the package is missing; says how to get it.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageRefused("--report draws figures and needs matplotlib: pip install 'boorusieve[plots]'")


def _say(options: EvaluateOptions, assessment: RecogniserAssessment, scored: ScoredPictures) -> int:
    """Show the figures, whatever becomes of the report: measuring may have taken minutes."""
    page, trouble = _report(options.report, assessment, scored)
    code = int(ExitCode.COMPLETE if trouble is None else exit_code_of(trouble))
    if options.as_json:
        print_json(assessment.to_json() | {"report": None if page is None else str(page), "exit": code})
    else:
        for line in recogniser_lines(assessment):
            print_line(line)
        print_table(recogniser_table(assessment))
        if page is not None:
            print_line(str(page))
    if trouble is not None:
        raise trouble
    if options.report is None and not options.quiet and not options.as_json:
        say("--report DIR draws the confusion matrix and the thresholds, and shows the worst mistakes")
    return code


def _report(
    folder: Path | None, assessment: RecogniserAssessment, scored: ScoredPictures
) -> tuple[Path | None, Exception | None]:
    """Where the report is, or why there is none."""
    if folder is None:
        return None, None
    from rounds.errors import RoundError
    from rounds.evaluation.recogniser_page import write_recogniser_report
    from storage.errors import StorageError

    try:
        return write_recogniser_report(assessment, scored.pictures, folder.absolute()), None
    except (RoundError, StorageError) as error:
        return None, error
