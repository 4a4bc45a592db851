"""Looks at small renditions in a package: kept whole, measured by each head, refused when they are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.errors import PackageError
from classifier.head import Head
from classifier.package.small_looks import MOST_PAIRS, SmallLooks, parse_small_looks, write_small_looks


def looks(count: int = 100, width: int = 4) -> SmallLooks:
    large = np.random.default_rng(0).normal(size=(count, width)).astype(np.float16)
    small = large.copy()
    small[:, 0] += np.where(np.arange(count) % 2, 0.25, -0.25).astype(np.float16)  # only the first number moves
    return SmallLooks(large, small)


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    write_small_looks(tmp_path / "looks.npz", looks())

    found = parse_small_looks((tmp_path / "looks.npz").read_bytes(), tmp_path, 4)

    assert found.large.tolist() == looks().large.tolist()
    assert found.small.tolist() == looks().small.tolist()


def test_each_head_has_a_margin_of_its_own() -> None:
    blind, keen = (Head(np.array(weights, dtype=np.float32), 0.0) for weights in ([0, 3, 0, 0], [9, 0, 0, 0]))

    margins = [looks().margin(head, 0.5) for head in (blind, keen)]

    assert margins[0] is not None
    assert margins[1] is not None
    assert margins[0] < margins[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (looks(width=5), "expected 1 to"),
        (looks(MOST_PAIRS + 1), "expected 1 to"),
        (SmallLooks(looks().large, looks(99).small), "expected 1 to"),
        (SmallLooks(np.full((1, 4), np.inf, np.float16), np.zeros((1, 4), np.float16)), "not finite"),
    ],
)
def test_what_no_such_network_has_seen_is_refused(tmp_path: Path, wrong: SmallLooks, message: str) -> None:
    write_small_looks(tmp_path / "looks.npz", wrong)

    with pytest.raises(PackageError, match=message):
        parse_small_looks((tmp_path / "looks.npz").read_bytes(), tmp_path, 4)


def test_a_file_that_is_no_table_of_looks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="holds no looks"):
        parse_small_looks(b"not an archive", tmp_path, 4)
