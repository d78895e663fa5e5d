"""Structures out of files and folders, with errors that say what is wrong with which file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ase import Atoms

from potscope.core.formats import FORMATS, Format, format_of
from potscope.core.formats.base import ENERGY_UNITS, ending, head, stem
from potscope.core.formats.energies import add_energies
from potscope.core.formats.xyz import SUFFIXES as XYZ_SUFFIXES
from potscope.core.labels import GROUP_NAMES
from potscope.core.validation import check_choice

__all__ = ["UNITS", "Reading", "read", "stem"]

UNITS = tuple(dict.fromkeys(name for found in FORMATS for name in found.units))
"""All units that may be asked for, of one format or another."""

FOLDERS: Mapping[str, Callable[[Path], bool]] = {
    "JSON": lambda path: ending(path) == ".json",
    "XYZ": lambda path: ending(path) in XYZ_SUFFIXES,
    "OUTCAR": lambda path: path.name.startswith("OUTCAR"),
    "vasprun.xml": lambda path: path.name.startswith("vasprun"),
}
"""What a folder may be full of, and the names of such files."""


@dataclass(frozen=True)
class Reading:
    """What was read from a file or a folder.

    Attributes
    ----------
    structures
        With what they carried, references in our units.
    places
        Where each was, for messages: the file and the frame.
    notes
        What was assumed.
    """

    structures: list[Atoms]
    places: list[str]
    notes: list[str]


def read(path: Path, units: str | None = None, energies: Path | None = None) -> Reading:
    """Every structure of a file or a folder.

    Parameters
    ----------
    path
        A file of one of `potscope.core.formats.FORMATS`; ``.gz`` may follow its name. Or a folder of JSON, of XYZ, of
        OUTCAR or of vasprun.xml files, at any depth.
    units
        The file's units, where it doesn't tell them. With `energies`, the unit of these.
    energies
        A file with an energy for each structure; see `potscope.core.formats.energies`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file is empty or cannot be understood.
    """
    _check_there(path, "`files`")
    asked = None if units is None else check_choice("units", units.lower() if isinstance(units, str) else units, UNITS)
    if energies is not None:
        _check_there(energies, "`energies`")
        if asked is not None:
            check_choice("units", asked, ENERGY_UNITS)
    of_structures = None if energies else asked
    reading = _read_folder(path, of_structures) if path.is_dir() else _read_file(path, path.name, of_structures)
    if energies is None:
        return reading
    notes = add_energies(reading.structures, energies, asked)
    return replace(reading, notes=[*reading.notes, *notes])


def _check_there(path: Path, argument: str) -> None:
    if not path.exists():
        raise FileNotFoundError(f"{argument}: no such file: {path}")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"{argument}: {path.name} is empty")


def _read_file(path: Path, label: str, asked: str | None) -> Reading:
    frames: list[Atoms] = []
    try:
        found = format_of(path, head(path))
        for atoms in found.read(path):
            frames.append(atoms)
    # readers let out whatever the bytes of a foreign file lead to: KeyError, AssertionError, struct.error ...
    except Exception as error:
        where = f"`files`: {label}, frame {len(frames)}"
        raise ValueError(f"{where}: could not be read as a structure: {_reason(error)}") from error
    if not frames:
        raise ValueError(f"`files`: {label} holds no structures")
    return Reading(
        frames, [f"{label}, frame {index}" for index in range(len(frames))], _settle(found, frames, label, asked)
    )


def _reason(error: Exception) -> str:
    if type(error) is ValueError:
        return str(error)
    return f"{type(error).__name__}: {error}".splitlines()[0][:200].rstrip(": ")


def _settle(found: Format, frames: list[Atoms], label: str, asked: str | None) -> list[str]:
    if asked is not None and asked not in found.units:
        expected = f"one of {', '.join(map(repr, found.units))}" if found.units else "none, since these are known"
        raise ValueError(f"`units`: {label} is read as {found.name}; expected {expected}, got {asked!r}")
    if found.settle is None:
        return list(found.notes)
    try:
        return [*found.notes, *found.settle(frames, asked)]
    except ValueError as error:
        raise ValueError(f"`files`: {label}: {error}") from error


def _read_folder(folder: Path, asked: str | None) -> Reading:
    """All files of a folder that are of one kind, by name; a file's folder in it is its group."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: _natural(path, folder))
    kinds = {kind: [path for path in files if belongs(path)] for kind, belongs in FOLDERS.items()}
    kinds = {kind: paths for kind, paths in kinds.items() if paths}
    if len(kinds) != 1:
        there = ", ".join(f"{len(paths)} {kind}" for kind, paths in kinds.items()) or "none of these"
        raise ValueError(f"`files`: expected a folder of files of one kind, {', '.join(FOLDERS)}; {folder} has {there}")
    (paths,) = kinds.values()
    whole = Reading([], [], [])
    for path in paths:
        within = path.relative_to(folder)
        part = _read_file(path, str(folder.name / within), asked)
        _label(part.structures, within)
        whole.structures.extend(part.structures)
        whole.places.extend(part.places)
        whole.notes.extend(note for note in part.notes if note not in whole.notes)
    return whole


def _natural(path: Path, folder: Path) -> list[tuple[int, str]]:
    """A key to sort by that puts ``a10`` after ``a9``."""
    pieces = re.findall(r"\d+|\D+", str(path.relative_to(folder)))
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces]


def _label(structures: list[Atoms], within: Path) -> None:
    """Name structures that have no name after their file, and their group after the folder it is in."""
    name = str(within.parent / stem(within))
    for index, atoms in enumerate(structures):
        atoms.info.setdefault("id", name if len(structures) == 1 else f"{name}:{index}")
        if len(within.parts) > 1 and not any(key in atoms.info for key in GROUP_NAMES):
            atoms.info["group"] = within.parts[0]
