"""Options that every command shares, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.context import completion
from commands.terminal.allowed_values import ENGINES

RootOption = Annotated[
    Path | None,
    typer.Option("--root", help="Folder with pictures, models and database.", metavar="DIR", show_default=False),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="Postgres database for a new gallery's rows; the root remembers it.",
        metavar="URL",
        show_default=False,
    ),
]
FilesOption = Annotated[
    str | None,
    typer.Option(
        "--files",
        help="S3 bucket for a new gallery's pictures; the root remembers it.",
        metavar="URL",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file; by default `crawl.toml` in the current folder.",
        metavar="FILE",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages.")]
SiteOption = Annotated[
    str | None,
    typer.Option(
        "--site",
        help="Site by name or URL; `demo` starts the built-in gallery.",
        metavar="NAME|URL",
        show_default=False,
        autocompletion=completion.sites,
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="What looks at pictures: local, or a Ray cluster.",
        metavar="local|ray",
        show_default=False,
        autocompletion=completion.one_of(ENGINES),
    ),
]
SeenOption = Annotated[
    bool, typer.Option("--seen", help="Look, too, at posts that an imported archive has; originals are not fetched.")
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        help="What to keep; repeat it for several.",
        metavar="NAME",
        show_default=False,
        autocompletion=completion.targets,
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--keep", help="Only this target.", metavar="NAME", show_default=False, autocompletion=completion.targets
    ),
]
