"""Plain and extended XYZ."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from ase import Atoms
from ase.io.extxyz import read_xyz

from potscope.core.formats.base import Format, text

SUFFIXES = (".xyz", ".extxyz")


def read(path: Path) -> Iterator[Atoms]:
    """Every frame; a comment that holds no ``key=value`` is kept as ``comment``."""
    # in memory: ASE seeks back and forth, which takes minutes inside a compressed file
    for chunk in _frames(text(path).splitlines()):
        comment = chunk[1].strip()
        if "=" not in comment:
            chunk[1] = ""
        try:
            atoms = next(iter(read_xyz(io.StringIO("\n".join(chunk) + "\n"), index=slice(None))))
        except KeyError as error:
            symbol = str(error.args[0]) if error.args else ""
            if any(line.split()[:1] == [symbol] for line in chunk[2:]):
                raise ValueError(f"unknown element {symbol!r}") from error
            raise
        if comment and not chunk[1]:
            atoms.info["comment"] = comment
        yield atoms


def _frames(lines: list[str]) -> Iterator[list[str]]:
    """The lines of each frame. Blank lines between frames are passed over; ASE's reader would stop there unheard."""
    start = 0
    while start < len(lines):
        header = lines[start].strip()
        if not header:
            start += 1
            continue
        if not header.isdecimal():
            raise ValueError(f"expected a number of atoms on line {start + 1}, got {header[:60]!r}")
        end = start + 2 + int(header)
        if end > len(lines):
            raise ValueError(f"expected {header} atoms after line {start + 2}, got {max(len(lines) - start - 2, 0)}")
        while end < len(lines) and lines[end].lstrip().startswith("VEC"):
            end += 1
        yield lines[start:end]
        start = end


XYZ = Format("XYZ", read, suffixes=SUFFIXES)
