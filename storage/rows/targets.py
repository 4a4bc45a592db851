"""The targets of a gallery: a target keeps the name that it got first, whatever the site calls its tag today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, exists, select, update

from storage.archive_records import Label
from storage.database.current_state import CurrentState
from storage.database.engine import insert_or_update
from storage.database.tables import LabelRow, PostRow, PostTagRow, TagRow, TargetRow, VersionRow
from storage.errors import BadName, DatabaseDamaged, RefusedRequest
from storage.names import as_the_site_writes, unqualified
from storage.records import LabelValue, Target
from storage.rows.labels import append_label
from storage.search.language import Leaf, Metatag, Node, Or, Query, Tag, leaves
from storage.search.tree import with_leaves

_SAVED = insert_or_update(TargetRow, ("site", "name"), ("tag", "variants", "aliases", "part_of"))


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a target that the site made one with another."""

    gone: str  # its name
    into: str  # the name of the target that it is part of now
    labels: int  # that hold for the other one now; they stay with the first, too
    contradicted: int  # pictures that were labelled differently for the two: the label for `into` holds


def saved_targets(connection: Connection, site: str | None = None) -> Sequence[Target]:
    """The targets of a site, or of all, by name; those that became part of another are among its `names_before`."""
    rows = _rows(connection, site)
    parts: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row.part_of is not None:
            parts[row.site, row.part_of].append(row.name)
    return [_target(row, parts[row.site, row.name]) for row in rows if row.part_of is None]


def merged_targets(connection: Connection, site: str) -> Sequence[Target]:
    """The targets of a site that became part of another, as they were."""
    return [_target(row, ()) for row in _rows(connection, site) if row.part_of is not None]


def save_targets(connection: Connection, site: str, targets: Sequence[Target]) -> None:
    """Remember targets; each is one of its own from now on, and its tag is no other target's alias."""
    if not targets:
        return
    taken = {target.tag for target in targets}
    for row in _rows(connection, site):
        left = [name for name in row.aliases if name not in taken]
        if left != list(row.aliases):
            its_row = (TargetRow.site == site, TargetRow.name == row.name)
            connection.execute(update(TargetRow).where(*its_row).values(aliases=left))
    rows = [
        {
            "site": site,
            "name": one.name,
            "tag": one.tag,
            "variants": list(one.variants),
            "aliases": [name for name in one.aliases if name not in taken],
            "part_of": None,
        }
        for one in targets
    ]
    connection.execute(_SAVED, rows)


def merge_target(connection: Connection, site: str, gone: str, into: str) -> Merged:
    """Make one target part of another: its labels hold for the other where that one has none.

    Nothing is removed; a second call adds the labels that were filed in the meantime.

    Raises:
        RefusedRequest: the two are not two targets of the site.
    """
    names = {row.name for row in _rows(connection, site)}
    if gone == into or not {gone, into} <= names:
        raise RefusedRequest(f"{gone} cannot become part of {into}: they are no two targets of {site}")
    theirs = (TargetRow.site == site, (TargetRow.name == gone) | (TargetRow.part_of == gone))
    connection.execute(update(TargetRow).where(*theirs).values(part_of=into))
    rows = connection.execute(_labels_of_both(site, gone, into)).all()
    for row in filter(_to_carry, rows):
        word = Label(row.post_id, site, into, LabelValue(row.value), row.who, f"merged-{row.seq}-{into}")
        append_label(connection, row.version_id, word, row.labelled_at)
    return _merged(gone, into, rows)


def would_merge(connection: Connection, site: str, gone: str, into: str) -> Merged:
    """What `merge_target` would do."""
    return _merged(gone, into, connection.execute(_labels_of_both(site, gone, into)).all())


def target_called(targets: Sequence[Target], typed: str) -> Target | None:
    """The target that a word names: by its name, its tag, a name it had before, an alias of the site or a variant.

    The first of these decides, so that no alias hides another target's own name.
    """
    words = {typed, as_the_site_writes(typed)}
    tests: Sequence[Callable[[Target], bool]] = (
        lambda target: target.name in words,
        lambda target: target.tag in words,
        lambda target: not words.isdisjoint(target.names_before),
        lambda target: not words.isdisjoint(target.names),
    )
    return next((target for test in tests for target in targets if test(target)), None)


