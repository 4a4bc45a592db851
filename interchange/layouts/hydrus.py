"""Files with sidecars that the hydrus network imports: tags, and addresses, each in a text file beside the file.

Source: hydrus, docs/advanced_sidecars.md and hydrus/core/HydrusTags.py (`CleanTag`, `SplitTag`). Its defaults for
imports are a full file name with `.txt` behind it, a tag a line, blanks for underscores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from interchange.captions.tag_words import Spelling
from interchange.layouts.layout import ClosingFile, LayoutOptions
from interchange.samples import Sample
from storage.exports.ledger import Ledger

_NAMESPACES: Mapping[str, str] = MappingProxyType(
    {"character": "character", "copyright": "series", "artist": "creator", "meta": "meta"}
)
_WEB = ("http://", "https://")


class Hydrus:
    """One folder; files of every type, as they are."""

    name = "hydrus"
    readable: frozenset[str] | None = None
    trains = False

    def __init__(self, options: LayoutOptions) -> None:
        self._options = options

    def folder(self, sample: Sample) -> str:
        """A folder a split, where splits are kept apart."""
        return sample.split if self._options.split else ""

    def sidecars(self, sample: Sample) -> Sequence[tuple[str, str]]:
        """`name.png.txt` with the tags; `name.png.urls.txt` where the post says where it is from."""
        tags = f"{sample.name}.txt", "".join(f"{tag}\n" for tag in self._tags(sample))
        source = sample.post.source.strip()
        if not source.startswith(_WEB) or len(source.split()) != 1:
            return (tags,)
        return tags, (f"{sample.name}.urls.txt", f"{source}\n")

    def closing(self, folder: Path, ledger: Ledger) -> Iterator[ClosingFile]:
        """Nothing; the manifest is there anyhow."""
        return iter(())

    def _tags(self, sample: Sample) -> Iterator[str]:
        words, spelling = sample.words, Spelling(spaces=self._options.style.spelling.spaces)
        characters = [*words.target, *words.character]
        for name, namespace in _NAMESPACES.items():
            for tag in characters if name == "character" else words.of(name):
                yield f"{namespace}:{spelling.word(tag)}".lower()
        for tag in [*words.count, *words.general]:
            yield unnamespaced(spelling.word(tag))
        if words.rating:
            yield f"rating:{words.rating}"
        yield f"source:{sample.post.site}"
        yield f"post:{sample.post.post_id}"


def unnamespaced(tag: str) -> str:
    """A tag without a namespace, also where a colon in it looks like one: `re:zero` → `:re:zero`, `:d` → `::d`."""
    return f":{tag}".lower() if ":" in tag else tag.lower()
