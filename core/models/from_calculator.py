"""Any ASE calculator as a potential: a reference, what another is fitted on top of, a row in a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.morse import MorsePotential

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.descriptors.base import check_species
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.base import Potential, joined
from potscope.core.models.offsets import least_squares_offsets, offsets_of
from potscope.core.models.training import with_energies
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import as_structures, shown

NAMED: dict[str, type[Any]] = {kind.__name__: kind for kind in (EMT, LennardJones, MorsePotential)}
"""Calculators that a file can name: made of numbers and words alone, and the same everywhere."""

ADDS_UP = 1e-6  # eV/atom; energies of atoms whose sum is farther than this from the energy are of something else


class CalculatorFailed(RuntimeError):
    """A calculator could not do a structure; the message says which."""


@dataclass(eq=False)
class FromCalculator(Potential):
    r"""An ASE calculator through the interface of all potentials.

    .. math:: E = E_\text{calculator} + \sum_i e_{z_i}

    The energies of the elements :math:`e_z` bring the zero of the calculator's energies to that of the data. They are
    all that a fit learns, those that come nearest to the differences; zero, and known without a fit, where
    `fit_offsets` is off. Where the calculator has a free energy that is taken, as the forces belong to it. Local
    energies are there where the calculator has energies of atoms that add up to its energy, stresses where it has them.

    Parameters
    ----------
    ase_calculator
        Energies in eV, forces in eV/Å, stresses in eV/Å³ with ASE's sign.
    fit_offsets
        As declared; see ``declared(FromCalculator)``.

    Attributes
    ----------
    species_, offsets_
        The elements of the data, and their energies :math:`e_z`, eV; elements without an offset have zero.

    Raises
    ------
    TypeError
        If it is no ASE calculator.
    """

    title: ClassVar[str] = "ASE calculator"
    descriptor_scope: ClassVar = "none"
    extensive: ClassVar[bool] = False
    learns_forces: ClassVar[bool] = False

    ase_calculator: Any
    fit_offsets: bool = hyperparameter(
        "Whether a fit shifts the energy of each element to that of the data.", default=True
    )

    groups_: dict[str, Any] = field(init=False, repr=False)
    species_: tuple[str, ...] = field(init=False, repr=False)
    offsets_: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the calculator and the hyperparameters."""
        super().__post_init__()
        if isinstance(self.ase_calculator, type) or not hasattr(self.ase_calculator, "get_property"):
            raise TypeError(f"`ase_calculator`: expected an ASE calculator such as EMT(), got {self.ase_calculator!r}")
        if not self.fit_offsets:
            self._keep({}, (), np.empty(0))

    def _keep(self, groups: dict[str, Any], species: tuple[str, ...], offsets_z: Array) -> None:
        self.groups_, self.species_, self.offsets_ = groups, species, offsets_z

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, fit_offsets={self.fit_offsets})"

    @property
    def name(self) -> str:
        """What the calculator is called."""
        return type(self.ase_calculator).__name__

    @property
    def fitted(self) -> bool:
        """Whether the offsets are known."""
        return hasattr(self, "offsets_")

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Learn the energies of the elements, or nothing; forces and stresses are not looked at.

        Parameters
        ----------
        train
            Structures with energies; those without are left out.
        progress
            Called before every structure; it may raise `Cancelled`, and then the potential is as before.
        groups
            None: there are no settings of groups.

        Raises
        ------
        ValueError
            If there is no energy to fit to.
        CalculatorFailed
            If the calculator cannot do a structure.
        """
        given = self.checked_groups(train, groups)
        progress(0.0, self.name)
        if not self.fit_offsets:
            progress(1.0, "nothing to fit")
            return self
        known = with_energies(train)
        alone = replace(self, fit_offsets=False)
        predicted = alone.predict(known, part(progress, 0.0, 0.95))
        offsets_z = least_squares_offsets(replace(known, energies=known.energies - predicted.energies), known.species)
        self._keep(given, known.species, offsets_z)
        progress(1.0, "fitted")
        return self

    def predict(
        self,
        structures: Dataset | Atoms | Sequence[Atoms],
        progress: Progress = silent,
        atom_std: bool = False,  # noqa: ARG002 - has none
    ) -> Prediction:
        """What the calculator says, structure by structure; see `Potential.predict`.

        Raises
        ------
        NotFitted
            Before ``fit``.
        CalculatorFailed
            If the calculator cannot do a structure.
        """
        self.check_fitted()
        found = as_structures(structures)
        parts = []
        for index, atoms in enumerate(found):
            progress(index / len(found), f"{self.name}: structure {index + 1} of {len(found)}")
            parts.append(self._one(atoms, index))
        progress(1.0, "predicted")
        return joined(parts)

    def evaluate(
        self,
        structures: Sequence[Atoms],
        energy_std: bool = False,  # noqa: ARG002 - has none
        atom_std: bool = False,  # noqa: ARG002 - has none
    ) -> Prediction:
        """Predict for structures few enough to be held in memory at once; see `Potential.evaluate`."""
        return joined([self._one(atoms, index) for index, atoms in enumerate(structures)])

    def _one(self, structure: Atoms, index: int) -> Prediction:
        if self.fit_offsets:
            check_species(type(self).__name__, self.species_, [structure])
        atoms = structure.copy()
        atoms.set_constraint()
        atoms.calc = self.ase_calculator
        try:
            results = _results(atoms)
        except Exception as error:
            raise CalculatorFailed(
                f"`structures`[{index}], {atoms.get_chemical_formula()}: {self.name} failed with "
                f"{type(error).__name__}: {error}"
            ) from error
        for quantity, values in results.items():
            if not np.isfinite(values).all():
                raise CalculatorFailed(
                    f"`structures`[{index}], {atoms.get_chemical_formula()}: {self.name} gave a {quantity} that is not "
                    "finite"
                )
        offsets_n = offsets_of(atoms.numbers, self.species_, self.offsets_)
        local_n = results.get("energies")
        return Prediction(
            energies=np.array([float(results["energy"]) + offsets_n.sum()]),
            local_energies=None if local_n is None else (local_n + offsets_n,),
            forces=(results["forces"],),
            stresses=np.reshape(results.get("stress", np.full(6, np.nan)), (1, 6)),
        )

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays.

        Raises
        ------
        ValueError
            If the calculator is none of `NAMED`, with numbers and words as parameters: a file holds no code.
        """
        parameters = {name: _plain(value) for name, value in getattr(self.ase_calculator, "parameters", {}).items()}
        words = (bool, int, float, str, type(None))
        if type(self.ase_calculator) is not NAMED.get(self.name) or not all(
            isinstance(value, words) for value in parameters.values()
        ):
            raise ValueError(
                f"`ase_calculator`: expected one of {', '.join(NAMED)} with numbers as parameters, as a file holds no "
                f"code, got {shown(self.ase_calculator)}; save what it is made of by its own means"
            )
        plain = {
            "hyperparameters": self.hyperparameters(),
            "calculator": {"class": self.name, "parameters": parameters},
            "species": list(self.species_),
        }
        return plain, {"offsets_z": self.offsets_}

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        calculator = NAMED[plain["calculator"]["class"]](**plain["calculator"]["parameters"])
        potential = cls(calculator, **plain["hyperparameters"])
        species, offsets_z = tuple(plain["species"]), arrays["offsets_z"]
        if offsets_z.shape != (len(species),):
            raise ValueError(f"expected an energy for each of {species}, got {offsets_z.shape}")
        potential._keep({}, species, offsets_z)
        return potential


def _results(atoms: Atoms) -> dict[str, Array]:
    """Energy and forces, and energies of atoms and stress where the calculator has them."""
    forces_nc = np.array(atoms.get_forces(), dtype=float)
    found = {"energy": np.array(_energy(atoms)), "forces": forces_nc}
    local_n = _where_implemented(atoms.get_potential_energies)
    if local_n is not None and abs(local_n.sum() - found["energy"]) <= ADDS_UP * len(atoms):
        found["energies"] = local_n
    stress_v = _where_implemented(atoms.get_stress) if atoms.cell.rank == 3 else None
    if stress_v is not None:
        found["stress"] = stress_v
    return found


def _energy(atoms: Atoms) -> float:
    try:
        return float(atoms.get_potential_energy(force_consistent=True))
    except PropertyNotImplementedError:
        return float(atoms.get_potential_energy())


def _where_implemented(quantity: Callable[[], Any]) -> Array | None:
    try:
        return np.array(quantity(), dtype=float)
    except PropertyNotImplementedError:
        return None


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
