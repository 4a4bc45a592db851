"""Why a query found nothing: words that mean nothing here are no errors, but worth a line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from storage.gallery_view import absent_tags, tags_like
from storage.names import unqualified
from storage.reader import Reader
from storage.records import Target
from storage.search.language import Leaf, Metatag, Query, Wildcard, leaves
from storage.search.match import fits
from storage.search.ranking import needs_ranks

MOST_TAGS = 20_000  # of those that posts carry, the most frequent first
MOST_HINTS = 3
_ALIKE = 0.7  # 0..1, of two words


def hints(reader: Reader, query: Query) -> Iterator[str]:
    """Lines for people about a query that found nothing."""
    query = reader.meant(query)
    targets = reader.targets()
    if not targets and needs_ranks(query):
        yield _nothing_crawled(reader)
    words = dict.fromkeys(leaf for leaf in leaves(query.root))
    yield from _unknown_tags(reader, [word for word in words if not isinstance(word, Metatag)], targets)
    for word in words:
        if isinstance(word, Metatag) and word.name == "target":
            yield from _unknown_name(word, [target.name for target in targets], "picture was looked at for a target")
        elif isinstance(word, Metatag) and word.name == "model":
            yield from _unknown_name(word, _model_names(reader), "picture was decided by a model")


def _unknown_tags(reader: Reader, words: Sequence[Leaf], targets: Sequence[Target]) -> Iterator[str]:
    """Tags that no crawled post carries, and what may have been meant."""
    if not words:
        return
    carried = [name for name, _, _ in reader.ask(lambda c: tags_like(c, "", limit=MOST_TAGS))]
    absent = reader.ask(lambda c: absent_tags(c, words))
    patterns = [word.pattern for word in words if isinstance(word, Wildcard) and len(carried) < MOST_TAGS]
    for text in (*absent, *(one for one in patterns if not any(fits(one, tag) for tag in carried))):
        near = _meant(text.replace("*", ""), carried, targets)
        meant = f"did you mean {', '.join(near)}?" if near else "crawl query finds what was crawled"
        yield f"no post here has a tag {text}; {meant}"


def _meant(word: str, carried: Sequence[str], targets: Sequence[Target]) -> list[str]:
    """Tags that a word may mean: a target's, those with their series left out, those spelt nearly so."""
    by_name = [target.tag for target in targets if target.name == word and target.tag in carried]
    by_base = [tag for tag in carried if unqualified(tag) == word]
    forms = {unqualified(tag): tag for tag in reversed(carried)} | {tag: tag for tag in carried}
    alike = [forms[form] for form in difflib.get_close_matches(word, list(forms), n=MOST_HINTS, cutoff=_ALIKE)]
    return list(dict.fromkeys([*by_name, *by_base] or alike))[:MOST_HINTS]


def _model_names(reader: Reader) -> list[str]:
    return [model.card.name for model in reader.models()]


def _unknown_name(term: Metatag, known: Sequence[str], nothing: str) -> Iterator[str]:
    """A target or a model that has no picture."""
    name = term.value.lower()
    if not known or name in ("any", "none") or any(fits(name, one.lower()) for one in known):
        return
    more = [one for one in known if one.startswith(f"{name}/")]
    near = [f"{name}/*"] if more else difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {term.name}:{near[0]}?" if near else f"there is {', '.join(known)}"
    yield f"no {nothing} {term.value!r}; {hint}"


def _nothing_crawled(reader: Reader) -> str:
    """As in a gallery whose only model was trained from a folder."""
    model = next(iter(reader.models()), None)
    name = "NAME" if model is None else model.card.target
    return f"there is nothing to ask about yet; crawl --tag TAG --keep {name} looks at pictures first"
