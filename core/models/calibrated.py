"""Any potential with standard deviations, scaled to the errors of structures that are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.calibration import Recalibration
from potscope.core.dataset import Dataset
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.base import Potential
from potscope.core.models.cross_validation import DIVISIONS, divided, left_out
from potscope.core.models.nested import check_potential, packed, unpacked
from potscope.core.models.training import check_energies
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent

OF_THE_MODEL = (
    "extensive", "learns_forces", "feels_positions", "has_energy_std", "has_atom_std", "has_extrapolation",
    "group_settings",
)  # fmt: skip


@dataclass(eq=False)
class Calibrated(Potential):
    r"""A potential whose standard deviations are multiplied with a factor for energies and one for forces.

    Variances of Gaussian processes and committees are right up to a factor, where the prior or the noise is not that of
    the data. In ``fit`` the data are divided into folds; each is predicted by a fit to all others. The factors are
    those with which half of the errors are within the interval that says so; see
    `potscope.core.calibration.median_factor`. Energies, forces and stresses are those of a fit to all data. With `of`
    the factors are of structures that were held out, without another fit.

    Parameters
    ----------
    model
        A potential that has standard deviations. It is not changed; what is fitted is a copy.
    folds, by, seed
        As declared; see ``declared(Calibrated)``.

    Attributes
    ----------
    model_
        The potential as it is used in predictions.
    recalibration_
        The factors.

    Raises
    ------
    TypeError
        If the model is no potential.
    ValueError
        If it has no standard deviations.

    References
    ----------
    F. Musil, M. J. Willatt, M. A. Langovoy, M. Ceriotti, J. Chem. Theory Comput. 15, 906 (2019).
    doi:10.1021/acs.jctc.8b00959

    Examples
    --------
    >>> from potscope.core.descriptors import SOAP
    >>> from potscope.core.models import GAP, Calibrated
    >>> gap = Calibrated(GAP(SOAP(species=["Si"])), folds=5)
    """

    title: ClassVar[str] = "Calibrated deviations"
    descriptor_scope: ClassVar = "none"

    model: Potential
    folds: int = hyperparameter(
        "How many parts of the data are left out in turn; fewer where there are fewer structures.",
        default=5,
        bounds=(2, 1000),
    )
    by: str = hyperparameter("What stays together in a part.", default="random", choices=DIVISIONS)
    seed: int = hyperparameter("Seed of the parts.", default=0, bounds=(0, 2**31 - 1))

    groups_: dict[str, Any] = field(init=False, repr=False)
    model_: Potential = field(init=False, repr=False)
    recalibration_: Recalibration = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the potential, and take over what it can say."""
        super().__post_init__()
        check_potential("model", self.model)
        if not self.model.has_energy_std:
            raise ValueError(
                f"`model`: expected one with standard deviations, which a {type(self.model).__name__} has not; "
                "those of a Committee of it may do"
            )
        self._tells(**{name: getattr(self.model, name) for name in OF_THE_MODEL})

    @classmethod
    def of(cls, potential: Potential, held_out: Dataset, progress: Progress = silent) -> Self:
        """A fitted potential with the factors of structures that it was not fitted to.

        Parameters
        ----------
        potential
            Fitted; it is taken as it is.
        held_out
            A calibration set: structures with references.
        progress
            Called with the fraction done; it may raise `Cancelled`.

        Raises
        ------
        NotFitted
            If the potential is not fitted.
        TypeError, ValueError
            If it is no potential, has no standard deviations, or no structure has a reference.
        """
        calibrated = cls(potential)
        found = potential.predict(held_out, progress, atom_std=potential.has_atom_std)
        calibrated._keep({}, potential, Recalibration.of(held_out, found, "median"))
        return calibrated

    def _keep(self, groups: dict[str, Any], model: Potential, recalibration: Recalibration) -> None:
        self.groups_, self.model_, self.recalibration_ = groups, model, recalibration

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "model_")

    @property
    def kept(self) -> str:
        """What the potential has kept of the data."""
        return self.model_.kept

    @property
    def n_parameters(self) -> int:
        """Those of the potential, and the two factors."""
        self.check_fitted()
        return self.model_.n_parameters + 2

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Fit the potential to all data, and to all but each part of them for the factors.

        Parameters
        ----------
        train
            Structures with references; at least two.
        progress
            Called as the fits do; it may raise `Cancelled`, and then the potential is as it was before.
        groups
            Settings of groups of the data set, as the potential takes them.

        Raises
        ------
        TypeError, ValueError
            As the potential does; if there are too few structures to leave some out, or a part has elements that no
            other has.
        """
        check_energies(train)
        given = self.checked_groups(train, groups)
        if len(train) < 2:
            raise ValueError(f"`train`: expected two structures or more, to leave some out, got {len(train)}")
        progress(0.0, "fits with parts left out")
        fold_s = divided(train, min(self.folds, len(train)), self.by, self.seed)
        own = part(progress, 0.0, self.folds / (1 + self.folds))
        found = left_out(self.model, train, fold_s, own, groups=groups, atom_std=self.has_atom_std)
        recalibration = Recalibration.of(train, found, "median")
        rest = part(progress, self.folds / (1 + self.folds), 1.0)
        model = replace(self.model).fit(train, rest, groups=groups)
        self._keep(given, model, recalibration)
        progress(1.0, "fitted")
        return self

    def evaluate(self, structures: Sequence[Atoms], energy_std: bool = False, atom_std: bool = False) -> Prediction:
        """Predict for structures few enough to be held in memory at once; see `Potential.evaluate`."""
        return self.recalibration_.apply(self.model_.evaluate(structures, energy_std, atom_std))

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved, of the potential too; a ValueError if that cannot be saved."""
        plain, arrays = packed({"model": self.model_})
        factors = np.array([self.recalibration_.energy, self.recalibration_.force])
        return {"hyperparameters": self.hyperparameters(), **plain}, {**arrays, "recalibration": factors}

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        model = unpacked("model", plain, arrays)
        potential = cls(model, **plain["hyperparameters"])
        potential._keep({}, model, Recalibration(*arrays["recalibration"].tolist()))
        return potential
