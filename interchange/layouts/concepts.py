"""A folder a class with a caption beside each picture, and settings that name them: for OneTrainer and ai-toolkit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from interchange.layouts.layout import ClosingFile, LayoutOptions, caption_sidecars
from interchange.samples import OTHER, Sample
from storage.exports.ledger import Ledger

_TRAINED = "train/"


class _Concepts:
    """`train/mona/`, and `validation/mona/`, `test/mona/` where splits are kept apart."""

    trains = True

    def __init__(self, options: LayoutOptions) -> None:
        self._options = options

    def folder(self, sample: Sample) -> str:
        """A folder a split and class."""
        return f"{sample.split}/{self._options.concept(sample.label)}"

    def sidecars(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """The caption."""
        return caption_sidecars(sample, self._options)

    def _repeats(self, concept: str) -> int:
        """Of a class, by the name of its folder."""
        label = next((one for one in self._options.classes if self._options.concept(one) == concept), concept)
        return self._options.repeats_of(label)


class OneTrainer(_Concepts):
    """With `concepts.json`, which its window and its command line load. Source: OneTrainer, ConceptConfig.py."""

    name = "onetrainer"
    readable: frozenset[str] | None = frozenset({"png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"})

    def closing(self, folder: Path, ledger: Ledger) -> Iterator[ClosingFile]:
        """The list of concepts."""
        places = [place for place in ledger.places() if not place.startswith("test/")]
        concepts = [self._concept(folder, place) for place in places]
        yield ClosingFile("concepts.json", [json.dumps(concepts, ensure_ascii=False, indent=1) + "\n"], settings=True)

    def _concept(self, folder: Path, place: str) -> dict[str, object]:
        name = place.partition("/")[2]
        kind = "STANDARD" if place.startswith(_TRAINED) else "VALIDATION"
        return {
            "name": name,
            "path": str(folder / place),
            "enabled": True,
            "type": "PRIOR_PREDICTION" if name == OTHER and kind == "STANDARD" else kind,
            "include_subdirectories": False,
            "balancing": float(self._repeats(name)),
            "balancing_strategy": "REPEATS",
            "text": {
                "prompt_source": "sample",  # the text file beside each picture
                "prompt_path": "",
                "enable_tag_shuffling": True,
                "tag_delimiter": ",",
                "keep_tags_count": self._options.style.fixed_words,
            },
        }


class AiToolkit(_Concepts):
    """With `datasets.yaml`, for a job's `process`. Source: README.md and examples of ostris/ai-toolkit."""

    name = "ai-toolkit"
    readable: frozenset[str] | None = frozenset({"png", "jpg", "jpeg"})  # its README warns of webp

    def closing(self, folder: Path, ledger: Ledger) -> Iterator[ClosingFile]:
        """The list of datasets; JSON texts are YAML texts too."""
        places = [place for place in ledger.places() if place.startswith(_TRAINED)]
        yield ClosingFile("datasets.yaml", self._datasets(folder, places), settings=True)

    def _datasets(self, folder: Path, places: Sequence[str]) -> Iterator[str]:
        if self._options.style.trigger:
            yield f"# the trigger word {self._options.style.trigger} is in every caption already\n"
        yield "datasets:\n"
        for place in places:
            yield f"  - folder_path: {json.dumps(str(folder / place), ensure_ascii=False)}\n"
            ending = "txt" if self._options.captions == "none" else self._options.captions
            yield f'    caption_ext: "{ending}"\n    num_repeats: {self._repeats(place.partition("/")[2])}\n'
            yield f"    shuffle_tokens: true\n    keep_tokens: {self._options.style.fixed_words}\n"
            yield f"    resolution: [{self._options.resolution}]\n"
            if place.endswith(f"/{OTHER}"):
                yield "    is_reg: true\n"
