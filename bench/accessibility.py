"""What a page keeps from people: axe-core's findings, and whatever does not fit into the window.

axe-core's script comes from a package of the development tools; nothing is fetched.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bench.browser import Browser

_PACKAGE, _SCRIPT = "axe_playwright_python", "axe.min.js"


def findings(browser: Browser) -> Sequence[str]:
    """What axe-core finds by all of its default rules, one line an element; none is what we want."""
    if not browser.run("return Boolean(window.axe)"):
        browser.run(_axe())
    found = browser.driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] })"
        ".then((result) => done({ violations: result.violations }), (error) => done({ error: String(error) }))"
    )
    if "error" in found:
        raise RuntimeError(found["error"])
    return [_line(rule, node) for rule in found["violations"] for node in rule["nodes"]]


def overflowing(browser: Browser) -> Sequence[str]:
    """Elements that can be seen in part or not at all because the window is too narrow, and cannot be scrolled to."""
    return list(browser.run(_OVERFLOWING))


def small_targets(browser: Browser, least_px: int = 24) -> Sequence[str]:
    """Controls that are smaller than a finger may ask for (WCAG 2.2: 24 px)."""
    return list(browser.run(_SMALL_TARGETS, least_px))


@cache
def _axe() -> str:
    """The script.

    Raises:
        ModuleNotFoundError: the development tools are not installed.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed; it is one of the development tools (requirements-dev.lock)")
    return Path(found.origin).with_name(_SCRIPT).read_text(encoding="utf-8")


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = " ".join(node.get("failureSummary", "").split())
    return f"{rule['id']} ({rule['impact']}) at {' '.join(map(str, node['target']))}: {why}"


_VISIBLE = """
const name = (one) => one.tagName.toLowerCase() + (one.id ? "#" + one.id : "") + (one.classList.length ? "." + [...one.classList].join(".") : "");
const seen = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && one.getClientRects().length > 0;
const hidden = (one) => one.closest(".hidden, .skip, [aria-hidden=true]") !== null;
const scrolls = (one) => { for (let up = one.parentElement; up; up = up.parentElement) {
  const style = getComputedStyle(up);
  if (/auto|scroll/.test(style.overflowX) && up.scrollWidth > up.clientWidth) return true; }
  return false; };
const modal = document.querySelector("dialog:modal") ?? document.body;
"""

_OVERFLOWING = (
    _VISIBLE
    + """
const wide = document.documentElement.scrollWidth > innerWidth + 1 ? ["the page is " + document.documentElement.scrollWidth + " px wide"] : [];
return wide.concat([...modal.querySelectorAll("*")].filter((one) => seen(one) && !hidden(one)).filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1) && !scrolls(one);
}).map(name));
"""
)

_SMALL_TARGETS = (
    _VISIBLE
    + """
return [...modal.querySelectorAll("button, select, input, a[href], summary")].filter((one) => seen(one) && !hidden(one)).filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width < arguments[0] || box.height < arguments[0];
}).map((one) => name(one) + " " + Math.round(one.getBoundingClientRect().width) + "×" + Math.round(one.getBoundingClientRect().height));
"""
)
