"""Endpoints about tags: tags, aliases, implications, related tags, autocomplete, wiki pages."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from demo.accounts import demand
from demo.api.post_json import View, tag_object
from demo.api.tag_json import artist_object, link_object, wiki_object
from demo.errors import not_found
from demo.galleries.gallery import CATEGORY_NUMBERS, Gallery, GalleryTag, TagLink, WikiPage
from demo.http.messages import Request, Response, json_response, redirect_to
from demo.http.only import parse_only, select
from demo.http.pagination import read_limit, read_page, slice_ids
from demo.search.metatags import Asker
from demo.search.query import find, parse_search
from demo.search.ranges import parse_range, read_int

TRUE_WORDS = frozenset(["true", "t", "yes", "y", "on", "1"])
SAMPLE_POSTS = 5000
Row = TypeVar("Row", GalleryTag, TagLink, WikiPage)


class TagAnswers:
    """Answers about tags."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery

    def index(self, request: Request, view: View) -> Response:
        """`/tags.json`"""
        demand(view.account, "tags:index")
        search = request.search
        tags = [tag for tag in self.gallery.tags.values() if self._tag_matches(tag, search)]
        order = search.get("order", "")
        if order == "name":
            tags.sort(key=lambda tag: tag.name)
        elif order == "count":
            tags.sort(key=lambda tag: (-self.gallery.post_count(tag.name), tag.name))
        else:
            tags.sort(key=lambda tag: -tag.id)
        return json_response(_rows(tags, lambda tag: tag_object(view, tag), request, view))

    def show(self, tag_id: int, request: Request, view: View) -> Response:
        """`/tags/{id}.json`"""
        demand(view.account, "tags:show")
        for tag in self.gallery.tags.values():
            if tag.id == tag_id:
                return json_response(_cut(tag_object(view, tag), request))
        raise not_found()

    def _tag_matches(self, tag: GalleryTag, search: dict[str, str]) -> bool:
        return all(TAG_TESTS[key](tag, value, self.gallery) for key, value in search.items() if key in TAG_TESTS)

    def aliases(self, request: Request, view: View) -> Response:
        """`/tag_aliases.json`"""
        demand(view.account, "tag_aliases:index")
        return self._links(list(self.gallery.aliases.values()), request, view)

    def implications(self, request: Request, view: View) -> Response:
        """`/tag_implications.json`"""
        demand(view.account, "tag_implications:index")
        links = self.gallery.implications
        if "implied_from" in request.search:
            links = _reachable(links, request.search["implied_from"], up=True)
        if "implied_to" in request.search:
            links = _reachable(links, request.search["implied_to"], up=False)
        return self._links(links, request, view)

    def _links(self, links: Sequence[TagLink], request: Request, view: View) -> Response:
        matches = [link for link in links if self._link_matches(link, request.search)]
        order = request.search.get("order", "")
        if order == "name":
            matches.sort(key=lambda link: (link.antecedent, link.consequent))
        elif order in ("created_at", "updated_at"):
            matches.sort(key=lambda link: -link.created_at)
        else:
            matches.sort(key=lambda link: -link.id)
        return json_response(_rows(matches, lambda link: link_object(view, link), request, view))

    def _link_matches(self, link: TagLink, search: dict[str, str]) -> bool:
        category = self.gallery.tags[link.consequent].category if link.consequent in self.gallery.tags else 0
        tests: dict[str, Callable[[str], bool]] = {
            "status": lambda value: link.status == value.lower(),
            "antecedent_name": lambda value: link.antecedent in value.split(","),
            "consequent_name": lambda value: link.consequent in value.split(","),
            "antecedent_name_comma": lambda value: link.antecedent in value.split(","),
            "consequent_name_comma": lambda value: link.consequent in value.split(","),
            "name_matches": lambda value: _like(link.antecedent, value) or _like(link.consequent, value),
            "antecedent_name_matches": lambda value: _like(link.antecedent, value),
            "consequent_name_matches": lambda value: _like(link.consequent, value),
            "category": lambda value: category in {_category(word) for word in value.split()},
        }
        return all(tests[key](value) for key, value in search.items() if key in tests)

    def related(self, request: Request, view: View) -> Response:
        """`/related_tag.json`"""
        demand(view.account, "related_tags:show")
        query = request.params.get("query", request.search.get("query", ""))
        search = parse_search(query, None)
        ids = find(search, Asker(self.gallery, view.account))[:SAMPLE_POSTS]
        counts = Counter(name for post_id in ids for name in self.gallery.posts[post_id].tags)
        words = re.split(r"[,\s]+", request.params.get("category", request.search.get("category", "")))
        categories = {_category(word) for word in words if word} or set(CATEGORY_NUMBERS.values())
        rows = [
            self._related_row(view, name, together, len(ids))
            for name, together in counts.items()
            if self.gallery.tags[name].category in categories and not self.gallery.tags[name].is_deprecated
        ]
        keys = {"cosine": "cosine_similarity", "jaccard": "jaccard_similarity", "overlap": "overlap_coefficient"}
        key = keys.get(request.params.get("order", request.search.get("order", "")).lower(), "frequency")
        rows.sort(key=lambda row: (-row[key], row["tag"]["name"]))
        tag = self.gallery.tags.get(self.gallery.resolve(query.strip().lower()))
        content = {
            "query": query,
            "post_count": len(ids),
            "tag": None if tag is None else tag_object(view, tag),
            "related_tags": rows[: read_limit(request.params.get("limit"), 100, 1000)],
            "wiki_page_tags": [],
        }
        return json_response(content)

    def _related_row(self, view: View, name: str, together: int, sample: int) -> dict[str, Any]:
        total = self.gallery.post_count(name)
        return {
            "tag": tag_object(view, self.gallery.tags[name]),
            "cosine_similarity": together / (sample * total) ** 0.5,
            "jaccard_similarity": together / (sample + total - together),
            "overlap_coefficient": together / min(sample, total),
            "frequency": together / sample,
        }

    def autocomplete(self, request: Request, view: View) -> Response:
        """`/autocomplete.json`"""
        query = request.search.get("query", "").strip().lower().replace(" ", "_").lstrip("-~")
        kind = request.search.get("type", "tag_query")
        limit = read_limit(request.params.get("limit"), 10, 1000)
        rows = [] if not query or kind not in COMPLETES else self._complete(query, limit)
        if kind == "opensearch":
            return json_response([query, [row["value"] for row in rows]])
        return json_response(rows, headers={"Cache-Control": "public, max-age=600"})

    def _complete(self, query: str, limit: int) -> list[dict[str, Any]]:
        if not query.isascii():
            return self._by_other_name(query, limit)
        rows = self._starting_with(query)
        if len(rows) < limit:
            rows |= {name: row for name, row in self._with_word(query).items() if name not in rows}
        if not rows:
            near = difflib.get_close_matches(query, list(self.gallery.tags), limit, cutoff=0.75)
            rows = {name: self._completion(name, "tag-autocorrect", query) for name in near}
        ranked = sorted(rows.values(), key=lambda row: (row["type"] == "tag-word", -row["post_count"], row["value"]))
        return ranked[:limit]

    def _starting_with(self, query: str) -> dict[str, dict[str, Any]]:
        pattern = query if "*" in query else query + "*"
        live = (name for name in self.gallery.tags if _like(name, pattern) and self.gallery.post_count(name))
        rows = {name: self._completion(name, "tag") for name in live}
        for alias in self.gallery.aliases.values():
            if alias.status == "active" and _like(alias.antecedent, pattern) and alias.consequent in self.gallery.tags:
                rows.setdefault(alias.consequent, self._completion(alias.consequent, "tag-alias", alias.antecedent))
        return rows

    def _with_word(self, query: str) -> dict[str, dict[str, Any]]:
        pattern = re.compile(r"(?:^|[^a-z0-9])" + re.escape(query))
        live = (name for name in self.gallery.tags if pattern.search(name) and self.gallery.post_count(name))
        return {name: self._completion(name, "tag-word", query) for name in live}

    def _by_other_name(self, query: str, limit: int) -> list[dict[str, Any]]:
        pattern = query if "*" in query else query + "*"
        rows = []
        for page in self.gallery.wiki.values():
            matching = [name for name in page.other_names if _like(name.lower(), pattern)]
            if matching and page.title in self.gallery.tags:
                rows.append(self._completion(page.title, "tag-other-name", matching[0]))
        return sorted(rows, key=lambda row: -row["post_count"])[:limit]

    def _completion(self, name: str, kind: str, antecedent: str | None = None) -> dict[str, Any]:
        tag = self.gallery.tags[name]
        row: dict[str, Any] = {"type": kind, "label": name.replace("_", " "), "value": name, "category": tag.category}
        row["post_count"] = self.gallery.post_count(name)
        return row if antecedent is None else row | {"antecedent": antecedent}

    def wiki_pages(self, request: Request, view: View) -> Response:
        """`/wiki_pages.json`"""
        demand(view.account, "wiki_pages:index")
        if request.params.get("title"):
            return redirect_to(f"/wiki_pages/{quote(request.params['title'])}.json")
        search = request.search
        tests: dict[str, Callable[[WikiPage, str], bool]] = {
            "title": lambda page, value: page.title == value.lower().replace(" ", "_"),
            "title_normalize": lambda page, value: _like(page.title, value.lower().replace(" ", "_")),
            "other_names_match": lambda page, value: any(
                _like(name.lower(), value.lower()) for name in page.other_names
            ),
            "other_names_include_any": lambda page, value: not set(value.split()).isdisjoint(page.other_names),
            "other_names_present": lambda page, value: bool(page.other_names) == (value.lower() in TRUE_WORDS),
        }
        pages = [
            page
            for page in self.gallery.wiki.values()
            if all(tests[key](page, value) for key, value in search.items() if key in tests)
        ]
        pages.sort(key=lambda page: -page.created_at)
        return json_response(_rows(pages, lambda page: wiki_object(view, page), request, view))

    def wiki_page(self, name: str, request: Request, view: View) -> Response:
        """`/wiki_pages/{id or title}.json`"""
        demand(view.account, "wiki_pages:show")
        for page in self.gallery.wiki.values():
            if page.title == name.lower().replace(" ", "_") or str(page.id) == name:
                return json_response(_cut(wiki_object(view, page), request))
        raise not_found()

    def artists(self, request: Request, view: View) -> Response:
        """`/artists.json`: every artist tag is an artist."""
        demand(view.account, "artists:index")
        search = request.search
        names = [tag for tag in self.gallery.tags.values() if tag.category == CATEGORY_NUMBERS["artist"]]
        names = [tag for tag in names if "name" not in search or tag.name == search["name"]]
        names.sort(key=lambda tag: -tag.id)
        return json_response(_rows(names, lambda tag: artist_object(view, tag), request, view))


