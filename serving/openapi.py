"""The service's description: the OpenAPI document, which the page is rendered from too."""

from __future__ import annotations

from typing import Any

from serving.scorer import OUTCOMES, ServedModel, ServingLimits
from serving.uploads import FORM, RAW

VERSION = "3.1.0"
_MEBI = 1024 * 1024
_PICTURE = {"type": "string", "format": "binary"}
_ERRORS = {
    "400": "the request cannot be read",
    "403": "a page of another site asks",
    "413": "too many pictures, or too many bytes",
    "415": "neither a picture nor a form of files",
    "421": "another Host than the service's own",
    "422": "none of the pictures can be looked at; the results say why",
    "503": "too many requests at once (Retry-After says when to try again), or the model has failed",
}


def document(model: ServedModel, limits: ServingLimits, version: str) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        model: that is served.
        limits: of requests.
        version: of the program.
    """
    return {
        "openapi": VERSION,
        "info": {
            "title": f"{model.name} by boorusieve",
            "version": version,
            "description": f"Scores pictures with the {model.kind} model {model.name}, as a crawl does. "
            f"At most {limits.pictures} pictures and {_size(limits.request_bytes)} a request, "
            f"{_size(limits.picture_bytes)} a picture.",
        },
        "paths": {
            "/v1/score": {"post": _score(limits)},
            "/v1/model": {"get": _get("The model that is served", "application/json", {"type": "object"})},
            "/healthz": {"get": _health()},
            "/metrics": {"get": _get("Counters for Prometheus", "text/plain", {"type": "string"})},
            "/openapi.json": {"get": _get("This document", "application/json", {"type": "object"})},
        },
        "components": {"schemas": {"Scores": _SCORES, "Result": _RESULT, "Error": _ERROR}},
    }


def _size(count: int) -> str:
    """So many bytes, for people."""
    return f"{count / _MEBI:g} MiB" if count >= _MEBI else f"{count} bytes"


def _score(limits: ServingLimits) -> dict[str, Any]:
    files = {"type": "array", "items": _PICTURE, "maxItems": limits.pictures}
    form = {"type": "object", "properties": {"pictures": files}, "additionalProperties": _PICTURE}
    return {
        "summary": "Score one picture, or the files of a form",
        "operationId": "score",
        "requestBody": {
            "required": True,
            "content": {
                RAW: {"schema": _PICTURE},
                "image/*": {"schema": _PICTURE},
                FORM: {"schema": form},
            },
        },
        "responses": {
            "200": _answer("A result for each picture, in their order", {"$ref": "#/components/schemas/Scores"}),
            **{status: _answer(words, {"$ref": "#/components/schemas/Error"}) for status, words in _ERRORS.items()},
        },
    }


def _health() -> dict[str, Any]:
    described = _get("Whether it can score", "application/json", {"type": "object"})
    described["responses"]["503"] = _answer("The model has failed", {"$ref": "#/components/schemas/Error"})
    return described


def _get(summary: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _answer(summary, schema, media_type)}}


def _answer(words: str, schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {"description": words, "content": {media_type: {"schema": schema}}}


_RESULT = {
    "type": "object",
    "required": ["file", "outcome", "probability", "name", "reason", "fault", "width", "height", "format"],
    "properties": {
        "file": {"type": "string", "description": "the name that the client gave it"},
        "outcome": {"type": "string", "enum": list(OUTCOMES)},
        "probability": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "name": {"type": ["string", "null"], "description": "whom it shows, where it is kept"},
        "reason": {"type": "string"},
        "fault": {"type": ["string", "null"], "description": "why it could not be looked at"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "format": {"type": "string"},
    },
}
_SCORES = {
    "type": "object",
    "required": ["model", "results"],
    "properties": {
        "model": {"type": "string"},
        "results": {"type": "array", "items": {"$ref": "#/components/schemas/Result"}},
    },
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
