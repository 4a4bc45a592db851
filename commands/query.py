"""`crawl query`: what was crawled, found with the site's own search language or with SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from commands.context.output_paths import check_output, write_output
from commands.context.workspace import load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.post_links import post_links
from commands.output.parquet_table import check_parquet, write_parquet
from commands.output.query_hints import hints
from commands.output.query_table import EXPENDABLE, print_table, summary_of
from commands.terminal import machine_formats
from commands.terminal.allowed_values import FORMATS
from commands.terminal.console import messages, say
from commands.terminal.suggestions import choose
from commands.terminal.user_paths import shortest
from storage.objects.location import remembered_objects
from storage.reader import Reader, Rows
from storage.search.language import Query, parse
from storage.search.ranking import Ranker, needs_ranks

_OUTPUT = "--output"


MOST_ROWS = 2**31 - 1  # a higher limit limits nothing


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What the user asked for."""

    expression: str
    sql: str | None
    format: str
    limit: int | None
    columns: str
    output: Path | None


def run(options: QueryOptions, root: Path | None, config: Path | None) -> int:
    """Answer the query on standard output or into a file."""
    format_ = choose("--format", options.format, FORMATS)
    workspace = load_workspace(root, config)
    if options.output is not None:
        check_output(options.output, _OUTPUT)
    if options.sql is not None and options.expression:
        raise UsageRefused("give an expression or --sql, not both")
    with read_gallery(workspace) as reader:
        if options.sql is not None:
            rows = reader.sql(options.sql, _limit(options))
        else:
            rows = _found(
                reader,
                parse(options.expression),
                _limit(options),
                trust_tags=workspace.settings.scoring.trust_tags,
            )
        links = post_links(workspace, reader)
    shown = _narrowed(rows, _columns(options, rows))
    if format_ != "table" or options.output is not None:
        _write(shown, format_, options.output)
    elif options.columns or options.sql is not None:
        print_table(shown)  # who names columns wants them all
    else:
        objects = remembered_objects(workspace.root)
        place = shortest(workspace.root) if objects is None else objects.at("")
        summary, common = summary_of(rows, links, place)
        print_table(summary, EXPENDABLE, common)
    return 0


def _found(reader: Reader, query: Query, limit: int | None, *, trust_tags: bool) -> Rows:
    """The rows of an expression; where there are none, lines say what may have been meant."""
    ranker = _ranker(reader, query, trust_tags=trust_tags)
    shows = ranker is not None and messages().is_terminal
    with messages().status("thinking about every picture") if shows else nullcontext():
        rows = reader.query(query, limit, ranker=ranker)
    for hint in hints(reader, query) if not rows.rows else ():
        say(hint)
    return rows


def _limit(options: QueryOptions) -> int | None:
    """At most so many rows; more than the database can count is no limit."""
    return None if options.limit is None or options.limit > MOST_ROWS else options.limit


def _ranker(reader: Reader, query: Query, *, trust_tags: bool) -> Ranker | None:
    """Who knows what is worth a glance; loading that takes a moment, and most questions do without."""
    if not needs_ranks(query):
        return None
    from rounds.questions.ranking import doubts_of

    return doubts_of(reader, say, trust_tags=trust_tags)


def _columns(options: QueryOptions, rows: Rows) -> Sequence[str]:
    names = [name.strip() for name in options.columns.split(",") if name.strip()]
    for name in names:
        choose("--columns", name, rows.columns)
    return names or rows.columns


def _narrowed(rows: Rows, columns: Sequence[str]) -> Rows:
    if tuple(columns) == tuple(rows.columns):
        return rows
    places = [rows.columns.index(name) for name in columns]
    return Rows(tuple(columns), [tuple(row[i] for i in places) for row in rows.rows])


def _write(rows: Rows, format_: str, output: Path | None) -> None:
    if format_ == "parquet":
        _write_parquet(rows, output)
    else:
        text = _text(rows, format_)
        if output is None:
            machine_formats.print_formatted(text)
        else:
            _to_file(output, lambda file: file.write(text.encode()))


def _to_file(output: Path, write: Callable[[IO[bytes]], object]) -> None:
    write_output(output, _OUTPUT, write)
    say(f"wrote {output}")


def _text(rows: Rows, format_: str) -> str:
    """The answer in a format that is text.

    Raises:
        UsageRefused: the answer has no such form.
    """
    if format_ == "ids":
        return machine_formats.as_ids(_ids(rows))
    if format_ in ("json", "jsonl"):
        _check_names(rows, format_)
    write = {"json": machine_formats.as_json, "jsonl": machine_formats.as_jsonl}.get(format_, machine_formats.as_csv)
    return write(rows.columns, rows.rows)


def _ids(rows: Rows) -> Iterable[Any]:
    if "post_id" not in rows.columns:
        raise UsageRefused(f"--format ids needs a column post_id; the answer has {', '.join(rows.columns)}")
    place_of_id = rows.columns.index("post_id")
    return (row[place_of_id] for row in rows.rows)


def _check_names(rows: Rows, format_: str) -> None:
    """In an object the second of two values of one name would take the place of the first."""
    twice = [name for name, times in Counter(rows.columns).items() if times > 1]
    if twice:
        raise UsageRefused(f"--format {format_}: two columns are called {twice[0]!r}; name them with AS")


def _write_parquet(rows: Rows, output: Path | None) -> None:
    if output is None:
        raise UsageRefused("--format parquet needs --output FILE: it is not text for a terminal")
    check_parquet()
    _check_names(rows, "parquet")
    _to_file(output, lambda file: write_parquet(rows, file))
