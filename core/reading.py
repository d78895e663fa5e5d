"""Structures out of files, as they stand there, with errors that say what is wrong with which file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import ase.db
import ase.io
from ase import Atoms
from ase.io.extxyz import read_xyz

DATABASE_SUFFIXES = (".db", ".json")
XYZ_SUFFIXES = (".xyz", ".extxyz")


def stem(path: Path) -> str:
    """The file's name without its endings: ``silicon`` of ``silicon.xyz.gz``."""
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return plain.stem


def read_frames(path: Path) -> list[Atoms]:
    """Every structure of a file.

    Parameters
    ----------
    path
        Extended or plain XYZ (``.xyz``, ``.extxyz``), an ASE database (``.db``, ``.json``), or anything else that
        `ase.io.read` knows, a trajectory for one. ``.gz`` may follow.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty or cannot be understood.
    """
    if not path.exists():
        raise FileNotFoundError(f"`files`: no such file: {path}")
    if path.is_dir():
        raise ValueError(f"`files`: expected a file, got the folder {path}")
    if path.stat().st_size == 0:
        raise ValueError(f"`files`: {path.name} is empty")
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    read = _read_database if suffix in DATABASE_SUFFIXES else _read_xyz if suffix in XYZ_SUFFIXES else _read_other
    frames: list[Atoms] = []
    try:
        for atoms in read(path):
            frames.append(atoms)
    # ASE's readers let out whatever the bytes of a foreign file lead to: KeyError, AssertionError, struct.error ...
    except Exception as error:
        where = f"`files`: {path.name}, frame {len(frames)}"
        raise ValueError(f"{where}: could not be read as a structure: {_reason(error)}") from error
    if not frames:
        raise ValueError(f"`files`: {path.name} holds no structures")
    return frames


def _reason(error: Exception) -> str:
    if type(error) is ValueError:
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0][:200].rstrip(": ")


def _read_xyz(path: Path) -> Iterator[Atoms]:
    # in memory: ASE seeks back and forth, which takes minutes inside a compressed file
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    for chunk in _xyz_frames(text.splitlines()):
        try:
            yield from read_xyz(io.StringIO("\n".join(chunk) + "\n"), index=slice(None))
        except KeyError as error:
            symbol = str(error.args[0]) if error.args else ""
            if any(line.split()[:1] == [symbol] for line in chunk[2:]):
                raise ValueError(f"unknown element {symbol!r}") from error
            raise


def _xyz_frames(lines: list[str]) -> Iterator[list[str]]:
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


def _read_database(path: Path) -> Iterator[Atoms]:
    with ase.db.connect(path, serial=True, use_lock_file=False) as database:
        for row in database.select():
            atoms = row.toatoms()
            atoms.info = {**row.data, **row.key_value_pairs}
            yield atoms


def _read_other(path: Path) -> Iterator[Atoms]:
    yield from ase.io.iread(path, index=":")
