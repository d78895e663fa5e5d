"""What all potentials share: fitted on a `Dataset`, they predict, calculate, save and load."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.hyperparameters import Declared
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, silent
from potscope.core.validation import as_structures

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

    descriptor_scope: ClassVar[Literal["atom", "structure"]] = "atom"
    """The `Descriptor.scope` that the family stands on."""

    extensive: ClassVar[bool] = True
    """Whether the energy is a sum over atoms: local energies are predicted, and parts far apart add up."""

    learns_forces: ClassVar[bool] = True
    """Whether ``fit`` takes forces and stresses where the data have them, or energies alone."""

    has_energy_std: ClassVar[bool] = False
    """Whether energies come with a standard deviation."""

    @abstractmethod
    def fit(self, train: Dataset, progress: Progress = silent) -> Self:
        """Learn from the references of a data set; returns the potential itself."""

    @property
    @abstractmethod
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""

    @property
    def kept(self) -> str:
        """What a fit has kept of the data, in a few words; empty where there is nothing to tell."""
        return ""

    @abstractmethod
    def evaluate(self, structures: Sequence[Atoms], energy_std: bool = False) -> Prediction:
        """Predict for structures few enough to be held in memory at once."""

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved: plain values for JSON, and arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""

    def predict(self, structures: Dataset | Atoms | Sequence[Atoms], progress: Progress = silent) -> Prediction:
        """Energies, local energies, forces, stresses; standard deviations of the energies where the family has them.

        Parameters
        ----------
        structures
            A data set (its references are not looked at), one structure or several.
        progress
            Called with the fraction done.

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
            parts.append(self.evaluate(batch, energy_std=self.has_energy_std))
            done += len(batch)
        progress(1.0, "predicted")
        return _joined(parts)

    def calculator(self) -> PotentialCalculator:
        """An ASE calculator of the potential."""
        from potscope.core.calculator import PotentialCalculator

        self.check_fitted()
        return PotentialCalculator(self)

    def save(self, path: str | Path) -> Path:
        """Write the fitted potential to a file that holds numbers and no code; see `models.files`."""
        from potscope.core.models.files import save

        self.check_fitted()
        return save(self, path)

    def check_fitted(self) -> None:
        """Raise `NotFitted` before ``fit``."""
        if not self.fitted:
            raise NotFitted(f"this {type(self).__name__} has not been fitted; call `fit` first")


def batches(structures: Sequence[Atoms]) -> Iterator[list[Atoms]]:
    """Consecutive structures, so many that a batch has about `ATOMS_A_BATCH` atoms."""
    batch: list[Atoms] = []
    atoms = 0
    for structure in structures:
        batch.append(structure)
        atoms += len(structure)
        if atoms >= ATOMS_A_BATCH:
            yield batch
            batch, atoms = [], 0
    if batch:
        yield batch


def _joined(parts: Sequence[Prediction]) -> Prediction:
    local = [part.local_energies for part in parts if part.local_energies is not None]
    stds = [part.energy_std for part in parts if part.energy_std is not None]
    return Prediction(
        energies=np.concatenate([part.energies for part in parts] or [np.empty(0)]),
        local_energies=tuple(e for energies in local for e in energies) if len(local) == len(parts) else None,
        forces=tuple(f for part in parts for f in part.forces),
        stresses=np.concatenate([part.stresses for part in parts] or [np.empty((0, 6))]),
        energy_std=np.concatenate(stds) if stds else None,
    )
