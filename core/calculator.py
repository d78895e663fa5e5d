"""Any fitted potential as an ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from potscope.core.models.base import Potential


class PotentialCalculator(Calculator):
    """ASE calculator of a fitted potential: energy, energies, free energy, forces, stress, ``energy_std``.

    Units are ASE's: eV, eV/Å, eV/Å³. The stress is there for cells of three vectors, the
    energies of atoms for potentials that are sums over atoms. The standard deviation of the
    energy costs more than the energy, so it is computed when asked for by ``calculator.get_property("energy_std",
    atoms)``.

    Parameters
    ----------
    potential
        Fitted.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress", "energy_std"]  # noqa: RUF012 - ASE's

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        potential.check_fitted()
        self.potential = potential

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute everything but the standard deviation, and that too if asked for."""
        if atoms is None:
            raise ValueError("`atoms`: expected a structure, got None")
        super().calculate(atoms, properties, system_changes)
        wants_std = "energy_std" in properties and self.potential.has_energy_std
        prediction = self.potential.evaluate([atoms], energy_std=wants_std)
        energy = float(prediction.energies[0])
        self.results: dict[str, Any] = {
            "energy": energy,
            "free_energy": energy,
            "forces": prediction.forces[0],
        }
        if prediction.local_energies is not None:
            self.results["energies"] = prediction.local_energies[0]
        if np.isfinite(prediction.stresses[0]).all():
            self.results["stress"] = prediction.stresses[0]
        if prediction.energy_std is not None:
            self.results["energy_std"] = float(prediction.energy_std[0])
