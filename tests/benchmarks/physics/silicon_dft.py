"""References that the bundled sets lack: elastic constants and phonons of silicon, ``silicon_dft.py SCRATCH``.

With Quantum ESPRESSO's ``pw.x`` and the settings of the bundled silicon, about five CPU-minutes; writes
``silicon_dft.json`` beside this file. What symmetry gives is not computed: of a crystal of the point group m3̄m the
matrix of elastic constants follows from one stretch and one shear, and all force constants from one atom that is
moved along x.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from potscope.core.physics import phonons
from potscope.core.physics.elasticity import strained
from potscope.core.physics.vibrations import TERAHERTZ
from potscope.sample_data.espresso import SILICON, compute

LATTICE_CONSTANT = 5.4755  # Å, of the curve through the phase's energies
STRAIN, MOVED = 0.005, 0.02  # as of the checks
GRID, SUPERCELL_GRID = "7 7 7", "2 2 2"  # shifted; the second is as 4 × 4 × 4 of the crystal itself


def computed(atoms: Atoms, folder: Path) -> Atoms:
    """As `espresso.compute` gives it, once."""
    kept = folder / "done.xyz"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        found = compute(atoms, folder, SILICON)
        found.info["REF_stress"] = found.info["REF_stress"].tolist()
        ase.io.write(kept, found, format="extxyz")
    return ase.io.read(kept, format="extxyz")


def elastic(scratch: Path, optical: float) -> dict[str, float]:
    """C11, C12 and C44, and C44 of atoms that do not relax, GPa.

    Both ways, as the grid of k-points has not all the symmetry of the crystal. What relaxation takes off C44 follows
    from the forces on the two atoms of the sheared cell and from the optical frequency at the centre of the zone, THz.
    """
    crystal = bulk("Si", a=LATTICE_CONSTANT)
    crystal.info["k_grid"] = GRID

    def by_strain(component: int) -> tuple[np.ndarray, float]:
        """Change of the stress, GPa, and of the force of one atom, eV/Å."""
        both = []
        for amount in (STRAIN, -STRAIN):
            atoms = strained(crystal, amount * np.eye(6)[component])
            both.append(computed(atoms, scratch / f"strain-{component}-{amount:+g}"))
        stresses = [np.array(found.info["REF_stress"]) / units.GPa for found in both]
        forces = [found.arrays["REF_forces"][0] for found in both]
        change_c = (forces[0] - forces[1]) / (2 * STRAIN)
        return (stresses[0] - stresses[1]) / (2 * STRAIN), float(np.linalg.norm(change_c))

    stretched, _ = by_strain(0)
    sheared, force = by_strain(3)
    stiffness = crystal.get_masses()[0] / 2 * (optical / TERAHERTZ) ** 2
    return {
        "C11": stretched[0],
        "C12": (stretched[1] + stretched[2]) / 2,
        "C44": sheared[3] - force**2 / stiffness / crystal.get_volume() / units.GPa,
        "C44, atoms not relaxed": sheared[3],
    }


class BySymmetry(SinglePointCalculator):
    """Forces of a supercell of diamond with one atom moved along an axis, from those of one that was computed."""

    def __init__(self, moved: Atoms, perfect: Atoms) -> None:
        super().__init__(moved)
        self.perfect = perfect
        self.force_nc = moved.arrays["REF_forces"]

    def get_property(self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True):  # noqa: ARG002
        """Forces alone."""
        step_nc = atoms.positions - self.perfect.positions
        atom, axis = np.unravel_index(np.abs(step_nc).argmax(), step_nc.shape)
        if not np.abs(step_nc).max() > 0:
            return np.zeros_like(step_nc)
        for operation_cc in operations():
            if operation_cc[axis, 0] == np.sign(step_nc[atom, axis]):
                found = self.turned(operation_cc, int(atom))
                if found is not None:
                    return found
        raise ValueError("no symmetry leads there")

    def turned(self, operation_cc: np.ndarray, atom: int) -> np.ndarray | None:
        """Forces after an operation that takes the first atom to another; None where the crystal is not the same."""
        start_nc = self.perfect.positions - self.perfect.positions[0]
        goal_nc = self.perfect.positions - self.perfect.positions[atom]
        apart_nmc = (start_nc @ operation_cc.T)[:, None] - goal_nc
        whole_nmc = apart_nmc @ np.linalg.inv(self.perfect.cell.array)
        same_nm = np.abs(whole_nmc - np.round(whole_nmc)).max(axis=2) < 1e-6
        if not same_nm.any(axis=1).all():
            return None
        force_nc = np.empty_like(self.force_nc)
        force_nc[same_nm.argmax(axis=1)] = self.force_nc @ operation_cc.T
        return force_nc


def operations() -> list[np.ndarray]:
    """The 48 of a cube."""
    return [
        np.diag(signs) @ np.eye(3)[list(order)]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]


def frequencies(scratch: Path) -> dict[str, list[float]]:
    """At the points of the Brillouin zone that fit in 2 × 2 × 2 cells, THz."""
    crystal = bulk("Si", a=LATTICE_CONSTANT)
    perfect = crystal * (2, 2, 2)
    moved = perfect.copy()
    moved.positions[0, 0] += MOVED
    moved.info["k_grid"] = SUPERCELL_GRID
    source = BySymmetry(computed(moved, scratch / "moved"), perfect)
    points = {name: crystal.cell.bandpath(npoints=0).special_points[name] for name in "GXL"}
    found = phonons(source, crystal, points, repeats=2, displacement=MOVED)
    return {name: frequency_k.tolist() for name, frequency_k in found.frequencies.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scratch", type=Path, help="folder to compute in; what is there is not computed again")
    scratch = parser.parse_args().scratch
    known = frequencies(scratch)
    found = {"elastic constants, GPa": elastic(scratch, known["G"][-1]), "phonons, THz": known}
    Path(__file__).with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
