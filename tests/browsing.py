"""Pages in a real browser: the system's Chromium without a screen, driven by Playwright, offline by default.

    with chromium() as browser, visiting(browser, path, width=360) as visit:
        assert visit.quiet()                      # no error on the console, nothing asked of any network
        assert visit.overflow() == []             # nothing reaches beyond the window
        visit.page.screenshot(path="page.png")

Skips, visibly, where there is no Chromium: `apt install chromium`, or name one in $CHROMIUM.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PHONE, TABLET, DESKTOP = 360, 820, 1440
WIDTHS = (PHONE, TABLET, DESKTOP)
#: Of every element that is seen and not cut off by one around it: how far beyond the window it reaches.
_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth, found = [];
  if (document.documentElement.scrollWidth > width) found.push(`page: ${document.documentElement.scrollWidth}`);
  const scrolls = (one) => one && (getComputedStyle(one).overflowX !== 'visible' || scrolls(one.parentElement));
  for (const one of document.body.querySelectorAll('*')) {
    const box = one.getBoundingClientRect();
    if (box.width && box.right > width + 1 && !scrolls(one.parentElement))
      found.push(`${one.tagName} ${one.className.baseVal ?? one.className}: ${Math.round(box.right)}`);
  }
  return found;
}"""


@dataclass
class Visit:
    """A page that is open, and what it said and asked for since."""

    page: Page
    address: str
    said: list[str] = field(default_factory=list)  #: warnings and errors of the console, and uncaught exceptions
    asked: list[str] = field(default_factory=list)  #: every request but the page's own

    def quiet(self) -> bool:
        """Whether it had nothing to complain of and asked for nothing; says what, if it did."""
        assert (self.said, self.asked) == ([], [])
        return True

    def overflow(self) -> list[str]:
        """What reaches beyond the window on the right."""
        return self.page.evaluate(_OVERFLOW)

    def style(self, selector: str, name: str) -> str:
        """A computed style of the first such element."""
        return self.page.locator(selector).first.evaluate("(one, name) => getComputedStyle(one)[name]", name)


def chromium_path() -> str:
    """The system's Chromium; skips the test if there is none."""
    place = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return place or pytest.skip("chromium is not on PATH, nor in $CHROMIUM")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; it takes about a second to start, so have one for a module."""
    place = chromium_path()
    with sync_playwright() as playwright:
        # In a container, or as root, Chromium has no sandbox of its own; the pages here are ours.
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(
    browser: Browser,
    place: Path | str,
    *,
    width: int = DESKTOP,
    scheme: Literal["light", "dark"] = "light",
    offline: bool = True,
    **options: object,
) -> Iterator[Visit]:
    """The page of a file or an address, in a window of this width. `options` are of Playwright's `new_context`."""
    address = place.resolve().as_uri() if isinstance(place, Path) else place
    window = {"width": width, "height": 800}
    context = browser.new_context(viewport=window, color_scheme=scheme, offline=offline, **options)  # type: ignore[arg-type]
    try:
        visit = Visit(context.new_page(), address)
        visit.page.on("console", lambda line: line.type in ("warning", "error") and visit.said.append(line.text))
        visit.page.on("pageerror", lambda error: visit.said.append(str(error)))
        visit.page.on("request", lambda one: one.url == address or visit.asked.append(one.url))
        visit.page.goto(address)
        yield visit
    finally:
        context.close()
