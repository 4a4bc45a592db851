"""One picture of a dataset: its post, its class, its words, and what is said of it in manifests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interchange.captions.template import CaptionWords
from storage.exports.ledger import SampleKey
from storage.exports.selection import ExportPost

SPLITS = ("train", "validation", "test")
OTHER = "other"  # the class of what is not kept
UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that is exported."""

    post: ExportPost
    label: str  # its class: the target's name, `other`, or `undecided`
    split: str  # one of SPLITS
    words: CaptionWords
    caption: str  # one line; "" where nothing at all is known of the post
    source: str  # the picture's path in the gallery, relative to its root
    rendition: bool  # whether that is a rendition, in the place of an original
    ending: str  # of the exported picture
    target_tag: str | None  # what the site calls the target
    width: int  # of the exported picture, pixels
    height: int

    @property
    def key(self) -> SampleKey:
        """Whose it is."""
        return key_of(self.post)

    @property
    def stem(self) -> str:
        """Its file's name without the ending."""
        return stem_of(self.post.site, self.post.post_id)

    @property
    def name(self) -> str:
        """Its file's name."""
        return f"{self.stem}.{self.ending}"

    @property
    def kept(self) -> bool:
        """Whether it shows the target, as far as is known."""
        return self.post.decision == "keep"


def key_of(post: ExportPost) -> SampleKey:
    """The post and target that a sample is of."""
    return SampleKey(post.site, post.post_id, post.target or "")


def stem_of(site: str, post_id: int) -> str:
    """A file's name without its ending, the same in every export: `danbooru_1234`.

    It has no dot, at the first of which a WebDataset key ends, and one underscore, because sd-scripts looks for
    captions of names with five or more under shorter ones. Sites called by host and port get a mark of their own.
    """
    plain = re.sub(r"[^a-z0-9-]+", "-", site.lower()).strip("-") or "site"
    if plain != site:
        plain += f"-{hashlib.sha256(site.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
    return f"{plain}_{post_id}"


def facts_of(sample: Sample, file: str) -> Mapping[str, Any]:
    """A row of the manifest: everything that a picture can be traced, chosen and withdrawn by.

    Args:
        sample: the picture.
        file: where it is, relative to the export's folder; in a shard `SHARD/MEMBER`; elsewhere as it is.
    """
    post = sample.post
    return {
        "file": file,
        "caption": sample.caption,
        "split": sample.split,
        "class": sample.label,
        "site": post.site,
        "post_id": post.post_id,
        "target": post.target,
        "target_tag": sample.target_tag,
        "decision": post.decision,
        "decided_by": post.decided_by,
        "reason": post.reason,
        "score": post.score,
        "threshold": post.threshold,
        "model": post.model,
        "label": post.label,
        "md5": post.md5,
        "original": sample.source,
        "rendition": sample.rendition,
        "ext": post.ext,
        "width": sample.width,
        "height": sample.height,
        "original_width": post.width,
        "original_height": post.height,
        "file_size": post.size,
        "rating": post.rating,
        "site_score": post.site_score,
        "source": post.source,
        "created_at": post.created_at,
        "tags_artist": list(post.tags.artist),
        "tags_copyright": list(post.tags.copyright),
        "tags_character": list(post.tags.character),
        "tags_general": list(post.tags.general),
        "tags_meta": list(post.tags.meta),
    }


def flat_facts(facts: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """A row of the manifest in which every column has one type, whatever is known of a post.

    Readers that infer a column's type from the first rows, or from each file apart, fail at null and at empty lists: a
    missing number is -1, a missing text is empty, tags are one text as the site writes them, with blanks between.
    `text` is the caption, `label` the class, `reviewed` a person's label.
    """
    renamed = {"caption": "text", "class": "label", "label": "reviewed"}
    return {renamed.get(name, name): _flat(name, value) for name, value in facts.items()}


def _flat(name: str, value: Any) -> str | int | float | bool:
    if name in ("score", "threshold"):
        return -1.0 if value is None else float(value)
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else value
