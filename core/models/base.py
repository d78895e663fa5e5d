"""What all potentials share: fitted on a `Dataset`, they predict, calculate, save and load."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.batches import packed
from potscope.core.dataset import Dataset
from potscope.core.hyperparameters import Declared
from potscope.core.pairs import Pairs
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, silent
from potscope.core.validation import as_structures, named, shown

if TYPE_CHECKING:
    from potscope.core.calculator import PotentialCalculator

ATOMS_A_BATCH = 2000


class NotFitted(RuntimeError):
    """A potential was asked for something that it only knows after ``fit``."""


class Potential(Declared, ABC):
    """A machine-learning potential: a dataclass of hyperparameters with ``fit``, ``predict``, ``calculator``, ``save``.

    Names of what is learnt end in ``_``.
    """

    title: ClassVar[str]
    """The family's name in the field."""

    descriptor_scope: ClassVar[Literal["atom", "structure", "none"]] = "atom"
    """The `Descriptor.scope` that the family stands on, its first argument; ``"none"`` where it takes no descriptor."""

    extensive: ClassVar[bool] = True
    """Whether the energy is a sum over atoms: local energies are predicted, and parts far apart add up."""

    learns_forces: ClassVar[bool] = True
    """Whether ``fit`` takes forces and stresses where the data have them, or energies alone."""

    feels_positions: ClassVar[bool] = True
    """Whether the energy depends on where the atoms are; otherwise all forces and stresses are zero."""

    has_energy_std: ClassVar[bool] = False
    """Whether energies come with a standard deviation; of one potential it may be less than of its family."""

    has_atom_std: ClassVar[bool] = False
    """Whether local energies and forces come with standard deviations where they are asked for."""

    has_extrapolation: ClassVar[bool] = False
    """Whether atoms come with an extrapolation grade where it is asked for."""

    group_settings: ClassVar[type | None] = None
    """What ``fit`` takes for a group of the data set, such as weights; None where the family has no such thing."""

    groups_: dict[str, Any]
    """The settings of groups that ``fit`` was given."""

    @abstractmethod
    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Learn from the references of a data set; returns the potential itself.

        Parameters
        ----------
        train
            Structures with references.
        progress
            Called with the fraction done; it may raise `Cancelled`, and then the potential is as it was before.
        groups
            Settings of groups of the data set, of the type `group_settings`, by their names.
        """

    @property
    @abstractmethod
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""

    @property
    def kept(self) -> str:
        """What a fit has kept of the data, in a few words; empty where there is nothing to tell."""
        return ""

    @property
    def n_parameters(self) -> int:
        """How many numbers a fit determines, as far as they are arrays whose names end in ``_``."""
        self.check_fitted()
        return sum(_size(value) for name, value in vars(self).items() if name.endswith("_") and name[0] != "_")

    @abstractmethod
    def evaluate(self, structures: Sequence[Atoms], energy_std: bool = False, atom_std: bool = False) -> Prediction:
        """Predict for structures few enough to be held in memory at once.

        Parameters
        ----------
        structures
            Of the elements that the potential knows.
        energy_std
            Whether to give standard deviations of the energies, where the family has them.
        atom_std
            Whether to give standard deviations of local energies and forces, and extrapolation grades of atoms, where
            the family has them.
        """

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""

    def predict(
        self,
        structures: Dataset | Atoms | Sequence[Atoms],
        progress: Progress = silent,
        atom_std: bool = False,
    ) -> Prediction:
        """Energies, local energies, forces, stresses; standard deviations of the energies where the family has them.

        Parameters
        ----------
        structures
            A data set (its references are not looked at), one structure or several.
        progress
            Called with the fraction done.
        atom_std
            Whether to give standard deviations of local energies and forces, and extrapolation grades of atoms, where
            the family has them; they may cost much more than the rest.

        Raises
        ------
        NotFitted
            Before ``fit``.
        ValueError
            If a structure has elements the potential does not know.
        """
        self.check_fitted()
        found = as_structures(structures)
        done, parts = 0, []
        for batch in batches(found):
            progress(done / len(found), "predicting")
            with named([f"`structures`[{done + k}]" for k in range(len(batch))]):
                parts.append(self.evaluate(batch, energy_std=self.has_energy_std, atom_std=atom_std))
            done += len(batch)
        progress(1.0, "predicted")
        return joined(parts)

    def calculator(self, skin: float = 0.5) -> PotentialCalculator:
        """An ASE calculator of the potential; see `PotentialCalculator`."""
        from potscope.core.calculator import PotentialCalculator

        self.check_fitted()
        return PotentialCalculator(self, skin)

    def save(self, path: str | Path) -> Path:
        """Write the fitted potential to a file that holds numbers and no code; see `models.files`."""
        from potscope.core.models.files import save

        self.check_fitted()
        return save(self, path)

    def _tells(self, **abilities: object) -> None:
        """Say of this one potential what a class variable, such as ``has_energy_std``, says of its family."""
        for name, value in abilities.items():
            object.__setattr__(self, name, value)

    def check_fitted(self) -> None:
        """Raise `NotFitted` before ``fit``."""
        if not self.fitted:
            raise NotFitted(f"this {type(self).__name__} has not been fitted; call `fit` first")

    def checked_groups(self, train: Dataset, groups: Mapping[str, Any] | None) -> dict[str, Any]:
        """The settings of groups that ``fit`` was given.

        Raises
        ------
        TypeError
            If they are not of the type `group_settings`.
        ValueError
            If the data set has no such group, or the family no such settings.
        """
        given = dict(groups or {})
        name = type(self).__name__
        if given and self.group_settings is None:
            raise ValueError(f"`groups`: expected none, as a {name} has no settings of groups, got {shown(given)}")
        for group, settings in given.items():
            if self.group_settings is not None and not isinstance(settings, self.group_settings):
                raise TypeError(f"`groups`[{group!r}]: expected {self.group_settings.__name__}, got {shown(settings)}")
            if group not in train.group_sizes:
                raise ValueError(f"`groups`: expected groups among {', '.join(train.group_sizes)}, got {group!r}")
        return given


class LocalPotential(Potential):
    """A potential that sees atoms by their neighbours within `reach` alone.

    A calculator keeps the neighbour list of such a potential while atoms move a little.
    """

    @property
    @abstractmethod
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""

    @abstractmethod
    def evaluate_pairs(
        self, structures: Sequence[Atoms], pairs: Pairs, energy_std: bool = False, atom_std: bool = False
    ) -> Prediction:
        """Predict from a neighbour list of the structures that reaches at least to `reach`; see `evaluate`."""

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list that reaches at least to `reach`, eV, shape (atoms,).

        Families that know a way without derivatives take it.
        """
        edges = pairs.first_atom_s[1:-1]
        local = self.evaluate_pairs([Atoms(own_n) for own_n in np.split(pairs.numbers_n, edges)], pairs).local_energies
        if local is None:
            raise TypeError(f"a {type(self).__name__} has no energies of atoms")
        return np.concatenate(local)

    def evaluate(self, structures: Sequence[Atoms], energy_std: bool = False, atom_std: bool = False) -> Prediction:
        """Predict for structures few enough to be held in memory at once; see `Potential.evaluate`."""
        pairs = Pairs.from_structures(structures, self.reach)
        return self.evaluate_pairs(structures, pairs, energy_std, atom_std)


