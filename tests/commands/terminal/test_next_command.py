import shlex
from pathlib import Path

import pytest

from commands.terminal.next_command import next_command


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("tag", ["mona_(genshin_impact)", "ninomae_ina'nis", "a$b", "`x`", "\\o/", '"quoted"'])
def test_whatever_a_tag_holds_the_shell_reads_it_back_as_one_word(tag: str) -> None:
    command = next_command(Path("gallery-data"), "query", f"decision:keep -{tag}")

    assert shlex.split(command) == ["crawl", "query", f"decision:keep -{tag}"]


def test_another_gallery_is_named(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("my pictures")

    assert next_command(here / "gallery-data", "status") == "crawl status"
    assert next_command(here / "mona's", "status") == """crawl status --root 'mona'"'"'s'"""
    assert shlex.split(next_command(elsewhere, "status")) == ["crawl", "status", "--root", str(elsewhere)]
