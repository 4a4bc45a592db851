"""A gallery with a model that was never crawled into, and a demo site to crawl; each once for all tests here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import open_reader
from tests.classifier.tiny_models import TinyBackbone, make_backbone
from tests.commands.folders.places import make_root
from tests.faults import driver
from tests.faults.kills.grounds import REAL, TAG

POSTS = 150  # that the demo site paints
LIMIT_S = 400.0  # of one command on a busy machine; Ray alone takes seven seconds on an idle one


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    """The network of the models here."""
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="session")
def template(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the model mona/1, and no posts; to be copied."""
    return make_root(tmp_path_factory.mktemp("ray") / "root", tiny)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a demo gallery."""
    command = [sys.executable, "-m", "commands", "demo", "--posts", str(POSTS), "--port", "0"]
    log = tmp_path_factory.mktemp("demo") / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=driver.REPOSITORY, text=True) as process,
    ):
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


class Crawled:
    """Copies of the gallery, and crawls into them."""

    def __init__(self, template: Path, folder: Path, site: str) -> None:
        self.template, self.folder, self.site = template, folder, site

    def root(self, name: str) -> Path:
        """A fresh copy."""
        return Path(shutil.copytree(self.template, self.folder / name))

    def words(self, root: Path, *more: str) -> list[str]:
        """The command line of a crawl."""
        return ["--site", self.site, "--tag", TAG, "--keep", "mona", "--root", str(root), *more]

    def crawl(self, root: Path, *more: str, **environment: str) -> driver.CommandResult:
        """Crawl to the end."""
        return driver.run(self.words(root, *more), program=REAL, environment=environment, limit_s=LIMIT_S)

    def crawl_here(self, root: Path, *more: str, **environment: str) -> Result:
        """Crawl in this process, which has loaded everything: half the processor time, and Ray must not be joined."""
        return CliRunner().invoke(app, self.words(root, *more), env=environment)


@pytest.fixture
def crawled(template: Path, tmp_path: Path, site: str) -> Crawled:
    """Galleries in a folder of the test's own."""
    return Crawled(template, tmp_path, site)


def digest(root: Path) -> str:
    """The state of a gallery: posts, decisions, labels, files as they are on disk."""
    with open_reader(root) as reader:
        return reader.digest()
