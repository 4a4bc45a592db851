"""Accessibility of a page: axe-core's findings, and elements that do not fit into the window.

axe-core's script comes from a package of the development tools; nothing is fetched.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.equipment.browser import Browser

_PACKAGE, _SCRIPT = "axe_playwright_python", "axe.min.js"
_RUN = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] })
  .then((result) => done({ violations: result.violations }), (error) => done({ error: String(error) }));
"""


def findings(browser: Browser) -> Sequence[str]:
    """What axe-core finds by all of its default rules, one line an element; none is what we want."""
    if not browser.run("return Boolean(window.axe)"):
        browser.run(_axe())
    result = browser.driver.execute_async_script(_RUN)
    if "error" in result:
        raise RuntimeError(result["error"])
    return [_line(rule, node) for rule in result["violations"] for node in rule["nodes"]]


def overflowing(browser: Browser) -> Sequence[str]:
    """Elements that reach beyond the left or right edge of the window, and cannot be scrolled into it."""
    return _ask(browser, "overflowing()")


def cut_off(browser: Browser, selector: str) -> Sequence[str]:
    """Elements whose words are longer than what is shown of them."""
    return _ask(browser, "cutOff(arguments[0])", selector)


def small_targets(browser: Browser, least_px: int = 24) -> Sequence[str]:
    """Controls that are too small for a finger; WCAG 2.2 asks for 24 pixels at least."""
    return _ask(browser, "smallTargets(arguments[0])", least_px)


def _ask(browser: Browser, question: str, *arguments: Any) -> Sequence[str]:
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    return list(browser.run(f"{script}\nreturn {question};", *arguments))


@cache
def _axe() -> str:
    """The script.

    Raises:
        ModuleNotFoundError: the development tools are not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed: pip install -r requirements-dev.lock")
    return Path(spec.origin).with_name(_SCRIPT).read_text(encoding="utf-8")


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(node.get("failureSummary", "").split())
    return f"{rule['id']} ({rule['impact']}) at {' '.join(map(str, node['target']))}: {why}"
