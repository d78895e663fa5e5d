"""What the 3D view draws, as plain arrays: structures in, a dictionary the browser understands out.

Nothing here knows about Panel. The topology travels as PDB text because NGL reads no simpler format; the text holds
the elements and no coordinates, so that a new structure made of the same atoms needs no new parse. Positions and cells
travel beside it, in single precision, one set a frame, in the orientation the structure has.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, TypeAlias

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii, vdw_radii
from ase.data.colors import jmol_colors
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Scene: TypeAlias = dict[str, Any]

MAX_ATOMS = 99_999
"""The most atoms drawn at once, images included: PDB numbers atoms in five columns."""

MISSING_COVALENT_RADIUS = 0.2
"""ASE's entry (Å) for an element whose covalent radius is not known."""

FALLBACK_COVALENT_RADIUS = 1.5
"""Å, drawn where no covalent radius is known."""

VDW_MINUS_COVALENT_RADIUS = 0.8
"""Å, added to the covalent radius where no van der Waals radius is known; typical of the elements where both are."""

CELL_TURN_AND_TILT = (-18.0, -75.0)
"""Degrees about the structure's z axis, then about the screen's x axis."""

MOLECULE_TURN_AND_TILT = (-15.0, 12.0)
"""Degrees about the screen's y axis, then about its x axis."""

_scene_ids = count(1)


def as_trajectory(structures: Any) -> tuple[Atoms, ...]:
    """The frames of `object`, checked: none, one structure, or several made of the same atoms.

    Parameters
    ----------
    structures
        `ase.Atoms`, a list or tuple of them, or None.

    Raises
    ------
    TypeError, ValueError
        If it is something else, if the frames differ in their atoms, or if a number in them is not finite.
    """
    if structures is None:
        return ()
    frames = (structures,) if isinstance(structures, Atoms) else structures
    if not isinstance(frames, list | tuple) or not all(isinstance(frame, Atoms) for frame in frames):
        raise TypeError(f"`object` must be ase.Atoms, a list of ase.Atoms or None, not {_described(structures)}")
    for index, frame in enumerate(frames):
        if not np.array_equal(frame.numbers, frames[0].numbers):
            raise ValueError(
                "`object` must hold frames made of the same atoms in the same order; "
                f"frame 0 is {frames[0].symbols or 'empty'}, frame {index} is {frame.symbols or 'empty'}"
            )
        if not (np.isfinite(frame.positions).all() and np.isfinite(frame.cell.array).all()):
            raise ValueError(f"`object` must have finite positions and cell; frame {index} has NaN or infinity")
    return tuple(frames)


def effective_repeat(frames: Sequence[Atoms], repeat: tuple[int, int, int]) -> tuple[int, int, int]:
    """How often each cell vector is really repeated: a direction that is not periodic is drawn once."""
    if not frames:
        return (1, 1, 1)
    has_vector = np.all([np.linalg.norm(frame.cell.array, axis=1) > 1e-6 for frame in frames], axis=0)
    a, b, c = (int(n) if periodic else 1 for n, periodic in zip(repeat, frames[0].pbc & has_vector, strict=True))
    return (a, b, c)


