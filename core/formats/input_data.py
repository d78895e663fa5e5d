r"""`input.data` of n2p2 and RuNNer.

A structure stands between `begin` and `end`; between them are lines that start with a word::

    comment <any text>
    lattice <ax> <ay> <az>                                 three of them, or none for what is not periodic
    atom    <x> <y> <z> <element> <charge> <(unused)> <fx> <fy> <fz>
    energy  <total energy>
    charge  <total charge>

The units are the writer's choice; RuNNer's are Bohr and Hartree. They are told apart by the distances between
neighbours: in Å they are about the sum of the covalent radii, in Bohr 1.89 times as much.

References
----------
A. Singraber, J. Behler, C. Dellago, J. Chem. Theory Comput. 15, 1827 (2019). doi:10.1021/acs.jctc.8b00770
B. Cordero et al., Dalton Trans. 2832 (2008), the covalent radii. doi:10.1039/b801115j
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

from potscope.core._types import Array
from potscope.core.formats.base import Format, scale, text
from potscope.core.formats.numbers import elements

UNITS: Mapping[str, tuple[float, float]] = {"ev-angstrom": (1.0, 1.0), "hartree-bohr": (units.Hartree, units.Bohr)}
"""Units of energy and length, in eV and Å."""
SURELY_ANGSTROM, SURELY_BOHR = 1.3, 1.45
"""Neighbours' distance over the sum of their covalent radii: below it is in Å, above in Bohr."""
FARTHEST = 2.5
"""Beyond this many times the sum of the radii nothing is a neighbour."""
N_LOOKED_AT = 20


def read(path: Path) -> Iterator[Atoms]:
    """Every structure, in the file's units."""
    block: list[tuple[int, list[str]]] | None = None
    number = 0
    for number, line in enumerate(text(path).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if (words[0] == "begin") != (block is None):
            raise ValueError(f"line {number}: expected {'`begin`' if block is None else '`end`'}, got {line[:60]!r}")
        if words[0] == "begin":
            if len(words) > 1:
                raise ValueError(f"line {number}: expected `begin` alone, got named columns, {line[:60]!r}")
            block = []
        elif words[0] == "end":
            yield _structure(block or [])
            block = None
        elif block is not None:
            block.append((number, words))
    if block is not None:
        raise ValueError(f"line {number}: expected `end`, the file ends")


def _structure(lines: Sequence[tuple[int, list[str]]]) -> Atoms:
    rows = [_numbers(number, words[1:4] + words[7:10], 6) for number, words in lines if words[0] == "atom"]
    values_nq = np.array(rows, dtype=np.float64).reshape(-1, 6)
    cell = [_numbers(number, words[1:4], 3) for number, words in lines if words[0] == "lattice"]
    if len(cell) not in (0, 3):
        raise ValueError(f"line {lines[0][0]}: expected three lines `lattice` or none, got {len(cell)}")
    atoms = Atoms(
        elements([words[4] for _, words in lines if words[0] == "atom"]),
        values_nq[:, :3],
        cell=cell or None,
        pbc=bool(cell),
    )
    atoms.arrays["forces"] = values_nq[:, 3:]
    for number, words in lines:
        if words[0] in ("energy", "charge"):
            atoms.info[words[0]] = _numbers(number, words[1:2], 1)[0]
        elif words[0] == "comment":
            atoms.info["comment"] = " ".join(words[1:])
        elif words[0] not in ("atom", "lattice"):
            raise ValueError(
                f"line {number}: expected `atom`, `lattice`, `energy`, `charge` or `comment`, got {words[0]!r}"
            )
    return atoms


def _numbers(number: int, words: Sequence[str], count: int) -> list[float]:
    try:
        found = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"line {number}: expected numbers, got {' '.join(words)!r}") from None
    if len(found) < count:
        raise ValueError(f"line {number}: expected {count} numbers, got {len(found)}")
    return found


def settle(frames: Sequence[Atoms], asked: str | None) -> list[str]:
    """Bring everything to eV and Å; where no units were asked for, tell them by the distances."""
    notes = []
    if asked is None:
        asked, reason = _guess(frames)
        notes.append(f"units: taken to be {asked}, since {reason}; choose with `units`")
    scale(frames, *UNITS[asked])
    if not any(atoms.arrays["forces"].any() for atoms in frames):
        notes.append("forces: all are zero; if they are just unknown, leave them out with an empty `forces_key`")
    return notes


def _guess(frames: Sequence[Atoms]) -> tuple[str, str]:
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), N_LOOKED_AT)).round().astype(int))
    ratios_n = np.concatenate([_nearest(frames[s]) for s in chosen])
    either = " or ".join(map(repr, UNITS))
    if not len(ratios_n):
        raise ValueError(f"`units`: expected {either}; without neighbouring atoms they can't be told")
    ratio = float(np.median(ratios_n))
    if SURELY_ANGSTROM < ratio < SURELY_BOHR:
        raise ValueError(
            f"`units`: expected {either}; they can't be told, as nearest neighbours are {ratio:.2f} times the sum of "
            "their covalent radii apart"
        )
    name = "ev-angstrom" if ratio <= SURELY_ANGSTROM else "hartree-bohr"
    length = UNITS[name][1]
    return name, f"nearest neighbours are then {ratio * length:.2f} times the sum of their covalent radii apart"


def _nearest(atoms: Atoms) -> Array:
    """Distance of each atom's nearest neighbour over the sum of their covalent radii, for atoms that have one."""
    radii_n = covalent_radii[atoms.numbers]
    i_p, j_p, r_p = neighbor_list("ijd", atoms, FARTHEST * radii_n)
    nearest_n = np.full(len(atoms), np.inf)
    np.minimum.at(nearest_n, i_p, r_p / (radii_n[i_p] + radii_n[j_p]))
    return np.asarray(nearest_n[np.isfinite(nearest_n)])


INPUT_DATA = Format(
    "input.data of n2p2 or RuNNer",
    read,
    beginning=rb"\s*(#[^\n]*\n\s*)*begin\s",
    settle=settle,
    units=tuple(UNITS),
)
