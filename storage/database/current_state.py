"""What holds now for a picture and a target: the row of `standing`, and the decision, the label and the file it names.

The one place that says how these are joined, and what follows from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Integer, and_, case, func, literal, literal_column, select
from sqlalchemy.orm import aliased

from storage.database.tables import CurrentRow, DecisionRow, FileRow, LabelRow, VersionRow

Part: TypeAlias = Literal["decision", "label", "file"]
PARTS: Sequence[Part] = ("decision", "label", "file")


@dataclass(frozen=True, slots=True, eq=False)
class CurrentState:
    """The four tables, or aliases of them where one statement asks about several targets."""

    current: type[CurrentRow] = CurrentRow
    decision: type[DecisionRow] = DecisionRow
    label: type[LabelRow] = LabelRow
    file: type[FileRow] = FileRow

    @classmethod
    def alias(cls) -> CurrentState:
        """The same once more, for another target of the same statement."""
        return cls(aliased(CurrentRow), aliased(DecisionRow), aliased(LabelRow), aliased(FileRow))

    @property
    def effective(self) -> ColumnElement[str | None]:
        """The decision that holds, keep | delete | undecided: the label, else what the machine decided."""
        word = self.label.value
        return case((word == "unsure", literal("undecided")), else_=func.coalesce(word, self.decision.value))

    @property
    def by_machine(self) -> ColumnElement[str | None]:
        """What the machine decided, where a statement writes the row: named as text, as only a SELECT is correlated."""
        its_own = literal_column(f"{CurrentRow.__tablename__}.{CurrentRow.decision_seq.key}", Integer)
        return select(DecisionRow.value).where(DecisionRow.seq == its_own).scalar_subquery()

    @property
    def place(self) -> ColumnElement[str]:
        """Where the original is: gallery | trash | purged | damaged | none."""
        return func.coalesce(self.file.place, "none")

    def of_version(self, target: str | None = None) -> ColumnElement[bool]:
        """Finds what holds for a file version of the statement, and one target; None: for every target."""
        same = self.current.version_id == VersionRow.id
        return same if target is None else and_(same, self.current.target == literal(target))

    def of_row(self, row: type[FileRow | LabelRow]) -> ColumnElement[bool]:
        """Finds what holds for the version and the target of a file or a label of the statement."""
        return and_(self.current.version_id == row.version_id, self.current.target == row.target)

    def joined(
        self,
        statement: Any,
        found_by: ColumnElement[bool] | None = None,
        *,
        required: bool = True,
        parts: Sequence[Part] = PARTS,
    ) -> Any:
        """Join what holds to a select; a decision, label or file may be missing.

        Args:
            statement: a select.
            found_by: what finds the row of `standing`; None: the statement selects from it already.
            required: drop rows of the statement for which nothing holds yet.
            parts: which of the tables are needed.
        """
        if found_by is not None:
            statement = statement.join(self.current, found_by, isouter=not required)
        links: dict[Part, tuple[Any, ColumnElement[bool]]] = {
            "decision": (self.decision, self.decision.seq == self.current.decision_seq),
            "label": (self.label, self.label.seq == self.current.label_seq),
            "file": (self.file, self.file.id == self.current.file_id),
        }
        for part in parts:
            statement = statement.outerjoin(*links[part])
        return statement


CURRENT = CurrentState()
DECISION, PLACE = CURRENT.effective, CURRENT.place


def held_by_label(label: str) -> str:
    """The decision that a label stands for, while it holds."""
    return "undecided" if label == "unsure" else label
