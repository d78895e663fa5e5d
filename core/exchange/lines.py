"""Files of words and numbers, read line by line, and errors that say where."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path


class ExchangeError(ValueError):
    """A file of another code is not what it should be, or what it holds and what a potential is do not fit."""


@dataclass(frozen=True)
class Line:
    """The words of a line, without its comment, and where it stands."""

    file: str
    place: int
    words: list[str]

    def error(self, expected: str) -> ExchangeError:
        """Say what was expected here."""
        return ExchangeError(f"{self.file}, line {self.place}: expected {expected}, got {' '.join(self.words)!r}")


def lines_of(path: Path, continued: str = "") -> list[Line]:
    """The lines of a file that hold more than a comment (from ``#`` on).

    Parameters
    ----------
    path
        Of the file.
    continued
        What a line ends in that goes on in the next.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ExchangeError
        If it is no text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ExchangeError(f"{path.name}: expected text, got bytes that are none") from error
    found: list[Line] = []
    open_line: Line | None = None
    for place, raw in enumerate(text.splitlines(), start=1):
        words = raw.split("#")[0].split()
        goes_on = bool(continued) and bool(words) and words[-1] == continued
        if goes_on:
            words = words[:-1]
        if open_line is not None:
            open_line.words.extend(words)
        elif words:
            open_line = Line(path.name, place, words)
            found.append(open_line)
        if not goes_on:
            open_line = None
    return found


def number(line: Line, word: str) -> float:
    """A finite number of a line."""
    try:
        value = float(word)
    except ValueError:
        raise line.error("a number") from None
    if not isfinite(value):
        raise line.error("a finite number")
    return value
