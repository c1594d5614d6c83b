"""A headless browser, wherever one is to be found: on this machine, or else at npm."""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.agents.install import CACHE

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PACKAGE = "@sparticuz/chromium@153.0.0"  # 70 MB: a headless Chromium, and libraries it needs
_HASH = "sha512-" + (
    "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
)
"""Of that package, as npm lists it: what is unpacked here is run."""
_UNPACK = """
const [packed, target] = process.argv.slice(1);
require("node:stream/promises").pipeline(
    require("node:fs").createReadStream(packed),
    require("node:zlib").createBrotliDecompress(),
    require("node:fs").createWriteStream(target, { mode: 0o755 }),
);
"""
_NONE = (
    "There is no browser to walk the viewer with, and none could be had from npm. `.venv/bin/"
    "playwright install --only-shell chromium` gets one, or `apt install chromium`; or name one in "
    "TOOLGATE_BROWSER."
)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Skips the test without one; under TOOLGATE_BROWSER_REQUIRED, as in CI, fails it."""
    with sync_playwright() as playwright:
        path = _find(playwright)
        if path is None:
            (pytest.fail if os.environ.get("TOOLGATE_BROWSER_REQUIRED") else pytest.skip)(_NONE)
        # Chromium's sandbox does not let root in; what it shows here is ours.
        rights = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
        known = os.environ.get("LD_LIBRARY_PATH", "")
        libraries = {"LD_LIBRARY_PATH": f"{known}:{path.parent}/lib".removeprefix(":")}
        browser = playwright.chromium.launch(
            executable_path=path, args=rights, env={**os.environ, **libraries}
        )
        try:
            yield browser
        finally:
            browser.close()


def _find(playwright: Playwright) -> Path | None:
    if named := os.environ.get("TOOLGATE_BROWSER"):
        return Path(named)
    own = Path(playwright.chromium.executable_path)
    installed = [found for name in _NAMES if (found := shutil.which(name))]
    return own if own.exists() else Path(installed[0]) if installed else _fetch()


def _fetch() -> Path | None:
    """Once, into the cache that the agents' programs are in; None where that cannot be done."""
    folder = CACHE / _PACKAGE.replace("/", "-").removeprefix("@")
    done = folder / "chromium"
    if done.exists():
        return done
    is_built_for = platform.system() == "Linux" and platform.machine() == "x86_64"
    if not is_built_for or shutil.which("npm") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _install(folder, done)
    except (subprocess.SubprocessError, OSError):
        return None
    return done


def _install(folder: Path, done: Path) -> None:
    _run("npm", "pack", "--silent", f"--pack-destination={folder}", _PACKAGE)
    archive = next(folder.glob("*.tgz"))
    check_hash(archive.read_bytes())
    _run("tar", "xf", str(archive), "-C", str(folder))
    packed = folder / "package" / "bin"
    for name in ("al2023.tar", "chromium.part"):
        source = packed / f"{name.removesuffix('.part')}.br"
        _run("node", "-e", _UNPACK, str(source), str(folder / name))
    _run("tar", "xf", str(folder / "al2023.tar"), "-C", str(folder))
    (folder / "chromium.part").rename(done)


def check_hash(archive: bytes) -> None:
    """Raises: ValueError for another file than the one that was looked at."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != _HASH:
        raise ValueError(f"npm's {_PACKAGE} is {found}, and should be {_HASH}: it is not run.")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=150)
