"""The page of a gallery: figures, contact sheets of what was found and of what is in doubt, and tables."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.lookup.post_links import PostLinks, link_of
from commands.pages.html_page import ADULT, RATINGS, html_page, small_picture
from commands.pages.report_tables import MOST, Report, cell, titles
from storage.gallery_view import Renditions
from storage.reader import Reader, Rows

if TYPE_CHECKING:
    from classifier.figures.style import Drawing

GENERATOR = "boorusieve gallery report"
PAGE, FIGURES = "index.html", "report.json"
REFUSAL = "is there already and no report on a gallery; name another folder"
_SHEETS = {"found_untagged": 36, "doubtful": 24, "corrections": 24}  # pictures of each
_TABLES = ("decisions", "artists", "company", "ratings")
_ROWS = 30  # of a table
_ARTISTS = 20  # in the figure


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What the page says above everything."""

    title: str
    made: str
    tags: Mapping[str, str]  # target -> its tag


def report_files(report: Report, facts: ReportFacts, links: PostLinks, reader: Reader) -> Mapping[str, bytes]:
    """The files of a report's folder, the page last."""
    drawings = {target: list(_drawings(target, answers)) for target, answers in report.targets.items()}
    figures = {"generator": GENERATOR, "made": facts.made, **report.to_json()}
    files = {FIGURES: json.dumps(figures, indent=1, ensure_ascii=True).encode()}
    files |= {name: content for drawn in drawings.values() for one in drawn for name, content in one.files().items()}
    with closing(Renditions(reader)) as renditions:
        targets = [
            {
                "name": target,
                "tag": facts.tags.get(target, target),
                "tiles": _tiles(answers),
                "figures": [_shown(one) for one in drawings[target]],
                "sheets": [_sheet(name, answers[name], links, renditions) for name in _SHEETS],
                "tables": [_table(name, answers[name], leave_out="target") for name in _TABLES],
            }
            for target, answers in report.targets.items()
        ]
    gallery = [_table(name, rows) for name, rows in report.gallery.items()]
    models = [_table("models", answers["models"]) for answers in report.targets.values()]
    page = html_page("report", GENERATOR, facts=facts, targets=targets, tables=[*models, *gallery])
    return files | {PAGE: page}


def check_report_folder(folder: Path) -> None:
    """Refuse a folder with somebody else's files of these names, before anything is asked.

    Raises:
        ReportRefused: there is one.
    """
    from rounds.evaluation.report_files import check_report_files

    check_report_files(folder, (FIGURES, PAGE), (FIGURES, PAGE), GENERATOR, REFUSAL)


def _tiles(answers: Mapping[str, Rows]) -> Sequence[tuple[str, int]]:
    by_decision: dict[str, int] = {}
    for row in answers["decisions"].mappings():
        by_decision[row["decision"]] = by_decision.get(row["decision"], 0) + row["posts"]
    labelled = sum(row["posts"] for row in answers["decisions"].mappings() if row["decided_by"] == "label")
    untagged = sum(row["untagged"] for row in answers["ratings"].mappings())
    return [
        ("judged", sum(by_decision.values())),
        ("kept", by_decision.get("keep", 0)),
        ("kept without the tag", untagged),
        ("undecided", by_decision.get("undecided", 0)),
        ("labelled by people", labelled),
    ]


def _drawings(target: str, answers: Mapping[str, Rows]) -> Iterator[Drawing]:
    from classifier.figures.gallery import Bars, artists_figure, over_time_figure, ratings_figure, scores_figure

    def bars(rows: Rows, column: str, words: Mapping[str, str] = {}) -> Bars:
        records = list(rows.mappings())
        names = [words.get(record[column], str(record[column])) for record in records]
        kept = [record["kept"] - record["untagged"] for record in records]
        return Bars(names, kept, [record["untagged"] for record in records])

    kept = [row for row in answers["over_time"].mappings() if row["kept"]]
    if kept:
        months = bars(_every_month(answers["over_time"], kept[0]["month"], kept[-1]["month"]), "month")
        yield over_time_figure(f"{target}-over-time", months)
        yield ratings_figure(f"{target}-ratings", bars(answers["ratings"], "rating", RATINGS))
    artists = Rows(answers["artists"].columns, answers["artists"].rows[:_ARTISTS])
    if artists.rows:
        yield artists_figure(f"{target}-artists", bars(artists, "artist"))
    scores = list(answers["scores"].mappings())
    if scores:
        posts = Bars([], [row["tagged"] for row in scores], [row["untagged"] for row in scores])
        active = [row["threshold"] for row in answers["models"].mappings() if row["active"]]
        begins = [row["score_from"] for row in scores]
        yield scores_figure(f"{target}-scores", begins, posts, active[0] if active else None)


def _every_month(rows: Rows, first: str, last: str) -> Rows:
    """From the first to the last that has anything; months without posts have a row, too."""
    known = {row["month"]: row for row in rows.mappings()}
    empty = {"posts": 0, "kept": 0, "untagged": 0}
    at, year, month = [], int(first[:4]), int(first[5:])
    while (name := f"{year:04d}-{month:02d}") <= last:
        at.append(known.get(name, empty | {"month": name}))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    columns = ("month", "kept", "untagged")
    return Rows(columns, [tuple(row[column] for column in columns) for row in at])


def _shown(drawing: Drawing) -> dict[str, str]:
    return {
        "title": drawing.title,
        "alt": drawing.alt,
        "light": f"data:image/svg+xml;base64,{base64.b64encode(drawing.light).decode()}",
        "dark": f"data:image/svg+xml;base64,{base64.b64encode(drawing.dark).decode()}",
    }


def _sheet(name: str, rows: Rows, links: PostLinks, renditions: Renditions) -> dict[str, Any]:
    question, count = titles()[name], len(rows.rows)
    records = list(rows.mappings())[: _SHEETS[name]]
    return {
        "title": question.title,
        "about": question.about,
        "count": f"{count} or more" if count == MOST else f"{count}",
        "shown": len(records),
        "cards": [
            {
                "post": row["post_id"],
                "link": link_of(links, row["site"], row["post_id"]),
                "picture": small_picture(renditions, row["version_id"]),
                "adult": row["rating"] in ADULT,
                "words": _words(name, row),
            }
            for row in records
        ],
    }


def _words(name: str, row: Mapping[str, Any]) -> str:
    score = "" if row["score"] is None else f"{row['score']:.3f}"
    if name == "corrections":
        return f"{row['label']}, was {row['machine']} {score}".strip()
    return str(row["reason"] or score) if row.get("decision") == "undecided" else score or str(row["decided_by"])


def _table(name: str, rows: Rows, leave_out: str = "") -> dict[str, Any]:
    kept = [place for place, column in enumerate(rows.columns) if column != leave_out]
    return {
        "title": titles()[name].title,
        "about": titles()[name].about,
        "columns": [rows.columns[place].replace("_", " ") for place in kept],
        "rows": [[cell(row[place]) for place in kept] for row in rows.rows[:_ROWS]],
        "more": max(0, len(rows.rows) - _ROWS),
    }
