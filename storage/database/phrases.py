"""Parts of a statement that the engines write in different words; each gives the same answer on both.

SQLite's form is the one that its questions were measured with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Select, Text, TypeDecorator, cast, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger, Boolean, Float, Integer, LargeBinary, TypeEngine


class json_each(FunctionElement[Any]):  # noqa: N801 - SQLAlchemy names functions so
    """The values of a JSON list, as a table with the column `value`."""

    name = "json_each"
    inherit_cache = True


class group_concat(FunctionElement[str]):  # noqa: N801 - see above
    """Texts joined with something between, in the order in which they come."""

    name = "group_concat"
    type = Text()
    inherit_cache = True


class moment_text(FunctionElement[str]):  # noqa: N801 - see above
    """A moment as text of fixed width, microseconds last."""

    type = Text()
    inherit_cache = True


class fits_pattern(FunctionElement[bool]):  # noqa: N801 - see above
    """LIKE, to which capitals of a to z are small letters; `\\` escapes."""

    type = Boolean()
    inherit_cache = True


class whole_number(FunctionElement[int]):  # noqa: N801 - see above
    """A value of a JSON list that is a whole number."""

    type = Integer()
    inherit_cache = True


class rounded(FunctionElement[float]):  # noqa: N801 - see above
    """A number with so many digits behind the point, halves away from zero."""

    type = Float()
    inherit_cache = True


class _TextBytes(TypeDecorator[bytes]):
    """Bytes of a text; a server's text is text, and comes as one."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "postgresql" else LargeBinary())

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return value.encode() if isinstance(value, str) else value


class stored_bytes(FunctionElement[bytes]):  # noqa: N801 - see above
    """A text as it is stored, which in a damaged row is none."""

    type = _TextBytes()
    inherit_cache = True


class place_among(FunctionElement[Any]):  # noqa: N801 - see above
    """The place of a file version and a target in a list that was lent to the connection; NULL where it has none."""

    name = "place_among"
    type = Integer()
    inherit_cache = True


class off_index(FunctionElement[Any]):  # noqa: N801 - see above
    """A column, for SQLite in words that keep it from the column's index; Postgres counts by itself which is best.

    Its planner knows how frequent a column's values are, and nothing of what is computed from them.
    """

    name = "off_index"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], in_other_words: ColumnElement[Any]) -> None:
        super().__init__(column, in_other_words)
        self.type = column.type


def numbers_listed(numbers: Sequence[int]) -> Select[Any]:
    """These whole numbers as a table: one parameter, and the same statement, however many they are."""
    return select(whole_number(json_each(json.dumps(list(numbers))).table_valued("value").c.value))


def texts_listed(texts: Sequence[str]) -> Select[Any]:
    """The same of texts, none of which has the character NUL."""
    return select(json_each(json.dumps(list(texts))).table_valued("value").c.value)


def like(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Whether a text fits a pattern of LIKE's, escaped by `\\`, whatever its capitals of a to z are."""
    return fits_pattern(column, literal(pattern))


@compiles(json_each)
@compiles(group_concat)
@compiles(place_among)
def _function(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return compiler.visit_function(element, **options)  # type: ignore[arg-type]  # it takes every function element


@compiles(off_index)
def _in_other_words(element: off_index, compiler: SQLCompiler, **options: Any) -> str:
    _column, words = element.clauses
    return compiler.process(words, **options)


@compiles(off_index, "postgresql")
def _plainly(element: off_index, compiler: SQLCompiler, **options: Any) -> str:
    column, _words = element.clauses
    return compiler.process(column, **options)


@compiles(json_each, "postgresql")
def _json_each_on_postgres(element: json_each, compiler: SQLCompiler, **options: Any) -> str:
    (one,) = element.clauses
    return f"json_array_elements_text(CAST({compiler.process(one, **options)} AS json))"


@compiles(group_concat, "postgresql")
def _joined_on_postgres(element: group_concat, compiler: SQLCompiler, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)})"


@compiles(moment_text)
def _moment(element: moment_text, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(moment_text, "postgresql")
def _moment_on_postgres(element: moment_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **options)}, 'YYYY-MM-DD HH24:MI:SS.US')"


@compiles(fits_pattern)
def _fits(element: fits_pattern, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(one, **options) for one in element.clauses)
    return f"({column} LIKE {pattern} ESCAPE '\\')"


@compiles(fits_pattern, "postgresql")
def _fits_on_postgres(element: fits_pattern, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern = (compiler.process(one, **options) for one in element.clauses)
    return f"({column} ILIKE {pattern} ESCAPE '\\')"


@compiles(whole_number)
def _number(element: whole_number, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(whole_number, "postgresql")
def _number_on_postgres(element: whole_number, compiler: SQLCompiler, **options: Any) -> str:
    (one,) = element.clauses
    return compiler.process(cast(one, BigInteger), **options)


@compiles(rounded)
def _rounded(element: rounded, compiler: SQLCompiler, **options: Any) -> str:
    return f"round({compiler.process(element.clauses, **options)})"


@compiles(rounded, "postgresql")
def _rounded_on_postgres(element: rounded, compiler: SQLCompiler, **options: Any) -> str:
    number, digits = (compiler.process(one, **options) for one in element.clauses)
    return f"CAST(round(CAST({number} AS numeric), {digits}) AS double precision)"  # of a double halves go to the even


@compiles(stored_bytes)
def _bytes(element: stored_bytes, compiler: SQLCompiler, **options: Any) -> str:
    (one,) = element.clauses
    return compiler.process(cast(one, LargeBinary), **options)


@compiles(stored_bytes, "postgresql")
def _bytes_on_postgres(element: stored_bytes, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(place_among, "postgresql")
def _place_on_postgres(element: place_among, compiler: SQLCompiler, **options: Any) -> str:
    of, version, target = (compiler.process(one, **options) for one in element.clauses)
    found = f"lent_place.list = {of} AND lent_place.version_id = {version} AND lent_place.target = {target}"
    return f"(SELECT lent_place.place FROM lent_place WHERE {found})"  # noqa: S608 - parts that were compiled
