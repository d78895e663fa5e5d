"""Any fitted potential as an ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.outputs import Properties, all_outputs

from potscope.core.models.base import LocalPotential, Potential
from potscope.core.prediction import Prediction
from potscope.core.validation import check_not_negative
from potscope.core.verlet import VerletList

OF_ATOMS = ("local_energy_std", "force_std", "extrapolation")


class PotentialCalculator(Calculator):
    """ASE calculator of a fitted potential, with neighbours that are searched only when atoms have moved some way.

    ===================== ======== ==============================================================
    ``energy``            eV       and ``free_energy``, the same
    ``forces``            eV/Å
    ``stress``            eV/Å³    for cells of three vectors
    ``energies``          eV       of the atoms, for potentials that are sums over atoms
    ``energy_std``        eV       standard deviation, for potentials that have it
    ``local_energy_std``  eV       those of the atoms' energies
    ``force_std``         eV/Å     and of the forces
    ``extrapolation``     1        grade of each atom, see `Prediction`
    ===================== ======== ==============================================================

    The last four cost more than the rest, so they are computed when asked for, as by
    ``calculator.get_property("energy_std", atoms)``.

    Parameters
    ----------
    potential
        Fitted.
    skin
        How far beyond the potential's reach neighbours are remembered, Å; see `VerletList`. It changes the time that a
        step takes, not its result. Without meaning for potentials that are not `LocalPotential`.
    """

    implemented_properties = [  # noqa: RUF012 - ASE's
        "energy",
        "free_energy",
        "energies",
        "forces",
        "stress",
        "energy_std",
        *OF_ATOMS,
    ]

    def __init__(self, potential: Potential, skin: float = 0.5) -> None:
        super().__init__()
        potential.check_fitted()
        self.potential = potential
        self.skin = check_not_negative("skin", skin)
        self._neighbours = VerletList(potential.reach, self.skin) if isinstance(potential, LocalPotential) else None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute everything but standard deviations and grades, and those too if asked for."""
        if atoms is None:
            raise ValueError("`atoms`: expected a structure, got None")
        super().calculate(atoms, properties, system_changes)
        prediction = self._evaluate(
            atoms,
            energy_std="energy_std" in properties and self.potential.has_energy_std,
            atom_std=any(name in properties for name in OF_ATOMS),
        )
        before: dict[str, Any] = {} if system_changes else self.results
        self.results: dict[str, Any] = {**before, **_results(prediction)}

    def export_properties(self) -> Properties:
        """The results that have a name in ASE; it refuses to export others."""
        return Properties({name: value for name, value in self.results.items() if name in all_outputs})

    def _evaluate(self, atoms: Atoms, energy_std: bool, atom_std: bool) -> Prediction:
        if self._neighbours is None or not isinstance(self.potential, LocalPotential):
            return self.potential.evaluate([atoms], energy_std, atom_std)
        return self.potential.evaluate_pairs([atoms], self._neighbours.pairs(atoms), energy_std, atom_std)


def _results(prediction: Prediction) -> dict[str, Any]:
    """What is known of the one structure, by the names of ASE."""
    energy = float(prediction.energies[0])
    found: dict[str, Any] = {"energy": energy, "free_energy": energy, "forces": prediction.forces[0]}
    if prediction.local_energies is not None:
        found["energies"] = prediction.local_energies[0]
    if np.isfinite(prediction.stresses[0]).all():
        found["stress"] = prediction.stresses[0]
    if prediction.energy_std is not None:
        found["energy_std"] = float(prediction.energy_std[0])
    for name in OF_ATOMS:
        values = getattr(prediction, name)
        if values is not None:
            found[name] = values[0]
    return found