def _size(value: object) -> int:
    if isinstance(value, np.ndarray):
        return int(value.size)
    return sum(map(_size, value)) if isinstance(value, (tuple, list)) else 0


def learnt_from(ids: Sequence[str]) -> AbstractContextManager[None]:
    """Errors of structures of the data call them by their ids; see `validation.named`."""
    return named([f"`train`, {name!r}" for name in ids])


def batches(structures: Sequence[Atoms]) -> Iterator[list[Atoms]]:
    """Consecutive structures of at most `ATOMS_A_BATCH` atoms together; a larger one is alone."""
    return packed(structures, len, ATOMS_A_BATCH)


def joined(parts: Sequence[Prediction]) -> Prediction:
    """The predictions of some structures and of others, one after the other."""
    stds = [part.energy_std for part in parts if part.energy_std is not None]
    return Prediction(
        energies=np.concatenate([part.energies for part in parts] or [np.empty(0)]),
        local_energies=_laid_end_to_end([part.local_energies for part in parts]),
        forces=tuple(forces_nc for part in parts for forces_nc in part.forces),
        stresses=np.concatenate([part.stresses for part in parts] or [np.empty((0, 6))]),
        energy_std=np.concatenate(stds) if stds else None,
        local_energy_std=_laid_end_to_end([part.local_energy_std for part in parts]),
        force_std=_laid_end_to_end([part.force_std for part in parts]),
        extrapolation=_laid_end_to_end([part.extrapolation for part in parts]),
    )


def _laid_end_to_end(parts: Sequence[tuple[Array, ...] | None]) -> tuple[Array, ...] | None:
    """What all parts have; None where one has not."""
    known = [part for part in parts if part is not None]
    return tuple(of_atoms for part in known for of_atoms in part) if len(known) == len(parts) else None
