"""What went wrong with a picture, by name. There is no fixed list: one that nobody ever recorded may be misspelt."""

from __future__ import annotations

import difflib

from sqlalchemy import ColumnElement, Connection, case, func

from storage.database.results_view import results_select
from storage.database.tables import DecisionRow, PostRow, VersionRow
from storage.errors import QueryError
from storage.search.language import Metatag, Query, leaves
from storage.search.ranking import LIKELY_ERRORS

_OWN_WORDS = ("any", "none", *LIKELY_ERRORS)
_ALIKE = 0.75  # from which a name may be meant

FAULT: ColumnElement[str | None] = func.coalesce(
    VersionRow.trouble, case((DecisionRow.decided_by == "fault", DecisionRow.reason), else_=None), PostRow.hidden_reason
)


def refuse_misspelt_faults(connection: Connection, query: Query) -> None:
    """Look at the names after `error:` of an expression that found nothing.

    Raises:
        QueryError: no picture has that fault, and another word is spelt nearly so.
    """
    named = [leaf for leaf in leaves(query.root) if isinstance(leaf, Metatag) and leaf.name == "error"]
    named = [leaf for leaf in named if leaf.value.lower() not in _OWN_WORDS and "*" not in leaf.value]
    if not named:
        return
    recorded = results_select().with_only_columns(FAULT).where(FAULT.is_not(None)).distinct()
    known = {fault.lower() for fault in connection.execute(recorded).scalars() if fault is not None}
    for leaf in named:
        near = difflib.get_close_matches(leaf.value.lower(), [*_OWN_WORDS, *sorted(known)], n=1, cutoff=_ALIKE)
        if near and leaf.value.lower() not in known:
            raise QueryError(leaf.term, "no picture has this fault", near[0])
