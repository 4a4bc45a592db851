"""Which APIs the gallery can answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from demo.api.posts import PostAnswers
from demo.api.site import Dialect
from demo.dialects.e621 import E621
from demo.dialects.gelbooru import Gelbooru, Gelbooru02
from demo.dialects.moebooru import Moebooru

DIALECTS: Mapping[str, Callable[[PostAnswers], Dialect] | None] = {
    "danbooru": None,  # the site's own
    "e621": E621,
    "moebooru": Moebooru,
    "gelbooru": Gelbooru,
    "gelbooru-0.2": Gelbooru02,
}
SOFTWARE = tuple(DIALECTS)
