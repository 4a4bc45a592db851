import pytest

from storage.plurals import counted

pytestmark = pytest.mark.no_gallery


def test_a_noun_follows_its_number() -> None:
    assert [counted(n, "label") for n in (0, 1, 2)] == ["0 labels", "1 label", "2 labels"]
    assert [counted(n, "copy", "copies") for n in (1, 3)] == ["1 copy", "3 copies"]
