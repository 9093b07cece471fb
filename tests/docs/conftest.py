"""A real browser without a network but the loopback."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.services import program

PATIENCE_SECONDS = 30
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass
class Browser:
    """A browser that remembers the requests and the complaints of its pages."""

    driver: webdriver.Chrome

    def open(self, url: str, width: int = 1280, height: int = 900) -> None:
        """Show a page in a window of this size, as a phone shows it where it is narrow; forget what was before."""
        self.driver.get("about:blank")
        self.hosts()
        self.complaints()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(url)

    def wait(self, selector: str, text: str = "") -> WebElement:
        """The first element that is shown, with this text in it if any is given."""
        return self._until(selector, text, lambda element: element)

    def click(self, selector: str, text: str = "") -> None:
        """Click an element once it is there; by script, since a bar may lie over it."""
        self._until(
            selector, text, lambda element: self.driver.execute_script("arguments[0].click(); return 1", element)
        )

    def read(self, selector: str, text: str = "") -> str:
        """An element's text."""
        return self._until(selector, text, lambda element: element.text)

    def _until(self, selector: str, text: str, use: Callable[[WebElement], Any]) -> Any:
        """What ``use`` makes of the element; tried again while the page is being drawn anew."""

        def tried(driver: webdriver.Chrome) -> Any:
            for element in driver.find_elements(By.CSS_SELECTOR, selector):
                if element.is_displayed() and text in element.text:
                    return use(element)
            return None

        waiting = WebDriverWait(self.driver, PATIENCE_SECONDS, ignored_exceptions=(StaleElementReferenceException,))
        return waiting.until(tried, f"{selector} with {text!r} did not appear")

    def hosts(self) -> set[str]:
        """Every host that was sent a request since the last call, from the browser's own network log."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
        return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme not in ("data", "blob", "chrome", "about")}

    def complaints(self) -> list[str]:
        """Errors and warnings in the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth"))

    def photograph(self, path: Path) -> None:
        """What the window shows."""
        self.driver.save_screenshot(str(path))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    options = Options()
    options.binary_location = program("chromium", "chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options, Service(program("chromedriver", "chromium-driver")))
    yield Browser(driver)
    driver.quit()
