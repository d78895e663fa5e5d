"""What a file format is: how it is recognised, read, and brought to eV, Å, eV/Å and eV/Å³."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ase import Atoms, units

HEAD = 4096
"""Bytes from a file's beginning by which it is recognised."""

ENERGY_UNITS: Mapping[str, float] = {"ev": 1.0, "kcal/mol": units.kcal / units.mol, "hartree": units.Hartree}


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    name
        What people call it.
    read
        The structures of a file, one after the other. References are named ``energy``, ``forces`` and ``stress``, or as
        the file names them; labels ``group`` and ``id``.
    beginning
        A pattern of the first `HEAD` bytes, decompressed, of such files; a file that has it is of this format.
    suffixes
        Endings of the names of such files, where the pattern is not enough.
    notes
        What is always assumed.
    settle
        Where a file doesn't tell its units: brings the structures that were read to ours, in place, from the units
        asked for or from those they seem to be in, and returns what was assumed.
    units
        The units that may be asked for.
    """

    name: str
    read: Callable[[Path], Iterator[Atoms]]
    beginning: bytes | None = None
    suffixes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settle: Callable[[Sequence[Atoms], str | None], list[str]] | None = None
    units: tuple[str, ...] = ()

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether a file is of this format, from its path and its first bytes."""
        if self.beginning is not None and re.match(self.beginning, head, re.DOTALL):
            return True
        return ending(path) in self.suffixes


def stem(path: Path) -> str:
    """The file's name without its endings: ``silicon`` of ``silicon.xyz.gz``."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).stem


def ending(path: Path) -> str:
    """The file's last ending in lower case, that of compression left out: ``.xyz`` of ``silicon.xyz.gz``."""
    return (Path(path.stem) if path.suffix.lower() == ".gz" else path).suffix.lower()


def content(path: Path) -> bytes:
    """All of a file, decompressed."""
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix.lower() == ".gz" else raw


def binary(path: Path) -> IO[bytes]:
    """A file to read from, decompressed. It is for the caller to close: NumPy leaves a damaged file open."""
    return io.BytesIO(content(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def text(path: Path) -> str:
    """All of a file's text, decompressed."""
    return content(path).decode("utf-8")


def head(path: Path) -> bytes:
    """A file's first bytes, decompressed."""
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rb") as compressed:
            return compressed.read(HEAD)
    with path.open("rb") as plain:
        return plain.read(HEAD)


def scale(frames: Sequence[Atoms], energy: float, length: float) -> None:
    """Multiply energies, forces, positions and cells, in place, to bring them from some units to ours.

    Parameters
    ----------
    energy, length
        The file's unit of energy in eV, and its unit of length in Å.
    """
    for atoms in frames:
        atoms.set_cell(atoms.cell[:] * length, scale_atoms=False)
        atoms.positions *= length
        if "energy" in atoms.info:
            atoms.info["energy"] *= energy
        if "forces" in atoms.arrays:
            atoms.arrays["forces"] = atoms.arrays["forces"] * (energy / length)
