"""Folders for kohya's sd-scripts: `img/10_mona/` with a caption beside each picture, and a dataset configuration.

Source of the rules: sd-scripts, library/config_util.py (`generate_dreambooth_subsets_config_by_subdirs`) and
library/train_util.py (`read_caption`, `glob_images`), docs/config_README-en.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from interchange.layouts.layout import ClosingFile, LayoutOptions, caption_sidecars
from interchange.samples import OTHER, Sample
from storage.exports.ledger import Ledger

CONFIG = "dataset.toml"
_READABLE = frozenset({"png", "jpg", "jpeg", "webp", "bmp"})  # without its plugins for avif and jxl


class Kohya:
    """`img/` is trained on, `reg/` holds what does not show the target, `validation/` and `test/` are kept from it."""

    name = "kohya"
    readable: frozenset[str] | None = _READABLE
    trains = True

    def __init__(self, options: LayoutOptions) -> None:
        self._options = options

    def folder(self, sample: Sample) -> str:
        """`img/10_mona`: how often each picture is repeated, and what the class is called."""
        if sample.split != "train":
            return f"{sample.split}/1_{self._options.concept(sample.label)}"
        if sample.label == OTHER:
            return f"reg/1_{OTHER}"
        return f"img/{self._options.repeats_of(sample.label)}_{self._options.concept(sample.label)}"

    def sidecars(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """The caption."""
        return caption_sidecars(sample, self._options)

    def closing(self, folder: Path, ledger: Ledger) -> Iterator[ClosingFile]:
        """The dataset configuration, and captions by stem for fine-tuning, a file a class."""
        places = [place for place in ledger.places() if place.startswith(("img/", "reg/"))]
        yield ClosingFile(CONFIG, self._config(folder, places), settings=True)
        for place in places:
            if place.startswith("img/"):
                concept = place.partition("_")[2]
                yield ClosingFile(f"metadata_{concept}.json", _metadata(ledger, place))

    def _config(self, folder: Path, places: Sequence[str]) -> Iterator[str]:
        """Only what it must say: keys that sd-scripts does not know are refused by it."""
        options, shuffled = self._options, self._options.captions != "none"
        yield "[general]\n"
        if options.captions in ("txt", "caption"):
            yield f'caption_extension = ".{options.captions}"\n'
        yield f"shuffle_caption = {'true' if shuffled else 'false'}\nkeep_tokens = {options.style.fixed_words}\n\n"
        yield f"[[datasets]]\nresolution = {options.resolution}\nenable_bucket = true\nbucket_no_upscale = true\n"
        for place in places:
            repeats, _, concept = place.partition("/")[2].partition("_")
            yield f"\n  [[datasets.subsets]]\n  image_dir = {json.dumps(str(folder / place), ensure_ascii=False)}\n"
            yield f"  num_repeats = {repeats}\n  class_tokens = {json.dumps(concept, ensure_ascii=False)}\n"
            if place.startswith("reg/"):
                yield "  is_reg = true\n"


def _metadata(ledger: Ledger, place: str) -> Iterator[str]:
    """An object with an entry a picture, by the stem of its file."""
    before = "{\n"
    for sample in ledger.samples(place):
        if sample.place == place:
            facts = sample.facts
            tags = [*facts["tags_character"], *facts["tags_copyright"], *facts["tags_general"]]
            entry = {"caption": facts["caption"], "tags": ", ".join(tags)}
            yield f"{before}{json.dumps(Path(facts['file']).stem)}: {json.dumps(entry, ensure_ascii=False)}"
            before = ",\n"
    yield "\n}\n" if before != "{\n" else "{}\n"
