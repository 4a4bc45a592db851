"""Records as JSON for the page's scripts, times in ISO form, no paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from review.service import AnswerResult, History, PictureList, Reasoned, RoundState, SimilarList, TargetFacts
from storage.gallery_view import Picture, Verdict, Word
from storage.retrieval.same_files import OtherPost

SHOWN_SIDE = 700  # pixels: a picture whose shown copy has a longer side than this is large enough for people
Links = Mapping[str, Callable[[int], str]]  # site name -> its number of a post -> address of the post's page


def card(picture: Picture, links: Links) -> dict[str, Any]:
    """One picture for the grid and the big view."""
    link = links.get(picture.site)
    return {
        "id": picture.id,
        "post": picture.post_id,
        "site": picture.site,
        "link": link(picture.post_id) if link else None,
        "picture": f"/pictures/{picture.id}?v={picture.rendition[:12]}" if picture.rendition else None,
        "larger": _may_be_larger(picture),
        "width": picture.width,
        "height": picture.height,
        "size": picture.file_size,
        "ext": picture.ext,
        "rating": picture.rating,
        "votes": picture.site_score,
        "created": picture.created_at.isoformat(),
        "source": _web_address(picture.source),
        "parent": picture.parent_id,
        "score": picture.score,
        "threshold": picture.threshold,
        "model": picture.model,
        "decision": picture.decision,
        "machine": picture.machine,
        "by": picture.decided_by,
        "reason": picture.reason,
        "place": picture.place,
        "label": picture.word.value if picture.word and picture.word.value != "clear" else None,
        "seen": picture.word.seq if picture.word else 0,
        "labelled": word(picture.word) if picture.word else None,
        "others": [_other(one, links) for one in picture.others],
        "tags": {category: list(names) for category, names in picture.tags.items()},
    }


def _may_be_larger(picture: Picture) -> bool:
    """Whether the site has a larger copy than the one that is shown, which was enough to decide."""
    return 0 < picture.shown_side < min(SHOWN_SIDE, max(picture.width, picture.height))


def _other(post: OtherPost, links: Links) -> dict[str, Any]:
    """Another post with the same file."""
    link = links.get(post.site)
    return {
        "post": post.post_id,
        "site": post.site,
        "link": link(post.post_id) if link else None,
        "decision": post.decision,
    }


def word(label: Word) -> dict[str, Any]:
    """A label."""
    return {"value": label.value, "who": label.who, "at": label.at.isoformat()}


def verdict(decided: Verdict) -> dict[str, Any]:
    """A machine decision."""
    return {
        "value": decided.value,
        "by": decided.decided_by,
        "reason": decided.reason,
        "score": decided.score,
        "threshold": decided.threshold,
        "model": decided.model,
        "at": decided.at.isoformat(),
    }


def history(record: History) -> dict[str, Any]:
    """The labels and decisions of a picture, newest first."""
    return {"words": [word(one) for one in record.words], "verdicts": [verdict(one) for one in record.verdicts]}


def picture_list(listed: PictureList) -> dict[str, Any]:
    """A list for the grid: parallel arrays, because there may be many thousands."""
    return {
        "ids": list(listed.ids),
        "ratios": list(listed.ratios),
        "cut": listed.cut,
        "absent": dict(listed.absent),
        "reasons": {str(one): _reason(why) for one, why in listed.reasons.items()},
    }


def similar_list(found: SimilarList) -> dict[str, Any]:
    """Pictures like one, as a list for the grid that says how like each is."""
    reasons = {
        str(one): {"reason": "similar", "words": f"likeness {like:.2f}"}
        for one, like in zip(found.ids, found.likeness, strict=True)
    }
    lists = {"ids": list(found.ids), "ratios": list(found.ratios), "cut": False, "absent": {}}
    return lists | {"reasons": reasons, "words": found.words}


def facts(known: TargetFacts) -> dict[str, Any]:
    """Everything around the grid."""
    return {
        "target": known.name,
        "tag": known.tag,
        "counts": {
            "total": known.counts.total,
            "decisions": dict(known.counts.decisions),
            "labels": dict(known.counts.labels),
            "newest": known.counts.newest,
            "newest_label": known.counts.newest_label,
        },
        "model": asdict(known.model) if known.model else None,
        "figures": asdict(known.figures) if known.figures else None,
    }


def outcomes(answered: Sequence[AnswerResult], links: Links) -> dict[str, Any]:
    """The results of answers: each picture as it is now."""
    return {
        "saved": [card(one.picture, links) for one in answered if one.saved and one.picture],
        "conflicts": [card(one.picture, links) for one in answered if not one.saved and one.picture],
        "unknown": [one.id for one in answered if one.picture is None],
    }


def round_state(state: RoundState) -> dict[str, Any]:
    """A round."""
    return asdict(state)


def _reason(why: Reasoned) -> dict[str, str]:
    return {"reason": why.reason, "words": why.words}


def _web_address(source: str) -> dict[str, str | None]:
    """Where a picture comes from: a link only when it is a web address, else text."""
    try:
        parts = urlsplit(source.strip())
        is_link = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_link = False
    return {"text": source[:300], "link": source.strip() if is_link and source.isprintable() else None}
