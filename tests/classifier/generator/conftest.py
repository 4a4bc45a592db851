"""Nothing here is compiled: the networks are so small that tracing would take longer than all their steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from classifier.generator.worker import trained
from classifier.progress import unreported
from tests.classifier.generator.tiny_generator import tiny_job


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(before)


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator's package, trained for three steps on two classes."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    work = tmp_path_factory.mktemp("work") / "faces"
    tiny_job(work)
    done = trained(work, unreported)
    tf.config.run_functions_eagerly(False)
    return Path(done["folder"]).rename(work.parent / "faces-generator")
