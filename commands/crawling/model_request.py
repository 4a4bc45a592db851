"""What a run needs models for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from commands.context.archive_protocol import CommandArchive
from commands.context.connection import Connected
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.crawling.takeover import Takeover
from storage.records import Target


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a judge is needed for."""

    workspace: Workspace
    goal: ThresholdGoal
    tag: str
    targets: tuple[Target, ...]
    connected: Connected
    archive: CommandArchive
    dry_run: bool
    quiet: bool
    takeover: Takeover | None = None  # where the network may be trained beside the crawl
    learning: tuple[str, ...] = ()  # the learning process; empty: the program's own
    references: Path | None = None  # a folder with a few pictures of the one target
