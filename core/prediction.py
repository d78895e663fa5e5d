"""What a potential says of some structures."""

from __future__ import annotations

from dataclasses import dataclass

from ._types import Array


@dataclass(frozen=True)
class Prediction:
    """Predicted energies and their derivatives.

    Attributes
    ----------
    energies
        Total energies, eV, shape (structures,).
    local_energies
        For each structure the energies of its atoms, eV, shape (atoms,).
    forces
        For each structure eV/Å, shape (atoms, 3).
    stresses
        eV/Å³, positive under tension as in ASE, Voigt order xx yy zz yz xz xy, shape (structures, 6); NaN for a structure
        whose cell has no volume.
    energy_std
        Standard deviations of the total energies, eV, shape (structures,), where the model has them.
    """

    energies: Array
    local_energies: tuple[Array, ...]
    forces: tuple[Array, ...]
    stresses: Array
    energy_std: Array | None = None

    def __len__(self) -> int:
        return len(self.energies)
