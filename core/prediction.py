"""What a potential says of some structures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array

OF_ATOMS: dict[str, tuple[int, ...]] = {
    "local_energies": (),
    "forces": (3,),
    "local_energy_std": (),
    "force_std": (3,),
    "extrapolation": (),
}
"""What a prediction says of each atom of each structure, and the shape of that."""


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """Predicted energies and their derivatives.

    Attributes
    ----------
    energies
        Total energies, eV, shape (structures,).
    local_energies
        For each structure the energies of its atoms, eV, shape (atoms,); None where the model has no such thing.
    forces
        For each structure eV/Å, shape (atoms, 3).
    stresses
        eV/Å³, positive under tension as in ASE, Voigt order xx yy zz yz xz xy, shape (structures, 6); NaN for a
        structure whose cell has no volume.
    energy_std
        Standard deviations of the total energies, eV, shape (structures,), where the model has them.
    local_energy_std
        For each structure those of the energies of its atoms, eV, shape (atoms,), where they were asked for.
    force_std
        For each structure those of the forces, eV/Å, shape (atoms, 3), where they were asked for.
    extrapolation
        For each structure the MaxVol grade of its atoms' environments, no unit, shape (atoms,), where it was asked for:
        up to one within what the potential has learnt from, larger outside.
    """

    energies: Array
    local_energies: tuple[Array, ...] | None
    forces: tuple[Array, ...]
    stresses: Array
    energy_std: Array | None = None
    local_energy_std: tuple[Array, ...] | None = None
    force_std: tuple[Array, ...] | None = None
    extrapolation: tuple[Array, ...] | None = None

    def __post_init__(self) -> None:
        n = len(self.energies)
        expected = {"energies": (n,), "stresses": (n, 6), "energy_std": (n,)}
        for name, shape in expected.items():
            values = getattr(self, name)
            if values is not None and np.shape(values) != shape:
                raise ValueError(f"`{name}`: expected shape {shape}, got {np.shape(values)}")
        for name in OF_ATOMS:
            values = getattr(self, name)
            if values is not None and len(values) != n:
                raise ValueError(f"`{name}`: expected one for each of {n} structures, got {len(values)}")
        sizes = [len(of_atoms) for of_atoms in (self.forces if self.local_energies is None else self.local_energies)]
        for name, rest in OF_ATOMS.items():
            for s, of_atoms in enumerate(getattr(self, name) or ()):
                if np.shape(of_atoms) != (sizes[s], *rest):
                    raise ValueError(f"`{name}`[{s}]: expected shape {(sizes[s], *rest)}, got {np.shape(of_atoms)}")

    def __len__(self) -> int:
        return len(self.energies)

    def __repr__(self) -> str:
        n_atoms = sum(len(forces_nc) for forces_nc in self.forces)
        std = "without" if self.energy_std is None else "with"
        return f"Prediction({len(self)} structures, {n_atoms} atoms, {std} standard deviations)"
