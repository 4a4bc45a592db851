"""A folder a split and class, and a table of everything, for Hugging Face `datasets` (imagefolder) and torchvision.

What `datasets` 5.2.0 does, and what is done about it here: a table of metadata makes it forget the classes that folders
name, so the table has a column `label`; a class folder called like a split (`test`) becomes that split, so README.md
says which files belong to which; columns must have one type in all tables, and neither null nor a list that is empty
everywhere has one, so there are none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from interchange.layouts.layout import ClosingFile, LayoutOptions
from interchange.manifest import json_line
from interchange.samples import SPLITS, Sample, flat_facts
from storage.exports.ledger import Ledger

METADATA = "metadata.jsonl"


class ImageFolder:
    """`train/mona/danbooru_1234.png`, `train/metadata.jsonl`, and a README.md that says what is what."""

    name = "imagefolder"
    readable: frozenset[str] | None = frozenset({"png", "jpg", "jpeg", "webp", "gif", "bmp"})
    trains = False

    def __init__(self, options: LayoutOptions) -> None:
        self._options = options

    def folder(self, sample: Sample) -> str:
        """A folder a split and class."""
        return f"{sample.split}/{sample.label}"

    def sidecars(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """None: captions are in the table."""
        return ()

    def closing(self, folder: Path, ledger: Ledger) -> Iterator[ClosingFile]:
        """A table a split, and the card."""
        present = {place.partition("/")[0] for place in ledger.places()}
        splits = [split for split in SPLITS if split in present]
        for split in splits:
            yield ClosingFile(f"{split}/{METADATA}", _rows(ledger, split))
        yield ClosingFile("README.md", [_card(splits)], settings=True)


def _rows(ledger: Ledger, split: str) -> Iterator[str]:
    for sample in ledger.samples(f"{split}/"):
        facts = flat_facts(sample.facts)
        name = str(facts.pop("file")).removeprefix(f"{split}/")
        yield json_line({"file_name": name, **facts})


def _card(splits: Sequence[str]) -> str:
    files = "".join(f"  - split: {split}\n    path: {split}/**\n" for split in splits)
    return (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n\n"
        "Pictures chosen and exported by boorusieve. `text` is the caption, `label` the class; a score of -1 means "
        "that there is none.\nThe pictures belong to their artists: `site`, `post_id` and `source` say where each is "
        "from.\n"
    )
