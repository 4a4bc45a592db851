"""Our pages: what comes from outside is text, and nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
import re

from commands.pages.html_page import html_page
from commands.pages.tag_page import TagPageFacts

HOSTILE = '"><script>alert(1)</script>{{ 7 * 7 }}\x1b[2J\u202e'


def page() -> str:
    card = {"key": "a/1", "post": 1, "link": "", "picture": "", "rating": HOSTILE, "adult": True, "sure": "0.9"}
    card |= {"characters": HOSTILE, "tag": HOSTILE}
    section = {"kind": "missing", "words": HOSTILE, "cards": [card], "label": "delete"}
    facts = TagPageFacts("id", HOSTILE, HOSTILE, "", "now")
    return html_page("tags", "generator", script=True, facts=facts, sections=[section]).decode()


def test_names_from_outside_are_text() -> None:
    text = page()

    assert text.count("<script>") == 1
    assert "alert(1)" in text
    assert "{{ 7 * 7 }}" in text
    assert not {"\x1b", "\u202e"} & set(re.sub(r"<[^>]*>", "", text))


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else() -> None:
    text = page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    allowed = policy[1].replace("&#39;", "'")

    for kind in ("style", "script"):
        own = re.search(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert own is not None
        digest = base64.b64encode(hashlib.sha256(own[1].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in allowed
    assert allowed.startswith("default-src 'none'")
    assert not re.search(r'(?:src|href)="http', text)
