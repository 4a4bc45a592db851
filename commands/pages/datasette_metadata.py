"""A settings file for Datasette: what a gallery's tables and columns mean, and questions that are ready to be asked."""

from __future__ import annotations

import json
from typing import Any

from storage.reports.canned_questions import QUESTIONS

DATABASE = "crawl"  # Datasette calls a database as its file: crawl.db
_HIDDEN = ("embedding", "local_embedding", "backbone", "alembic_version")


def datasette_metadata(title: str) -> bytes:
    """JSON; each question is one canned query."""
    queries: dict[str, Any] = {
        question.name: {
            "title": question.title,
            "description": question.about,
            "sql": question.sql,
            **({"params": list(question.parameters)} if question.parameters else {}),
        }
        for question in QUESTIONS
    }
    tables: dict[str, dict[str, Any]] = {name: {"hidden": True} for name in _HIDDEN}
    tables["results"] = {"description": "One row a post and target: what holds, why, and the post's tags."}
    settings = {
        "title": title,
        "description": "What boorusieve found, decided and was told. Nothing here can be changed.",
        "databases": {DATABASE: {"tables": tables, "queries": queries}},
    }
    return (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode()
