"""Which of a post's renditions to score, and whether what arrived is what was announced."""

from __future__ import annotations

from collections.abc import Sequence

from storage.records import ORIGINAL, PICTURE_EXTENSIONS, Look, Post, Rendition

# The longer side of each rendition's box, in pixels; `full` and the original have no box.
_BOX = {"180x180": 180, "360x360": 360, "720x720": 720, "sample": 850, "full": 100_000, ORIGINAL: 100_001}
_ROUNDING = 1  # pixels: sites round scaled sides in their own way


def rendition_to_score(post: Post, wanted: str) -> Rendition | None:
    """The still picture nearest to the wanted rendition, or None where the site serves none.

    The wanted one if it is there; else the next larger one (a post whose original is small has no `sample`: its
    original is what the site shows instead); else the largest below. Videos and archives have only previews.
    """
    stills = {r.name: r for r in post.renditions if r.ext in PICTURE_EXTENSIONS and r.name in _BOX}
    if wanted in stills:
        return stills[wanted]
    by_size = sorted(stills.values(), key=lambda r: _BOX[r.name])
    larger = [r for r in by_size if _BOX[r.name] > _BOX[wanted]]
    nearest = larger or by_size[-1:]
    return nearest[0] if nearest else None


def renditions_to_score(post: Post, wanted: str) -> Sequence[Rendition]:
    """The rendition to score, then those that may stand in for it where the site has it no more, the largest first.

    Originals are no stand-in: they are what is not downloaded unless it is kept.
    """
    first = rendition_to_score(post, wanted)
    if first is None or wanted == ORIGINAL:
        return () if first is None else (first,)
    others = [r for r in post.renditions if r.ext in PICTURE_EXTENSIONS and r.name in _BOX and r.name != ORIGINAL]
    others.sort(key=lambda r: (_BOX[r.name] < _BOX[wanted], abs(_BOX[r.name] - _BOX[wanted])))
    return (first, *(other for other in others if other != first))


def rendition_to_look_first(post: Post, first: str, renditions: Sequence[Rendition]) -> Rendition | None:
    """A rendition that is smaller than the one that is to be scored; None where none is.

    Args:
        post: it.
        first: name of the rendition that is wanted first; empty: none.
        renditions: as `renditions_to_score` gave them.
    """
    if not first or not renditions:
        return None
    small = rendition_to_score(post, first)
    return small if small is not None and 0 < small.width < renditions[0].width else None


def fits(look: Look, rendition: Rendition) -> bool:
    """Whether the decoded picture has the announced dimensions; a placeholder served with 200 seldom has."""
    if not rendition.width or not rendition.height:
        return True  # nothing was announced
    sides = {(look.width, look.height), (look.height, look.width)}  # some renditions are served unrotated
    return any(
        abs(width - rendition.width) <= _ROUNDING and abs(height - rendition.height) <= _ROUNDING
        for width, height in sides
    )


def likeness(post: Post) -> str | None:
    """What posts have in common whose renditions may rightly be the same bytes.

    Pictures with equal pixels have equal renditions. An animation's preview is made from one frame of its file, so
    there the file itself is what counts.
    """
    md5 = post.file.md5 if post.file else None
    return md5 if post.duration_s is not None else post.pixel_hash or md5