COMPLETES = frozenset({"tag_query", "tag", "artist", "wiki_page", "opensearch"})

TAG_TESTS: dict[str, Callable[[GalleryTag, str, Gallery], bool]] = {
    "name": lambda tag, value, _: tag.name == value.lower().replace(" ", "_"),
    "name_comma": lambda tag, value, _: tag.name in value.split(","),
    "name_space": lambda tag, value, _: tag.name in value.split(),
    "name_array": lambda tag, value, _: tag.name in value.split(","),
    "name_normalize": lambda tag, value, _: tag.name in [part.strip().lower() for part in value.split(",")],
    "name_matches": lambda tag, value, _: _like(tag.name, value.lower().replace(" ", "_")),
    "name_or_alias_matches": lambda tag, value, gallery: (
        _like(tag.name, value)
        or any(link.consequent == tag.name and _like(link.antecedent, value) for link in gallery.aliases.values())
    ),
    "fuzzy_name_matches": lambda tag, value, _: difflib.SequenceMatcher(None, tag.name, value).ratio() > 0.6,
    "category": lambda tag, value, _: tag.category in {_category(word) for word in re.split(r"[,\s]+", value)},
    "post_count": lambda tag, value, gallery: _in_range(value, gallery.post_count(tag.name)),
    "id": lambda tag, value, _: _in_range(value, tag.id),
    "is_deprecated": lambda tag, value, _: tag.is_deprecated == (value.lower() in TRUE_WORDS),
    "hide_empty": lambda tag, value, gallery: value.lower() not in TRUE_WORDS or gallery.post_count(tag.name) > 0,
    "is_empty": lambda tag, value, gallery: (gallery.post_count(tag.name) == 0) == (value.lower() in TRUE_WORDS),
    "has_wiki_page": lambda tag, value, gallery: (tag.name in gallery.wiki) == (value.lower() in TRUE_WORDS),
}


