"""The file formats: each recognises its files, reads them and brings what it read to our units."""

from __future__ import annotations

from pathlib import Path

from potscope.core.formats.arrays import NPZ, QM7
from potscope.core.formats.ase_files import DATABASE, OTHER
from potscope.core.formats.base import Format
from potscope.core.formats.fitsnap import FITSNAP
from potscope.core.formats.input_data import INPUT_DATA
from potscope.core.formats.mlearn import MLEARN
from potscope.core.formats.vasp import OUTCAR, VASPRUN
from potscope.core.formats.xyz import XYZ

FORMATS: tuple[Format, ...] = (FITSNAP, MLEARN, INPUT_DATA, NPZ, QM7, OUTCAR, VASPRUN, XYZ, DATABASE, OTHER)
"""In the order in which they are tried; those that look into the file come before those that go by its name."""


def format_of(path: Path, head: bytes) -> Format:
    """The first format that recognises a file, from its path and its first bytes."""
    return next(found for found in FORMATS if found.recognises(path, head))


__all__ = ["FORMATS", "Format", "format_of"]
