"""Energies in a file of their own, beside the structures: one number a line, or a name and numbers.

A name is that of a structure: its ``id`` (which is its file's name where a folder was read), its ``name``, or the first
word of its comment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.formats.base import ENERGY_UNITS, stem, text

MUCH = 20.0
"""eV for each atom: as a typical atomisation energy not in eV."""


def add_energies(frames: Sequence[Atoms], file: Path, asked: str | None) -> list[str]:
    """Put each structure's energy among its values, in eV, under the name of the file.

    Parameters
    ----------
    frames
        The structures.
    file
        The energies. A line that starts with ``#`` is passed over, ``nan`` means unknown. Names may end in ``.xyz``; of
        several columns after them the first is used.
    asked
        Their unit, one of `ENERGY_UNITS`; eV if it is None.

    Returns
    -------
    notes
        What was assumed.

    Raises
    ------
    ValueError
        If there is not one number for each structure. The message names the file and the line.
    """
    rows = [(number, line.split()) for number, line in enumerate(text(file).splitlines(), start=1)]
    rows = [(number, words) for number, words in rows if words and not words[0].startswith("#")]
    if not rows:
        raise ValueError(f"`energies`: {file.name} holds no numbers")
    if all(len(words) == 1 for _, words in rows):
        values_s, notes = _in_order(rows, frames, file)
    else:
        values_s, notes = _by_name(rows, frames, file)
    factor = ENERGY_UNITS[asked or "ev"]
    for atoms, energy in zip(frames, values_s, strict=True):
        if not np.isnan(energy):
            atoms.info[file.name] = float(energy) * factor
    return [*notes, *_on_units(frames, values_s, file, asked)]


def _number(word: str, number: int, file: Path) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"`energies`: {file.name}, line {number}: expected a number, got {word[:40]!r}") from None


def _in_order(rows: Sequence[tuple[int, list[str]]], frames: Sequence[Atoms], file: Path) -> tuple[Array, list[str]]:
    if len(rows) != len(frames):
        raise ValueError(
            f"`energies`: expected one for each of {len(frames)} structures, got {len(rows)} in {file.name}"
        )
    values_s = np.array([_number(words[0], number, file) for number, words in rows])
    return values_s, [f"energies: from {file.name}, in the order of the structures"]


def _by_name(rows: Sequence[tuple[int, list[str]]], frames: Sequence[Atoms], file: Path) -> tuple[Array, list[str]]:
    known: dict[str, float] = {}
    for number, words in rows:
        name = _plain(words[0])
        if len(words) < 2:
            raise ValueError(f"`energies`: {file.name}, line {number}: expected a name and a number, got {words[0]!r}")
        if name in known:
            raise ValueError(f"`energies`: {file.name}, line {number}: {words[0]!r} has an energy already")
        known[name] = _number(words[1], number, file)
    names = min(_namings(frames), key=lambda naming: sum(name not in known for name in naming))
    missing = [name for name in names if name not in known]
    if missing:
        raise ValueError(
            f"`energies`: {file.name} has no line for {missing[0]!r} and {len(missing) - 1} other structures of "
            f"{len(names)}; its first name is {rows[0][1][0]!r}"
        )
    notes = [f"energies: from {file.name}, by name"]
    n_columns = max(len(words) for _, words in rows)
    if n_columns > 2:
        notes.append(f"energies: {file.name} has {n_columns} columns, the second is used")
    n_others = len(known.keys() - set(names))
    if n_others:
        notes.append(f"energies: {n_others} in {file.name} belong to no structure")
    return np.array([known[name] for name in names]), notes


def _namings(frames: Sequence[Atoms]) -> list[list[str]]:
    """What the structures may be called: by id, by name, by comment."""
    return [
        [_plain((str(atoms.info.get(key, "")).split() or [""])[0]) for atoms in frames]
        for key in ("id", "name", "comment")
    ]


def _plain(name: str) -> str:
    return stem(Path(name)) if name.lower().endswith((".xyz", ".xyz.gz", ".extxyz")) else name


def _on_units(frames: Sequence[Atoms], values_s: Array, file: Path, asked: str | None) -> list[str]:
    if asked is not None:
        return [f"units: energies of {file.name} in {asked}"]
    known_s = ~np.isnan(values_s)
    per_atom_s = np.abs(values_s) / [len(atoms) for atoms in frames]
    typical = float(np.median(per_atom_s[known_s])) if known_s.any() else 0.0
    much = f", although they are typically {typical:.3g} an atom" if typical > MUCH else ""
    return [f"units: energies of {file.name} taken to be in eV{much}; choose with `units`"]
