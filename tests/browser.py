"""Pages in a real browser: Debian's chromium, headless, driven by playwright.

Tests skip where there is no chromium; with ENSEARCH_TEST_ALL=1, as in CI, that is a failure.
"""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from tests.servers import unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

SECONDS = 60.0  # a busy machine is no fault of a page


@dataclass
class Visit:
    """A page that is open, and what it did that no page should do."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)  # console errors, exceptions, dialogs
    requests: list[str] = field(default_factory=list)

    def outside(self) -> list[str]:
        """What was asked for anywhere but at the page's own host."""
        own = urlparse(self.page.url).netloc
        return [r for r in self.requests if urlparse(r).netloc not in ("", own)]

    def hear(self, message: "ConsoleMessage") -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def dismiss(self, dialog: "Dialog") -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@contextmanager
def opened() -> Iterator["Browser"]:
    """Yield a browser."""
    if importlib.util.find_spec("playwright") is None:
        unavailable("playwright is not installed: pip install playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        unavailable("there is no chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox"], timeout=1000 * SECONDS
        )
        yield browser
        browser.close()


@contextmanager
def visiting(browser: "Browser", address: str, width: int = 1200, **more: Any) -> Iterator[Visit]:
    """Yield the page at an address once it is loaded; `more` are options of its context."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **more)
    context.set_default_timeout(1000 * SECONDS)
    visit = Visit(context.new_page())
    visit.page.on("console", visit.hear)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("dialog", visit.dismiss)
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.goto(address)
    yield visit
    context.close()
