"""What the pages of reports share: one head, one style, a policy that allows nothing from anywhere, and no script.

Names and tags are untrusted input: everything is escaped but values marked safe.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2

_POLICY = "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'"
_STYLE = "evaluation_report.css"


def rendered(
    name: str, *, style: str, made: datetime, generator: str, filters: Mapping[str, Callable[..., Any]], **values: Any
) -> str:
    """A page that needs nothing else.

    Args:
        name: of the template, which extends `report.html`.
        style: after the style that all reports have.
        made: when it was measured.
        generator: of the page, by which it is known again.
        filters: of the template.
        values: of the template; `evaluation` has a model's name, and of what it was measured on.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_text),
    )
    environment.filters |= filters
    whole = _text(_STYLE) + style
    digest = base64.b64encode(hashlib.sha256(whole.encode()).digest()).decode()
    return environment.get_template(name).render(
        style=whole,
        policy=_POLICY.format(style=digest),
        generator=generator,
        made=made.strftime("%Y-%m-%d %H:%M UTC"),
        **values,
    )


def _text(name: str) -> str:
    return files("rounds.evaluation").joinpath("templates", name).read_text(encoding="utf-8")
