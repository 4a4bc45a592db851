"""The block of a tagger's penultimate layer in a head: what it adds, and how it is stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import PackageError
from classifier.head import Head, parse_head, write_head
from classifier.inference.pooling import pooled, score_all, score_views
from classifier.tagger_block import TaggerBlock

NETWORK = "c" * 64 + "." + "1" * 16
BLOCK = TaggerBlock(NETWORK, np.array([1.0, -1.0, 0.5], np.float32), 0.25)
HEAD = Head(np.array([1.0, -2.0], np.float32), 0.5, tagger_block=BLOCK)


def test_it_adds_to_the_log_odds_where_the_tagger_looked_and_nothing_elsewhere() -> None:
    vectors = np.array([[1, 2, 4], [np.nan] * 3], np.float16)

    assert BLOCK.shifts(vectors).tolist() == [1.25, 0.0]
    with pytest.raises(ValueError, match=r"expected a tagger's vectors of shape \(n, 3\)"):
        BLOCK.shifts(vectors[:, :2])


def test_a_head_with_a_block_is_stored_whole_and_one_without_as_ever(tmp_path: Path) -> None:
    for name, head in (("with", HEAD), ("without", replace(HEAD, tagger_block=None))):
        write_head(tmp_path / f"{name}.npz", head)
    read, plain = (parse_head((tmp_path / f"{name}.npz").read_bytes(), tmp_path) for name in ("with", "without"))

    assert read.tagger_block is not None and plain.tagger_block is None
    assert read.tagger_block.facts() == BLOCK.facts() == {"name": "tagger", "count": 3, "network": NETWORK}
    assert read.tagger_block.weights.tolist() == BLOCK.weights.tolist() and read.tagger_block.bias == BLOCK.bias
    assert (read.tagger_network, plain.tagger_network) == (NETWORK, "")
    assert read.tagger_words() == [BLOCK.words()] and "scored by its own network alone" in BLOCK.words()


SPOILT: dict[str, dict[str, Any]] = {
    "half of it": {"tagger_bias": None},
    "no network": {"tagger_block": np.frombuffer(b'{"network": 3}', np.uint8)},
    "another word": {"tagger_block": np.frombuffer(b'{"network": "mine"}', np.uint8)},
    "no json": {"tagger_block": np.frombuffer(b"{", np.uint8)},
    "two biases": {"tagger_bias": np.zeros(2)},
    "no numbers": {"tagger_weights": np.array([np.nan], "<f4")},
    "no weights": {"tagger_weights": np.zeros(0, "<f4")},
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_block_makes_no_head(how: str, tmp_path: Path) -> None:
    write_head(tmp_path / "head.npz", HEAD)
    with np.load(tmp_path / "head.npz") as stored:
        arrays = {**stored, **SPOILT[how]}
    np.savez(
        tmp_path / "head.npz", allow_pickle=False, **{name: one for name, one in arrays.items() if one is not None}
    )

    with pytest.raises(PackageError, match="not the head of a model"):
        parse_head((tmp_path / "head.npz").read_bytes(), tmp_path / "head.npz")


def test_every_window_of_a_picture_is_scored_with_the_taggers_look_at_the_whole() -> None:
    views = np.array([[1, 1], [2, 0], [0, 0]], np.float16)
    vector = np.array([[1, 2, 4]], np.float16)
    by_hand = pooled(1 / (1 + np.exp(-(views @ np.array([1.0, -2.0]) + 0.5 + 1.25))))

    now = score_views(HEAD, views.astype("<f2").tobytes(), vector.astype("<f2").tobytes())
    later = score_all(HEAD, views[:1], {0: views[1:]}, tagger_vectors={NETWORK: vector})

    assert now == pytest.approx(by_hand) and later.tolist() == pytest.approx([now])
    assert score_views(HEAD, views.astype("<f2").tobytes()) < now
