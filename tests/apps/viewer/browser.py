"""A headless browser, wherever one is to be found on this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_NONE = (
    "There is no browser to walk the viewer with. `.venv/bin/playwright install --only-shell "
    "chromium` gets one, or `apt install chromium`; or name one in TOOLGATE_BROWSER."
)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Skips the test where there is none."""
    with sync_playwright() as playwright:
        path = _find(playwright)
        if path is None:
            pytest.skip(_NONE)
        # Chromium's sandbox does not let root in; what it shows here is ours.
        rights = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=rights)
        try:
            yield browser
        finally:
            browser.close()


def _find(playwright: Playwright) -> str | None:
    named = os.environ.get("TOOLGATE_BROWSER")
    own = playwright.chromium.executable_path
    installed = (found for name in _NAMES if (found := shutil.which(name)))
    return named or (own if Path(own).exists() else next(installed, None))
