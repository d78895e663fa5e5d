"""The energy by composition alone: what any potential has to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.descriptors.base import check_species
from potscope.core.models.base import Potential
from potscope.core.models.offsets import least_squares_offsets, offsets_of
from potscope.core.models.training import with_energies
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, silent
from potscope.core.validation import check_geometry


@dataclass(eq=False)
class CompositionModel(Potential):
    r"""Energies of the elements and nothing else.

    .. math:: E = \sum_z N_z e_z, \qquad
        \min_{\mathbf e} \sum_s \left(\frac{E_s - \sum_z N_{sz} e_z}{N_s}\right)^2

    The smallest solution is taken where the compositions do not determine it. Forces and stresses are zero. A potential
    that is no better has learnt nothing of the structures. There are no standard deviations but a `Committee`'s.

    Attributes
    ----------
    species_, offsets_
        The elements of the data, and their energies :math:`e_z`, eV.
    """

    title: ClassVar[str] = "Composition only"
    descriptor_scope: ClassVar = "none"
    learns_forces: ClassVar[bool] = False
    feels_positions: ClassVar[bool] = False

    groups_: dict[str, Any] = field(init=False, repr=False)
    species_: tuple[str, ...] = field(init=False, repr=False)
    offsets_: Array = field(init=False, repr=False)

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "offsets_")

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Learn from energies; forces and stresses are not looked at.

        Parameters
        ----------
        train
            Structures with energies; those without are left out.
        progress
            Called before and after; it may raise `Cancelled`, and then the potential is as before.
        groups
            None: the family has no settings of groups.

        Raises
        ------
        ValueError
            If there is no energy to fit to.
        """
        given = self.checked_groups(train, groups)
        progress(0.0, "energies of the elements")
        known = with_energies(train)
        offsets_z = least_squares_offsets(known, known.species)
        progress(0.9, "solved")
        self.groups_, self.species_, self.offsets_ = given, known.species, offsets_z
        progress(1.0, "fitted")
        return self

    def evaluate(
        self,
        structures: Sequence[Atoms],
        energy_std: bool = False,  # noqa: ARG002 - has none
        atom_std: bool = False,  # noqa: ARG002 - has none
    ) -> Prediction:
        """Predict for structures few enough to be held in memory at once; see `Potential.evaluate`."""
        check_species(type(self).__name__, self.species_, structures)
        for index, atoms in enumerate(structures):
            if len(atoms):
                check_geometry(atoms, f"`structures`[{index}]")
        local = tuple(offsets_of(atoms.numbers, self.species_, self.offsets_) for atoms in structures)
        flat_s = np.array([atoms.cell.rank < 3 for atoms in structures], dtype=bool)
        return Prediction(
            energies=np.array([energies_n.sum() for energies_n in local]),
            local_energies=local,
            forces=tuple(np.zeros((len(atoms), 3)) for atoms in structures),
            stresses=np.where(flat_s[:, None], np.nan, np.zeros((len(structures), 6))),
        )

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""
        plain = {"hyperparameters": self.hyperparameters(), "species": list(self.species_)}
        return plain, {"offsets_z": self.offsets_}

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        potential = cls(**plain["hyperparameters"])
        potential.species_, potential.offsets_ = tuple(plain["species"]), arrays["offsets_z"]
        if potential.offsets_.shape != (len(potential.species_),):
            raise ValueError(f"expected an energy for each of {potential.species_}, got {potential.offsets_.shape}")
        return potential
