"""References in a package: kept whole, refused when they are not what a package says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.errors import PackageError
from classifier.package.references import MOST_REFERENCES, References, parse_references, write_references


def references(count: int = 3, width: int = 4) -> References:
    vectors = np.arange(count * width, dtype=np.float16).reshape(count, width)
    return References(vectors, [f"{number:032x}" for number in range(count)], np.arange(count, dtype=np.uint64) + 2**63)


def test_references_come_back_as_they_were(tmp_path: Path) -> None:
    write_references(tmp_path / "references.npz", references())

    found = parse_references((tmp_path / "references.npz").read_bytes(), tmp_path, 4)

    assert found.vectors.tolist() == references().vectors.tolist()
    assert list(found.md5s) == list(references().md5s)
    assert found.hashes.tolist() == references().hashes.tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (references(width=5), "differ"),
        (references(MOST_REFERENCES + 1), "expected 1 to 200"),
        (References(np.full((1, 4), np.inf, np.float16), ["0" * 32], np.zeros(1, np.uint64)), "not finite"),
    ],
)
def test_references_that_no_such_network_has_seen_are_refused(tmp_path: Path, wrong: References, message: str) -> None:
    write_references(tmp_path / "references.npz", wrong)

    with pytest.raises(PackageError, match=message):
        parse_references((tmp_path / "references.npz").read_bytes(), tmp_path, 4)


def test_a_file_that_is_no_table_of_references_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="holds no reference pictures"):
        parse_references(b"not an archive", tmp_path, 4)
