"""Headless Chromium, driven by keys and mouse."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 180  # seconds: an upper bound, for a busy machine


def chromium() -> str | None:
    """Where a Chromium is, if there is one."""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


def why_not() -> str | None:
    """Why no browser can be driven here."""
    if chromium() is None:
        return "no Chromium is installed (Debian: apt-get install chromium chromium-driver)"
    if shutil.which("chromedriver") is None:
        return "no chromedriver is installed (Debian: apt-get install chromium-driver)"
    return None


class Browser:
    """A window on the page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Go there and wait for pictures."""
        self.driver.get(url)
        self.until(lambda: self.all(".tile img.there"), "pictures")

    def keys(self, *keys: str) -> None:
        """Press and release, one after the other."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def press(self, selector: str) -> None:
        """Put the focus there and press Enter."""
        self.run("document.querySelector(arguments[0]).focus()", selector)
        self.keys(Keys.ENTER)

    def with_key(self, held: str, key: str) -> None:
        ActionChains(self.driver).key_down(held).send_keys(key).key_up(held).perform()

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector))

    def until(self, fits: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
        return WebDriverWait(self.driver, patience_s, poll_frequency=0.05).until(lambda _: fits(), what)

    def saved(self) -> None:
        """Wait until the page says that everything is saved."""
        self.until(lambda: self.text("#saving") == "all saved", "everything is saved")

    @property
    def current(self) -> int:
        return int(self.run("return Number(document.querySelector('.tile.current').dataset.id)"))

    def complaints(self) -> list[str]:
        """What the browser found wrong with the page: errors, refused code, failed requests."""
        return [entry["message"] for entry in self.driver.get_log("browser") if "favicon" not in entry["message"]]


@contextmanager
def browsing(
    width: int = 1280, height: int = 800, *, scheme: str = "light", reduced: bool = False
) -> Iterator[Browser]:
    """A window of this size in pixels, as long as the block lasts; `scheme` is what the system prefers."""
    options = webdriver.ChromeOptions()
    options.binary_location = chromium() or ""
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-gpu"):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to sandbox for root; it only sees our own page
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        features += [{"name": "prefers-reduced-motion", "value": "reduce"}] if reduced else []
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield Browser(driver)
    finally:
        driver.quit()


__all__ = ["Browser", "By", "Keys", "browsing", "chromium", "why_not"]
