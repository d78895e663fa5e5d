"""Progress and cancellation of long work, without any knowledge of who is watching."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float, str], None]
"""Called often with the fraction done, 0 to 1, and a few words. It may raise `Cancelled` to stop the work."""


class Cancelled(Exception):
    """Raised by a progress callback to stop the work that calls it."""


def silent(fraction: float, message: str) -> None:
    """The progress callback of those who do not care."""


def part(progress: Progress, first: float, last: float) -> Progress:
    """A callback for one part of some work: its 0 to 1 is the whole's `first` to `last`."""

    def scaled(fraction: float, message: str) -> None:
        progress(first + (last - first) * fraction, message)

    return scaled
