"""What a potential says of some structures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array


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
    """

    energies: Array
    local_energies: tuple[Array, ...] | None
    forces: tuple[Array, ...]
    stresses: Array
    energy_std: Array | None = None

    def __post_init__(self) -> None:
        n = len(self.energies)
        expected = {"energies": (n,), "stresses": (n, 6), "energy_std": (n,)}
        for name, shape in expected.items():
            values = getattr(self, name)
            if values is not None and np.shape(values) != shape:
                raise ValueError(f"`{name}`: expected shape {shape}, got {np.shape(values)}")
        for name in ("local_energies", "forces"):
            values = getattr(self, name)
            if values is not None and len(values) != n:
                raise ValueError(f"`{name}`: expected one for each of {n} structures, got {len(values)}")
        for s, (energies_n, forces_nc) in enumerate(
            zip(self.local_energies or (), self.forces, strict=self.local_energies is not None)
        ):
            if forces_nc.shape != (len(energies_n), 3):
                raise ValueError(f"`forces`[{s}]: expected shape {(len(energies_n), 3)}, got {forces_nc.shape}")

    def __len__(self) -> int:
        return len(self.energies)

    def __repr__(self) -> str:
        n_atoms = sum(len(forces_nc) for forces_nc in self.forces)
        std = "without" if self.energy_std is None else "with"
        return f"Prediction({len(self)} structures, {n_atoms} atoms, {std} standard deviations)"
