"""Calls from a job's thread to the page."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import panel as pn
import pytest

from potscope.apps.workbench import poster


class Page:
    """A document that remembers what it is to call."""

    def __init__(self, destroyed: bool | None) -> None:
        self.session_context = None if destroyed is None else SimpleNamespace(destroyed=destroyed)
        self.calls: list[Callable[[], None]] = []

    def add_next_tick_callback(self, call: Callable[[], None]) -> None:
        self.calls.append(call)


@pytest.mark.parametrize("destroyed", [True, None])
def test_nothing_is_sent_to_a_page_that_is_gone(destroyed) -> None:
    page = Page(destroyed)
    poster(page)(lambda: None)
    assert page.calls == []


def test_a_call_is_made_with_the_page_as_the_current_one() -> None:
    page, seen = Page(destroyed=False), []
    poster(page)(lambda: seen.append(pn.state.curdoc))
    assert seen == []  # not on the thread that asks
    page.calls[0]()
    assert seen == [page]
