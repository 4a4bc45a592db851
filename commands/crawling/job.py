"""A run's job and its crew, from the settings, the plan and the connection."""

from __future__ import annotations

import logging

from commands.context.archive_protocol import CommandArchive
from commands.context.connection import Connected
from commands.context.workspace import Workspace
from commands.crawling.plan import CrawlPlan
from commands.terminal.error_exit import describe
from crawler.animations.policy import animation_policy
from crawler.crew import Crew, Job
from crawler.decisions import Policy
from crawler.judge import Judge
from crawler.sources.listing import SiteSource
from crawler.transport.downloads import Downloader

log = logging.getLogger(__name__)


def job_of(run_id: int, plan: CrawlPlan, workspace: Workspace, connected: Connected) -> Job:
    """What a run is to do with all posts of a plan.

    Args:
        run_id: its number.
        plan: the search and its targets.
        workspace: the settings of scoring.
        connected: the site, and how long posts in flight may take after a stop.
    """
    scoring = workspace.settings.scoring
    return Job(
        run_id=run_id,
        site=connected.site.name,
        query=plan.query,
        targets=plan.targets,
        policy=Policy(trust_tags=scoring.trust_tags),
        score_on=scoring.score_on,
        look_first="" if workspace.settings.tagger.folder else scoring.first_rendition,  # a tagger wants large pictures
        wants=plan.wants,
        checked_here=plan.checked_here,
        counted=plan.counted,
        animation=animation_policy(scoring.animation_frames, scoring.animation_megabytes),
        in_flight=scoring.in_flight,
        grace_s=connected.pace.grace_s,
    )


def crew_of(
    plan: CrawlPlan, connected: Connected, judge: Judge, archive: CommandArchive, downloader: Downloader
) -> Crew:
    """Who takes part in a run; posts that fail go to the log."""
    return Crew(
        source=SiteSource(connected.client, plan.server_query),
        fetcher=downloader,
        judge=judge,
        archive=archive,
        note=lambda post, error: log.warning("post %d: %s", post.id, describe(error)),
    )