def _rows(
    rows: Sequence[Row], describe: Callable[[Row], dict[str, Any]], request: Request, view: View
) -> list[dict[str, Any]]:
    limit = read_limit(request.params.get("limit"), 20, 1000)
    page = read_page(request.params.get("page"), limit, view.account)
    by_id = {row.id: row for row in rows}
    return [_cut(describe(by_id[number]), request) for number in slice_ids([row.id for row in rows], page)]


def _cut(record: dict[str, Any], request: Request) -> dict[str, Any]:
    only = request.params.get("only")
    return select(record, parse_only(only) if only else None, {})


def _reachable(links: Iterable[TagLink], start: str, *, up: bool) -> list[TagLink]:
    """Edges on the way up from a tag (its ancestors) or down to it (its variants), recursively."""
    waiting, seen, edges = [start], {start}, []
    all_links = list(links)
    while waiting:
        name = waiting.pop()
        for link in all_links:
            near, far = (link.antecedent, link.consequent) if up else (link.consequent, link.antecedent)
            if near == name and link.status == "active":
                edges.append(link)
                if far not in seen:
                    seen.add(far)
                    waiting.append(far)
    return edges


def _like(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, re.sub(r"([\[\]?])", r"[\1]", pattern))


def _category(word: str) -> int:
    return int(word) if word.isdecimal() else CATEGORY_NUMBERS.get(word.lower(), -1)


def _in_range(text: str, value: float) -> bool:
    try:
        return parse_range(text, read_int)(value)
    except ValueError:
        return False
