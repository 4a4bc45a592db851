"""Which of the gallery's targets a name means."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from commands.errors import UsageRefused
from commands.terminal.suggestions import choose
from storage.archive_records import RegisteredModel
from storage.names import as_the_site_writes, qualifiers, target_name, unqualified
from storage.reader import Reader
from storage.records import Target
from storage.rows.named_posts import carried_characters, is_carried
from storage.rows.targets import target_called


def known_target(reader: Reader, named: str | None) -> Target:
    """The target of that name, tag, alias or variant; without a name the only one that there is.

    Raises:
        UsageRefused: nothing or several are known, or nothing of that name; suggests what may be meant.
    """
    known = {target.name: target for target in reader.targets()}
    if (target := _meant(known, named)) is not None:
        return target
    uncrawled = _never_crawled(reader, known)
    for model in uncrawled:
        if named in (model.card.target, model.facts.get("tag")) or (named is None and not known):
            raise UsageRefused(_nothing_to_decide(model))
    if not (known or uncrawled):
        raise UsageRefused(f"{reader.root} has no target yet; crawl --tag TAG --keep NAME adds the first")
    if named is None:
        raise UsageRefused(f"say which target is meant: {', '.join(known)}")
    return target_among(list(known.values()), named, [model.card.target for model in uncrawled])


def target_among(known: Sequence[Target], named: str, others: Sequence[str] = (), *, option: str = "target") -> Target:
    """The target of that name, tag, alias or variant.

    Args:
        known: which there are.
        named: as typed.
        others: names that may be meant, though they are no target here.
        option: what was typed, for the message.

    Raises:
        UsageRefused: none of them; names the nearest.
    """
    if (target := target_called(known, named)) is not None:
        return target
    forms = {form: one.name for one in known for name in (*one.names_before, *one.names) for form in _forms(name)}
    choices = list(dict.fromkeys([*(one.name for one in known), *others]))
    chosen = choose(option, as_the_site_writes(named), choices, forms)
    raise UsageRefused(f"{option} {chosen!r} has a model but was never crawled; crawl --tag TAG --keep {chosen}")


def named_in_tags(reader: Reader, named: str, *, new: bool = False) -> Target:
    """The target that a word names by the tags of the gallery's own posts; no site is asked.

    A tag of that name, whatever its category, else the character that is called so without its series; of several the
    plain one before its costumes.

    Args:
        reader: of the gallery.
        named: as typed.
        new: what nothing is called like may be a target of its own, without a tag.

    Raises:
        UsageRefused: no post is tagged so, or posts of several characters are; names the nearest.
    """
    from crawler.sources.names import typed_tag  # loads what talks to sites

    word = as_the_site_writes(named)
    characters = reader.ask(carried_characters)
    taken = {target.name for target in reader.targets()}
    if word in characters or reader.ask(lambda c: is_carried(c, word)):
        return _target_of(word, word, taken)
    called_so = [tag for tag in characters if unqualified(tag) == word]
    plainest = min((len(qualifiers(tag)) for tag in called_so), default=0)
    meant = [tag for tag in called_so if len(qualifiers(tag)) == plainest]
    if len(meant) > 1:
        raise UsageRefused(f"target {named!r} may mean {', '.join(sorted(meant)[:_NAMED_AT_MOST])}; give the whole tag")
    if meant:
        return _target_of(word, meant[0], taken)
    forms = {form: form for form in taken} | {form: tag for tag in characters for form in _forms(tag)}
    near = difflib.get_close_matches(word, forms, n=1, cutoff=_ALIKE_IF_NEW if new else _ALIKE)
    if new and not near:
        return Target(target_name(*(name for name in (word, unqualified(word)) if name not in taken)), typed_tag(named))
    hint = f"did you mean {near[0]!r}?" if near else "no post of the gallery is tagged so"
    raise UsageRefused(f"target {named!r} is not known; {hint}")


_NAMED_AT_MOST = 5  # tags in one message
_ALIKE, _ALIKE_IF_NEW = 0.6, 0.8  # likeness, 0..1, from which one word may be the other, misspelt


def _target_of(word: str, tag: str, taken: Collection[str]) -> Target:
    """A target of that tag, called as it was typed where that is free; a crawl asks the site for its variants."""
    free = [name for name in (word, unqualified(tag), tag) if name not in taken]
    return Target(target_name(*free or [tag]), tag)


def model_words(reader: Reader, named: str) -> str:
    """The words for a model, `mona/3` or `mona`, with the target's own name where they say its tag or an alias."""
    if any(named in (model.card.name, model.card.target) for model in reader.models()):
        return named
    bare, slash, number = named.rpartition("/")
    for words, rest in ((named, ""), (bare, slash + number)):
        if words and (target := reader.find_target(words)) is not None:
            return f"{target.name}{rest}"
    return named


def _forms(name: str) -> tuple[str, str]:
    return name, unqualified(name)


def _meant(known: Mapping[str, Target], named: str | None) -> Target | None:
    if named is not None:
        return target_called(list(known.values()), named)
    return next(iter(known.values())) if len(known) == 1 else None


def _never_crawled(reader: Reader, known: Mapping[str, Target]) -> Sequence[RegisteredModel]:
    """Models that were trained from a folder or imported, of targets without posts; those in force first."""
    uncrawled = [model for model in reader.models() if model.card.target not in known]
    return sorted(uncrawled, key=lambda model: model.active, reverse=True)


def _nothing_to_decide(model: RegisteredModel) -> str:
    name, target = model.card.name, model.card.target
    first = "" if model.active else f"crawl models activate {name}, then "
    return (
        f"{name} is registered, but there is no picture for {target} yet; "
        f"{first}crawl --tag TAG --keep {target} uses it"
    )
