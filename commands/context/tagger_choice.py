"""The user's own tagger, as the settings name it: found to be whole before anything long begins."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from commands.context.settings import Settings
from storage.plurals import counted
from storage.records import Target
from storage.rows.tagger_tags import TaggerAgreement

if TYPE_CHECKING:
    from classifier.taggers.client import TaggerClient, TaggerSettings


class DescribedTagger(Protocol):
    """What the user is told of a tagger that looks at every picture too."""

    @property
    def title(self) -> str: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def network(self) -> str: ...
    @property
    def checked(self) -> str: ...


def check_tagger(settings: Settings) -> None:
    """Look into the folder that `[tagger]` names, if it names one; nothing is loaded.

    Raises:
        TaggerError: as `tagger_settings`.
    """
    tagger_settings(settings, ())


def tagger_settings(settings: Settings, targets: Sequence[Target]) -> TaggerSettings | None:
    """The tagger that `[tagger]` names; None where it names none.

    Raises:
        TaggerError: it is missing, of no known form, or nothing is installed that runs it.
    """
    if not settings.tagger.folder:
        return None
    from classifier.taggers.client import TaggerSettings
    from classifier.taggers.forms import read_form
    from classifier.taggers.onnx_tagger import require_runtime

    folder = Path(settings.tagger.folder)
    require_runtime()
    read_form(folder)
    return TaggerSettings(
        folder=folder,
        wanted=tuple(sorted({name for target in targets for name in _names(target)})),
        channels=settings.tagger.channels,
        device=settings.scoring.device,
    )


async def open_tagger(stack: AsyncExitStack, settings: Settings, targets: Sequence[Target]) -> TaggerClient | None:
    """The tagger that `[tagger]` names, open until the stack closes; None where it can say nothing of the targets: it
    has no tag for any, and its penultimate layer cannot be had.

    Raises:
        TaggerError: as `tagger_settings`, and where it cannot be loaded.
    """
    chosen = tagger_settings(settings, targets)
    if chosen is None:
        return None
    from classifier.taggers.client import TaggerClient

    tagger = await stack.enter_async_context(TaggerClient(chosen))
    return None if set(chosen.wanted).isdisjoint(tagger.tags) and not tagger.network else tagger


def tagger_line(tagger: DescribedTagger, targets: Sequence[Target]) -> str:
    """What the user should know of the tagger: what it was found to be, and which targets it has no word for."""
    words = set(tagger.tags)
    without = [target.name for target in targets if not words & _names(target)]
    unknown = f"; it has no tag for {', '.join(without)}" if without else ""
    layer = "" if tagger.network else "; it gives no penultimate layer"
    return f"tagger {tagger.title}, {len(words - {''})} tags: {tagger.checked}{unknown}{layer}"


def agreement_line(target: Target, found: TaggerAgreement) -> str | None:
    """How the tagger did where the posts' own tags say who is there; None where it looked at too few of them."""
    if found.tagged < _ENOUGH or found.others < _ENOUGH:
        return None
    line = (
        f"the tagger names {target.name} in {found.tagged_named} of {counted(found.tagged, 'post')} tagged so and in "
        f"{found.others_named} of {counted(found.others, 'post')} tagged with others only"
    )
    if found.tagged_named / found.tagged - found.others_named / found.others >= _TELLS_APART:
        return line
    return (
        f"{line}: it does not know {target.name}, or its input is not prepared as in its training; see docs/settings.md"
    )


_ENOUGH = 10  # posts; of fewer nothing is reported
_TELLS_APART = 0.2  # of the shares named; below this the tagger is of no use for the target


def _names(target: Target) -> set[str]:
    return {target.tag, *target.aliases}
