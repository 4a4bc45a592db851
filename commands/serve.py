"""`crawl serve`: a model as an HTTP service, on this machine unless told otherwise."""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.context.workspace import Workspace, load_workspace
from commands.deployment.export import program_version
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.pages.page_server import Serve
from commands.terminal.console import complain, say
from storage.plurals import counted

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp

    from commands.folders.judges import OpenJudge, PictureSubject
    from serving.scorer import Scored, ServedModel

LOOPBACK, DEFAULT_PORT = "127.0.0.1", 8788
PATIENCE_S = 30  # that requests in flight have, once the service is to end; a second Ctrl-C ends it at once
_EXTRA = ("prometheus_client", "python_multipart")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The options of `crawl serve`."""

    name: str  # a target, one of its models, or a recogniser
    port: int | None = None
    host: str = LOOPBACK


def run(options: ServeOptions, root: Path | None, config: Path | None, serve: Serve | None = None) -> int:
    """Serve until Ctrl-C.

    Args:
        options: see there.
        root: the gallery; None: that of the settings.
        config: the settings' file; None: the one in the current folder, if any.
        serve: serves the application, and calls its last argument when it can be asked and stopped; None: over a
            socket, letting requests in flight end.
    """
    _check_installed(_EXTRA)
    from review.server import bind

    workspace = load_workspace(root, config)
    read_gallery(workspace).close()
    subject = _subject(options.name, workspace)
    with bind(DEFAULT_PORT if options.port is None else options.port, options.host) as listening:
        try:
            asyncio.run(_serve(subject, workspace, listening, serve))
        except KeyboardInterrupt:
            say("the service is closed")
    return 0


def _check_installed(modules: Sequence[str]) -> None:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageRefused(f"crawl serve needs {' and '.join(missing)}: pip install 'boorusieve[serve]'")


def _subject(named: str, workspace: Workspace) -> PictureSubject:
    from commands.folders.judges import subject_of
    from commands.folders.options import ClassifyOptions
    from commands.lookup.model_targets import model_of

    with read_gallery(workspace) as reader:
        _, model = model_of(reader, named)
        recogniser, target = (named, None) if model.recognises_classes else (None, named)
        return subject_of(reader, workspace, ClassifyOptions(keep=target, recogniser=recogniser))


async def _serve(subject: PictureSubject, workspace: Workspace, listening: socket.socket, serve: Serve | None) -> None:
    from serving.app import ScoringService, create_app

    async with AsyncExitStack() as stack:
        judge = await subject.open(stack, replace(workspace.settings, engine="local"))
        host, port = listening.getsockname()
        url = f"http://{host}:{port}/"
        service = ScoringService(
            model=_served(subject, judge),
            scorer=RuledScorer(judge),
            version=program_version(),
            url=url,
            hosts=_hosts(host, port),
        )

        def announce() -> None:
            say(f"{subject.card.name} is served at {url}, scoring on {judge.device}  (Ctrl-C closes it)")
            if not ipaddress.ip_address(host).is_loopback:
                say("everybody who reaches this address may use it: there is no password, and no encryption")

        await (serve or _until_stopped)(create_app(service), listening, announce)


async def _until_stopped(app: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
    from review.server import serve

    await serve(app, listening, patience_s=PATIENCE_S, told=_cut_off, started=started)


def _cut_off(requests: int) -> None:
    complain(f"crawl: {counted(requests, 'request')} had no answer after {PATIENCE_S} s and got none")


def _hosts(host: str, port: int) -> tuple[str, ...]:
    """The values of `Host` that are accepted; all, where others may ask: by which name they do is not known here."""
    if not ipaddress.ip_address(host).is_loopback:
        return ()
    names = dict.fromkeys((host, "localhost"))
    return tuple(f"{name}:{port}" for name in names) + (tuple(names) if port == 80 else ())


def _served(subject: PictureSubject, judge: OpenJudge) -> ServedModel:
    from commands.folders.judges import TargetSubject
    from serving.scorer import ServedModel

    if isinstance(subject, TargetSubject):
        facts = {"threshold": subject.card.threshold, "refusal": judge.refusal}
        return ServedModel(subject.card.name, "target", judge.device, facts)
    recogniser = subject.package.recogniser
    facts = {"classes": list(recogniser.classes), "limits": asdict(recogniser.limits)}
    return ServedModel(subject.card.name, "recogniser", judge.device, facts)


@dataclass(frozen=True, slots=True)
class RuledScorer:
    """Looks and decides as `crawl classify` does, of a picture whose post is not known."""

    judge: OpenJudge

    async def score(self, picture: bytes) -> Scored:
        """See `serving.scorer.PictureScorer`."""
        from crawler.folder_pipeline import Facts, Verdict
        from serving.scorer import Scored

        look = await self.judge.judge.look(picture)
        ruled = self.judge.rule(look, Facts())
        outcomes = {Verdict.KEPT: "keep", Verdict.REJECTED: "delete", Verdict.UNDECIDED: "undecided"}
        return Scored(
            outcomes.get(ruled.verdict, "failed"),
            ruled.score,
            ruled.name or None,
            ruled.reason,
            look.fault,
            look.width,
            look.height,
            look.format,
        )