def by_known_names(connection: Connection, query: Query) -> Query:
    """An expression with the names that rows have, where it says what the site calls a target, or called it once.

    `target:` and `model:` may say a tag, an alias or a variant; a name that some target has, or had before it became
    part of another, stays what it is. A target's tag means its aliases too, and an alias means the tag: posts that were
    not listed again since a rename carry the earlier name.
    """
    named = {leaf for leaf in leaves(query.root) if isinstance(leaf, Tag) or _names_a_target(leaf)}
    if not named:
        return query
    targets, names = saved_targets(connection), {row.name for row in _rows(connection, None)}
    meant: dict[Leaf, Node] = {}
    for leaf in named:
        if isinstance(leaf, Tag):
            meant[leaf] = _any_of(_called_today_or_once(connection, leaf.name, targets))
        elif isinstance(leaf, Metatag):
            word, slash, number = leaf.value.rpartition("/") if leaf.name == "model" else (leaf.value, "", "")
            target = None if word in names else target_called(targets, word)
            meant[leaf] = leaf if target is None else replace(leaf, value=f"{target.name}{slash}{number}")
    return replace(query, root=with_leaves(query.root, lambda leaf: meant.get(leaf, leaf)))


def _names_a_target(leaf: Leaf) -> bool:
    return isinstance(leaf, Metatag) and leaf.name in ("target", "model")


def _called_today_or_once(connection: Connection, name: str, targets: Sequence[Target]) -> Sequence[str]:
    """The names under which posts may carry a tag, the present one first; the name alone where it is no target's.

    The short name alone, `mona`, is too little to say a tag, unless posts carry it.
    """
    same = [one for one in targets if one.tag == name] or [one for one in targets if name in one.aliases]
    names = dict.fromkeys(name for one in same for name in (one.tag, *one.aliases))
    statement = select(TagRow.name).where(TagRow.name.in_(names), exists().where(PostTagRow.tag_id == TagRow.id))
    carried = set(connection.execute(statement).scalars()) if names else set()
    short = any(name in (one.name, unqualified(one.tag)) and name != one.tag for one in same)
    if not names or (short and name not in carried):
        return [name]
    return [one for one in names if one in carried] or [next(iter(names))]


def _any_of(names: Sequence[str]) -> Node:
    return Tag(names[0]) if len(names) == 1 else Or(tuple(map(Tag, names)))


def _to_carry(row: Any) -> bool:
    return row.there is None and not row.ever  # a label that was taken back counts as given


def _merged(gone: str, into: str, rows: Sequence[Any]) -> Merged:
    contradicted = sum(row.there is not None and row.there != row.value for row in rows)
    return Merged(gone, into, sum(map(_to_carry, rows)), contradicted)


def _labels_of_both(site: str, gone: str, into: str) -> Any:
    """The labels that hold for one target, each with the other's label and whether the other ever had one."""
    held, other = CurrentState.alias(), CurrentState.alias()
    label = held.label
    ever = select(LabelRow.seq).where(LabelRow.version_id == VersionRow.id, LabelRow.target == into).exists()
    posts = (
        select(
            label.seq,
            label.version_id,
            label.value,
            label.who,
            label.labelled_at,
            PostRow.post_id,
            other.label.value.label("there"),
            ever.label("ever"),
        )
        .select_from(held.current)
        .join(VersionRow, held.of_version())
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.site == site))
        .where(held.current.target == gone, held.current.label_seq.is_not(None))
        .order_by(label.seq)
    )
    return other.joined(held.joined(posts, parts=("label",)), other.of_version(into), required=False, parts=("label",))


def _rows(connection: Connection, site: str | None) -> Sequence[Any]:
    statement = select(*TargetRow.__table__.c).order_by(TargetRow.name, TargetRow.site)
    return connection.execute(statement if site is None else statement.where(TargetRow.site == site)).all()


def _target(row: Any, names_before: Sequence[str]) -> Target:
    try:
        return Target(row.name, row.tag, tuple(row.variants), tuple(row.aliases), tuple(names_before))
    except BadName as error:
        raise DatabaseDamaged(f"the database names a target that cannot be one: {error}; restore a backup") from error
