"""What our pages have in common: text is escaped, and the content policy allows what the page itself carries."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

import jinja2
from markupsafe import Markup

from classifier.pictures.thumbnails import thumbnail
from commands.terminal.escapes import printable
from storage.gallery_view import Renditions

RATINGS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
ADULT = frozenset({"q", "e"})  # ratings whose pictures are blurred until somebody wants to see them
_POLICY = (
    "default-src 'none'; style-src {style}; script-src {script}; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'"
)


def html_page(name: str, generator: str, *, script: bool = False, **values: object) -> bytes:
    """A page that needs nothing from anywhere.

    Args:
        name: of its template, which extends `page.html`; what it is filled with is escaped there.
        generator: told in its head, so that a page of ours can be told from others.
        script: it has one, `NAME.js`.
        values: for the template.
    """
    style, code = _template("page.css") + _template(f"{name}.css"), _template(f"{name}.js") if script else ""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_template),
    )
    environment.filters["plain"] = lambda value: printable(str(value))
    text = environment.get_template(f"{name}.html").render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(code),  # noqa: S704 - our own file
        policy=_POLICY.format(style=_hash(style), script=_hash(code) if script else "'none'"),
        generator=generator,
        ratings=RATINGS,
        adult=ADULT,
        **values,
    )
    return text.encode("utf-8", "replace")


def small_picture(renditions: Renditions, version_id: int) -> str:
    """What is stored of a picture, small, as a data URI; "" where nothing is."""
    content = renditions.read(version_id)
    small = thumbnail(content) if content is not None else None
    return f"data:image/jpeg;base64,{base64.b64encode(small).decode()}" if small is not None else ""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _template(name: str) -> str:
    return files("commands.pages").joinpath("templates", name).read_text(encoding="utf-8")