def make_scene(frames: Sequence[Atoms], repeat: tuple[int, int, int] = (1, 1, 1)) -> Scene:
    """Everything the browser needs in order to draw `frames`.

    Returns
    -------
    dict
        `id` counts up with every scene. `problem` says why nothing can be drawn and is empty otherwise. `pdb` is the
        topology of what is drawn, images included, image after image: the atom drawn as number k is atom k modulo
        `n_atoms`. `positions` (frames · atoms · 3) and `cells` (frames · 9, or 9 where all are alike, or None) are Å.
        `species` lists symbol, colour and radii (Å); `species_of_atom` points into it. `orientation` is how a new
        structure is first seen, see `first_orientation`.
    """
    repeat = effective_repeat(frames, repeat)
    n_atoms = len(frames[0]) if frames else 0
    n_drawn = n_atoms * int(np.prod(repeat))
    scene: Scene = {
        "id": next(_scene_ids),
        "problem": "",
        "n_atoms": 0,
        "n_frames": len(frames),
        "repeat": list(repeat),
    }
    if n_drawn > MAX_ATOMS:
        scene["problem"] = f"{n_drawn:,} atoms are too many to draw: the 3D view takes up to {MAX_ATOMS:,}."
    elif n_drawn:
        scene |= _drawable(frames, n_drawn // n_atoms)
    return scene


def pdb_topology(symbols: Sequence[str]) -> str:
    """PDB text naming the elements alone; every coordinate is zero.

    The atom name is the same for all, so that no calcium ("CA") is taken for an alpha carbon.
    """
    record = "HETATM{serial:5d}  X   MOL A   1       0.000   0.000   0.000  1.00  0.00          {symbol:>2}\n"
    lines = (record.format(serial=serial, symbol=symbol.upper()) for serial, symbol in enumerate(symbols, start=1))
    return "".join(lines) + "END\n"


def first_orientation(atoms: Atoms) -> NDArray[np.float64]:
    """The rotation to begin with, as a quaternion (x, y, z, w) that turns the structure in front of a viewer at +z.

    A cell stands upright, c up and a to the right, seen a little from above and from the side: straight down an axis
    atoms hide each other. Without a cell the longest principal axis runs across and the shortest is looked along.
    """
    if atoms.cell.array.any():
        return Rotation.from_euler("zx", CELL_TURN_AND_TILT, degrees=True).as_quat()
    centred_nc = atoms.positions - atoms.positions.mean(axis=0)
    axes_cc = np.linalg.eigh(centred_nc.T @ centred_nc)[1].T[::-1]
    largest_c = np.abs(axes_cc).argmax(axis=1)
    axes_cc *= np.sign(axes_cc[np.arange(3), largest_c])[:, None]  # a sign of their own is not defined
    axes_cc[2] = np.cross(axes_cc[0], axes_cc[1])
    tilted = Rotation.from_euler("yx", MOLECULE_TURN_AND_TILT, degrees=True)
    return (tilted * Rotation.from_matrix(axes_cc)).as_quat()


def _drawable(frames: Sequence[Atoms], n_images: int) -> Scene:
    numbers, species_of_atom_n = np.unique(frames[0].numbers, return_inverse=True)
    return {
        "n_atoms": len(frames[0]),
        "pdb": pdb_topology(frames[0].get_chemical_symbols() * n_images),
        "positions": np.concatenate([frame.positions.ravel() for frame in frames]).astype(np.float32),
        "cells": _cells(frames),
        "orientation": [float(q) for q in first_orientation(frames[0])],
        "species": [_species(int(number)) for number in numbers],
        "species_of_atom": species_of_atom_n.astype(np.int32),
    }


def _cells(frames: Sequence[Atoms]) -> NDArray[np.float32] | None:
    cells = np.array([frame.cell.array.ravel() for frame in frames], dtype=np.float32)
    if not cells.any():
        return None
    return (cells[0] if np.ptp(cells, axis=0).max() < 1e-6 else cells).ravel()


def _species(number: int) -> dict[str, Any]:
    covalent = float(covalent_radii[number])
    if number and covalent == MISSING_COVALENT_RADIUS:
        covalent = FALLBACK_COVALENT_RADIUS
    vdw = float(vdw_radii[number]) if number < len(vdw_radii) else np.nan
    red, green, blue = (round(255 * float(channel)) for channel in jmol_colors[min(number, len(jmol_colors) - 1)])
    return {
        "symbol": chemical_symbols[number],
        "colour": f"#{red:02x}{green:02x}{blue:02x}",
        "covalent_radius": covalent,
        "vdw_radius": vdw if np.isfinite(vdw) else covalent + VDW_MINUS_COVALENT_RADIUS,
    }


def _described(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} of {', '.join(sorted({type(item).__name__ for item in value}))}"
    return type(value).__name__
