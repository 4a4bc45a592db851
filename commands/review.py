"""`crawl review`: the web page where people correct the machine, on this machine only."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from commands.context.workspace import Workspace, load_workspace
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.post_links import PostLinks, post_links
from commands.pages.page_server import Serve, announce_page, serve_page
from commands.terminal.console import say
from system.child_process import DOWNLOADS, allowed, module_command

SETTINGS = (
    "CRAWL_ROUND_ZERO_",
    "CRAWL_SCORING_",
)  # beginnings of the variables that a round obeys; no key is among them


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """The options of `crawl review`."""

    port: int | None = None
    open_browser: bool = False


def run(options: ReviewOptions, root: Path | None, config: Path | None, serve: Serve | None = None) -> int:
    """Serve the page until Ctrl-C.

    Args:
        options: see there.
        root: the gallery; None: that of the settings.
        config: the settings' file; None: the one in the current folder, if any.
        serve: serves the page, and calls its last argument when it can be asked and stopped; None: over a socket.
    """
    from commands.retrieval.larger_pictures import LargerPictures
    from commands.retrieval.page_embedder import PageEmbedder
    from review.app import ReviewPage, create_app
    from review.gallery_service import GalleryReviewService
    from review.gate import Address
    from review.round_process import RoundProcess
    from review.server import DEFAULT_PORT, bind, port_of
    from rounds.target_state import target_state_in

    workspace = load_workspace(root, config)
    read_gallery(workspace).close()
    with (
        GalleryReviewService(workspace.root, _who(), trust_tags=workspace.settings.scoring.trust_tags) as service,
        bind(DEFAULT_PORT if options.port is None else options.port) as listening,
    ):
        address = Address(port_of(listening))
        rounds = RoundProcess(
            lambda target: _round_command(target, workspace),
            lambda target: target_state_in(workspace.root, target),
            _round_settings(),
        )
        page = ReviewPage(
            service=service,
            rounds=rounds,
            address=address,
            links=_links(workspace),
            root=str(workspace.root),
            embedder=PageEmbedder(workspace),
            larger=LargerPictures(workspace),
        )
        try:
            announce = partial(announce_page, address.url, open_browser=options.open_browser)
            asyncio.run((serve or serve_page)(create_app(page), listening, announce))
        except KeyboardInterrupt:
            say("the page is closed; every answer that it showed as saved is saved")
    return 0


def _round_command(target: str, workspace: Workspace) -> Sequence[str]:
    """The command that runs a round and reports it in lines of JSON."""
    given = ["--config", str(workspace.config.absolute())] if workspace.config else []
    return module_command("commands", "train", target, "--root", str(workspace.root), "--json-progress", *given)


def _round_settings() -> Mapping[str, str]:
    return allowed([*DOWNLOADS, *(name for name in os.environ if name.startswith(SETTINGS))])


def _links(workspace: Workspace) -> PostLinks:
    """Where the posts of each site that the gallery knows can be seen."""
    with read_gallery(workspace) as reader:
        return post_links(workspace, reader)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"
