"""Fits of copies: what tests a model by fitting it again and again never touches the model itself."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from ase import Atoms

from potscope.core.dataset import Dataset
from potscope.core.models.base import Potential
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, silent


class Model(Protocol):
    """Anything that is fitted to a data set and predicts: a `Potential`, or an object of one's own."""

    def fit(self, train: Dataset) -> Any:
        """Learn from the references of a data set."""
        ...

    def predict(self, structures: Dataset | Sequence[Atoms]) -> Prediction:
        """Energies, forces, stresses."""
        ...


SomeModel = TypeVar("SomeModel", bound=Model)


def refitted(
    model: SomeModel, train: Dataset, progress: Progress = silent, groups: Mapping[str, Any] | None = None
) -> SomeModel:
    """A copy of a model, fitted; the model is not changed.

    Parameters
    ----------
    model
        Fitted or not.
    train
        What the copy learns from.
    progress
        Handed to a `Potential`; it may raise `Cancelled`.
    groups
        Settings of groups for a `Potential`; those of groups that `train` does not have are left out.
    """
    fresh = unfitted(model)
    if isinstance(fresh, Potential):
        own = {group: settings for group, settings in (groups or {}).items() if group in train.group_sizes}
        fresh.fit(train, progress, groups=own or None)
    else:
        fresh.fit(train)
    return fresh


def unfitted(model: SomeModel) -> SomeModel:
    """A copy with the same hyperparameters."""
    is_record, given = dataclasses.is_dataclass(model), cast(Any, model)
    fresh: SomeModel = dataclasses.replace(given) if is_record else copy.deepcopy(given)
    return fresh


def predicted(model: Model, structures: Dataset, progress: Progress = silent, atom_std: bool = False) -> Prediction:
    """What a fitted model predicts, with progress, and standard deviations of atoms, where it is a `Potential`."""
    if isinstance(model, Potential):
        return model.predict(structures, progress, atom_std=atom_std and model.has_atom_std)
    return model.predict(structures)
