"""Δ-learning: a potential that learns what another leaves over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.models.base import Potential
from potscope.core.models.nested import check_potential, packed, unpacked
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import as_structures

PARTS = ("base", "correction")
OF_THE_CORRECTION = ("has_energy_std", "has_atom_std", "has_extrapolation", "group_settings")


@dataclass(eq=False)
class Delta(Potential):
    r"""A base and what corrects it: the second is fitted to the references less what the first says.

    .. math:: E = E_\text{base} + E_\text{correction}, \qquad
        E_\text{correction} \approx E^\text{ref} - E_\text{base} ,

    and likewise forces and stresses. Standard deviations and extrapolation grades are those of the correction. Where
    the base has no stress, a reference stress is not learnt from, and none is predicted.

    Parameters
    ----------
    base
        Any potential: an ASE calculator as `FromCalculator`, a `PairPotential`, one read from a file. One that is
        fitted is taken as it is; another is fitted to the same data first.
    correction
        Any potential with the hyperparameters wanted. It is not changed; what is fitted is a copy.

    Attributes
    ----------
    base_, correction_
        The two as they are used in predictions.

    Raises
    ------
    TypeError
        If one of them is no potential.

    References
    ----------
    R. Ramakrishnan, P. O. Dral, M. Rupp, O. A. von Lilienfeld, J. Chem. Theory Comput. 11, 2087 (2015).
    doi:10.1021/acs.jctc.5b00099
    """

    title: ClassVar[str] = "Δ-learning"
    descriptor_scope: ClassVar = "none"

    base: Potential
    correction: Potential

    groups_: dict[str, Any] = field(init=False, repr=False)
    base_: Potential = field(init=False, repr=False)
    correction_: Potential = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check that both are potentials, and take over what the correction can say."""
        super().__post_init__()
        for name in PARTS:
            check_potential(name, getattr(self, name))
        self._tells(**{name: getattr(self.correction, name) for name in OF_THE_CORRECTION})
        for name in ("extensive", "feels_positions", "learns_forces"):
            combine = all if name == "extensive" else any
            self._tells(**{name: combine(getattr(one, name) for one in (self.base, self.correction))})

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "correction_")

    @property
    def kept(self) -> str:
        """What the correction has kept of the data."""
        return self.correction_.kept

    @property
    def n_parameters(self) -> int:
        """How many numbers a fit determines: those of the base, unless it was fitted before, and of the correction."""
        self.check_fitted()
        return self.correction_.n_parameters + (0 if self.base.fitted else self.base_.n_parameters)

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Fit the base where it is not, and the correction to what it leaves over.

        Parameters
        ----------
        train
            Structures with references.
        progress
            Called as the two do; it may raise `Cancelled`, and then the potential is as it was before.
        groups
            Settings of groups of the data set for the correction, of its type `group_settings`.

        Raises
        ------
        TypeError, ValueError
            As the two do.
        CalculatorFailed
            If the base is a calculator that cannot do a structure.
        """
        given = self.checked_groups(train, groups)
        progress(0.0, "the base")
        base = self.base if self.base.fitted else replace(self.base).fit(train, part(progress, 0.0, 0.25))
        rest = _rest(train, base.predict(train, part(progress, 0.25, 0.5)))
        correction = replace(self.correction).fit(rest, part(progress, 0.5, 0.95), groups=groups)
        self.groups_, self.base_, self.correction_ = given, base, correction
        self._tells(**{name: getattr(correction, name) for name in OF_THE_CORRECTION})
        progress(1.0, "fitted")
        return self

    def predict(
        self,
        structures: Dataset | Atoms | Sequence[Atoms],
        progress: Progress = silent,
        atom_std: bool = False,
    ) -> Prediction:
        """What the two say together; see `Potential.predict`."""
        self.check_fitted()
        found = as_structures(structures)
        base = self.base_.predict(found, part(progress, 0.0, 0.5))
        return _sum(base, self.correction_.predict(found, part(progress, 0.5, 1.0), atom_std=atom_std))

    def evaluate(self, structures: Sequence[Atoms], energy_std: bool = False, atom_std: bool = False) -> Prediction:
        """Predict for structures few enough to be held in memory at once; see `Potential.evaluate`."""
        return _sum(self.base_.evaluate(structures), self.correction_.evaluate(structures, energy_std, atom_std))

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved, of both; a ValueError if one of them cannot be saved."""
        plain, arrays = packed({"base": self.base_, "correction": self.correction_})
        return {"hyperparameters": self.hyperparameters(), **plain}, arrays

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        parts = {name: unpacked(name, plain, arrays) for name in PARTS}
        potential = cls(**parts, **plain["hyperparameters"])
        potential.base_, potential.correction_ = parts["base"], parts["correction"]
        return potential


def _rest(train: Dataset, base: Prediction) -> Dataset:
    """The references less what the base says."""
    forces = tuple(
        None if known_nc is None else known_nc - base_nc
        for known_nc, base_nc in zip(train.forces, base.forces, strict=True)
    )
    return replace(
        train, energies=train.energies - base.energies, forces=forces, stresses=train.stresses - base.stresses
    )


def _sum(base: Prediction, correction: Prediction) -> Prediction:
    local = None
    if base.local_energies is not None and correction.local_energies is not None:
        local = _added(base.local_energies, correction.local_energies)
    return replace(
        correction,
        energies=base.energies + correction.energies,
        local_energies=local,
        forces=_added(base.forces, correction.forces),
        stresses=base.stresses + correction.stresses,
    )


def _added(first: Sequence[Array], second: Sequence[Array]) -> tuple[Array, ...]:
    return tuple(np.asarray(a + b) for a, b in zip(first, second, strict=True))
