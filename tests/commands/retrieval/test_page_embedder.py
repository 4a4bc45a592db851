"""Pictures that are dropped on the page are looked at by the target's network; its trouble is the page's answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from classifier.pictures.preprocessing import Preprocessing, picture_array
from commands.context.workspace import load_workspace
from commands.retrieval.page_embedder import PageEmbedder
from review.errors import NotComparable
from tests.classifier.tiny_models import SIZE, TinyBackbone, make_backbone
from tests.commands.folders.places import make_root, picture


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def root(tiny: TinyBackbone, tmp_path: Path) -> Path:
    return make_root(tmp_path / "root", tiny)


async def test_one_picture_after_the_other_by_the_same_network(tiny: TinyBackbone, root: Path) -> None:
    embedder = PageEmbedder(load_workspace(root, None))

    first = await embedder.embed("mona", picture(1, red=True))
    with pytest.raises(NotComparable, match="no picture that can be looked at: unsupported"):
        await embedder.embed("mona", b"no picture")
    second = await embedder.embed("mona", picture(2, red=False))
    await embedder.close()

    pixels = np.stack(
        [picture_array(one, Preprocessing(SIZE)) for one in (picture(1, red=True), picture(2, red=False))]
    )
    assert np.allclose(np.stack([first, second]), tiny.embed(pixels), atol=0.01)


async def test_without_a_model_or_with_an_altered_one_the_page_says_why(root: Path) -> None:
    embedder = PageEmbedder(load_workspace(root, None))

    with pytest.raises(NotComparable, match="fischl has no model in force"):
        await embedder.embed("fischl", picture(1, red=True))
    (root / "models" / "mona" / "1" / "manifest.json").write_text("{}")
    with pytest.raises(NotComparable, match="manifest"):
        await embedder.embed("mona", picture(1, red=True))
    with closing(sqlite3.connect(root / "crawl.db")) as database, database:
        database.execute("UPDATE model SET active = 0")
    with pytest.raises(NotComparable, match="mona has no model in force"):
        await embedder.embed("mona", picture(1, red=True))
    await embedder.close()
