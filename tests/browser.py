"""Fixtures for tests in a real browser: headless Chromium, a Panel server, and a page that tolerates no error.

A test marked `browser` is skipped, with the reason, where Chromium or pytest-playwright is missing; where the
environment variable CI is set it fails instead, so that a broken machine can't pass for a passing test.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketClosedError

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    *("--no-sandbox", "--no-first-run", "--disable-quic"),
    # No request of Chromium's own: the tests assert that nothing leaves the machine.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # WebGL in software: a test machine has no graphics card.
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
LOCAL_ADDRESSES = (
    "http://localhost:",
    "http://127.0.0.1:",
    "ws://localhost:",
    "ws://127.0.0.1:",
    "blob:",
    "data:",
    "about:",
)
SERVER_LOGGERS = ("bokeh", "panel", "tornado", "potscope", "asyncio")

SECONDS_TO_STOP = 60.0
# how a server ends that still had something to send to a page that was left: Tornado logs it, and nothing is wrong
ENDINGS = (WebSocketClosedError, asyncio.CancelledError)

ServeApp = Callable[..., str]


def chromium_path() -> str | None:
    """The browser to drive: $CHROMIUM, or the first of the usual names on the PATH."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def missing_for_browser_tests(config: pytest.Config) -> str:
    """What keeps browser tests from running here; empty if nothing does."""
    if not config.pluginmanager.has_plugin("playwright"):
        return "pytest-playwright is not installed"
    if chromium_path() is None:
        return f"no Chromium: set $CHROMIUM, or install one of {', '.join(CHROMIUM_NAMES)}"
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") is None:
        return
    reason = missing_for_browser_tests(item.config)
    if reason and os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium_path(), "args": CHROMIUM_FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1280, "height": 800}}


class _Collector(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.messages = messages
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], ENDINGS):
            return
        self.messages.append(self.format(record))


@pytest.fixture
def server_errors() -> Iterator[list[str]]:
    """What the server logs as an error; a test that provokes one on purpose checks and clears the list.

    Panel answers 200 even where the application raised, so a page that loads proves nothing by itself.
    """
    messages: list[str] = []
    handler = _Collector(messages)
    loggers = [logging.getLogger(name) for name in SERVER_LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
    yield messages
    for logger in loggers:
        logger.removeHandler(handler)
    assert not messages, "the server logged errors:\n" + "\n".join(messages)


@pytest.fixture
def serve_app(server_errors: list[str]) -> Iterator[ServeApp]:
    """`serve_app(app)` serves a Panel object, a function that makes one, or a script's path; returns its address.

    The server runs in a thread of this process, so a test may look at Python's side too. It ends with the test.
    """
    from panel.io.state import state
    from panel.tests.util import serve_and_wait

    def serve(app: Any, **options: Any) -> str:
        port = serve_and_wait(str(app) if isinstance(app, Path) else app, **options)
        return f"http://localhost:{port}"

    yield serve
    _stop_servers()
    state.reset()


def _stop_servers() -> None:
    """Stop them and wait until they have ended: `state.reset` takes away the views that a callback may be drawing."""
    from panel.io.state import state

    threads = list(state._threads.values())
    state.kill_all_servers()
    for thread in threads:
        thread.join(SECONDS_TO_STOP)
    assert not any(thread.is_alive() for thread in threads), f"a server runs on after {SECONDS_TO_STOP} s"


@pytest.fixture
def strict_page(page: Any, serve_app: ServeApp) -> Iterator[Any]:
    """A page on which any request that leaves the machine, any answer of 400 or above, and any error fails the test.

    It depends on `serve_app` in order to be left while the server still runs: a view's removal is watched too.
    """
    problems: list[str] = []
    page.on("request", lambda request: _note_request(problems, request))
    page.on("websocket", lambda socket: _note_address(problems, socket.url))
    page.on(
        "response", lambda answer: problems.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None
    )
    page.on("pageerror", lambda error: problems.append(f"page error: {error}"))
    page.on("console", lambda line: problems.append(f"console: {line.text}") if line.type == "error" else None)
    yield page
    page.goto("about:blank")
    assert not problems, "the page had problems:\n" + "\n".join(problems)


def _note_request(problems: list[str], request: Any) -> None:
    _note_address(problems, request.url)


def _note_address(problems: list[str], address: str) -> None:
    if not address.startswith(LOCAL_ADDRESSES):
        problems.append(f"request leaves this machine: {address}")
