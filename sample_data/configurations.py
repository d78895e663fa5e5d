"""What the generators of reference data make configurations with: strains, displacements, names, an order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from ase import Atoms

Array = npt.NDArray[np.float64]
Maker = Callable[[np.random.Generator], Sequence[Atoms]]
STEP, SHEAR = 0.01, 0.002  # Å and strain, of the copies for finite differences


def strain(atoms: Atoms, strain_cc: Array) -> Atoms:
    """Deform cell and positions by ``1 + strain``."""
    strained: Atoms = atoms.copy()
    strained.set_cell(strained.cell @ (np.eye(3) + strain_cc), scale_atoms=True)
    return strained


def at_volume(atoms: Atoms, ratio: float) -> Atoms:
    """Scale to `ratio` times the volume, evenly along all directions."""
    return strain(atoms, (ratio ** (1 / 3) - 1) * np.eye(3))


def random_strain(rng: np.random.Generator, amplitude: float) -> Array:
    """A symmetric strain with components up to `amplitude`."""
    strain_cc = rng.uniform(-amplitude, amplitude, (3, 3))
    return (strain_cc + strain_cc.T) / 2


def displaced(atoms: Atoms, rng: np.random.Generator, amplitude: float) -> Atoms:
    """Every atom displaced by a normal deviate of standard deviation `amplitude` (Å) along each axis."""
    moved: Atoms = atoms.copy()
    moved.positions += rng.normal(0, amplitude, moved.positions.shape)
    return moved


def shortest_distance(atoms: Atoms) -> float:
    """Å, periodic images included."""
    repeats = tuple(2 if periodic else 1 for periodic in atoms.pbc)
    distances = (atoms * repeats).get_all_distances(mic=bool(atoms.pbc.any()))
    return float(distances[distances > 1e-6].min())


def named(groups: Mapping[str, Maker], seed: int) -> list[Atoms]:
    """All configurations, group by group, the same at every call; a group does not depend on those before it."""
    everything = []
    for number, (group, make) in enumerate(groups.items()):
        for index, atoms in enumerate(make(np.random.default_rng([seed, number]))):
            atoms.info = {**atoms.info, "id": f"{group.replace(' ', '-')}-{index:03d}", "group": group}
            everything.append(atoms)
    return everything


def interleaved(everything: Sequence[Atoms]) -> list[Atoms]:
    """The same, in an order that makes every group grow alike, so that an unfinished set is still a fair one."""
    groups = [atoms.info["group"] for atoms in everything]

    def progress(atoms: Atoms) -> float:
        index = int(str(atoms.info["id"]).rsplit("-", 1)[1])
        size = groups.count(atoms.info["group"])
        return (index * 7 % size) / size

    return sorted(everything, key=progress)


def finite_difference_copies(everything: Sequence[Atoms], checked: Collection[str]) -> list[Atoms]:
    """Copies of some configurations, atom 3 moved along y by `STEP` or the cell strained by `SHEAR`, both ways."""
    copies = []
    for original in everything:
        if original.info["id"] not in checked:
            continue
        for sign in (-1, 1):
            moved = original.copy()
            moved.positions[3, 1] += sign * STEP
            xx, xy = np.zeros((3, 3)), np.zeros((3, 3))
            xx[0, 0], xy[0, 1], xy[1, 0] = sign * SHEAR, sign * SHEAR / 2, sign * SHEAR / 2
            for name, atoms in (("y3", moved), ("xx", strain(original, xx)), ("xy", strain(original, xy))):
                atoms.info = {**original.info, "id": f"check-{original.info['id']}-{name}{sign:+d}", "group": "check"}
                copies.append(atoms)
    return copies
