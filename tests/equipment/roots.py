"""Fresh galleries that know a model already, so that a run can be measured without training one first."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from storage.archive import Archive


async def _copy_models(source: Path, fresh: Path) -> None:
    async with Archive.open(source) as known:
        models = [model for model in await known.models() if model.active]
    async with Archive.open(fresh) as archive:
        for model in models:
            name = Path("models") / model.card.target / str(model.card.number)
            shutil.copytree(source / name, fresh / name)
            await archive.register_model(model.card, model.facts, activate=True)


def root_with_models(source: Path, fresh: Path) -> None:
    """Make a new gallery at `fresh` whose targets have the active models of `source`."""
    asyncio.run(_copy_models(source, fresh))
