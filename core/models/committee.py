"""Committees of any family: potentials fitted to data drawn again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from scipy.stats import norm, t

from potscope.core._types import Array, IntArray
from potscope.core.calibration import Recalibration, median_factor
from potscope.core.dataset import Dataset
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.base import Potential, batches, joined
from potscope.core.models.nested import check_potential, packed, unpacked
from potscope.core.models.training import check_energies
from potscope.core.prediction import Prediction
from potscope.core.progress import Progress, part, silent
from potscope.core.refitting import refitted, unfitted

DRAWN = ("structures", "groups")
OF_THE_MODEL = ("extensive", "learns_forces", "feels_positions", "group_settings")
MOST_DRAWS = 1000


@dataclass(eq=False)
class Committee(Potential):
    r"""Several potentials of one kind, each fitted to as many structures as there are, drawn with replacement.

    With what the members say of a quantity, :math:`y_1, \dots, y_M`,

    .. math::
        \bar y = \frac1M \sum_k y_k, \qquad
        \sigma^2 = \frac{a^2}{M - 1} \sum_k (y_k - \bar y)^2 ,

    for total energies, energies of atoms where the members have them, and components of forces. It gives standard
    deviations to any family, at M times the cost.

    A structure is left out of about :math:`1/e` of the draws. The factors a for energies and for forces make the
    deviations of these members tell their errors: with the error :math:`d` of the mean of m members that have not
    learnt from a structure and their spread s, :math:`d/s` of normal members is distributed as Student's t of
    :math:`m - 1` degrees of freedom, and the factor is the one with which half of the errors are within the interval
    that says so.

    .. math:: a = \operatorname{median} \frac{|d|}{s\, t^{-1}_{m-1}(\tfrac34)}

    Parameters
    ----------
    model
        Any potential with the hyperparameters wanted. It is not changed; what is fitted are copies. Those of a family
        that draws by chance have seeds of their own.
    n_members, drawn, calibrated, seed
        As declared; see ``declared(Committee)``.

    Attributes
    ----------
    members_
        The fitted copies.
    recalibration_
        The factors a; 1 where nothing tells them.

    Raises
    ------
    TypeError
        If the model is no potential.

    References
    ----------
    L. Breiman, Mach. Learn. 24, 123 (1996). doi:10.1007/BF00058655

    F. Musil, M. J. Willatt, M. A. Langovoy, M. Ceriotti, J. Chem. Theory Comput. 15, 906 (2019), for the factor.
    doi:10.1021/acs.jctc.8b00959

    Examples
    --------
    >>> from potscope.core.descriptors import AverageSOAP
    >>> from potscope.core.models import SVR, Committee
    >>> committee = Committee(SVR(AverageSOAP(species=["Si"])), n_members=8)
    """

    title: ClassVar[str] = "Committee"
    descriptor_scope: ClassVar = "none"
    has_energy_std: ClassVar[bool] = True
    has_atom_std: ClassVar[bool] = True

    model: Potential
    n_members: int = hyperparameter("How many potentials are fitted.", default=8, bounds=(2, 1000))
    drawn: str = hyperparameter(
        "What is drawn: single structures, or whole groups of the data.",
        default="structures",
        choices=DRAWN,
    )
    calibrated: bool = hyperparameter(
        "Whether standard deviations are scaled to the errors of structures that members have not learnt from.",
        default=True,
    )
    seed: int = hyperparameter("Seed of the draws.", default=0, bounds=(0, 2**31 - 1))

    groups_: dict[str, Any] = field(init=False, repr=False)
    members_: tuple[Potential, ...] = field(init=False, repr=False)
    recalibration_: Recalibration = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the potential, and take over what it is like."""
        super().__post_init__()
        check_potential("model", self.model)
        self._tells(**{name: getattr(self.model, name) for name in OF_THE_MODEL})

    def _keep(self, groups: dict[str, Any], members: Sequence[Potential], recalibration: Recalibration) -> None:
        self.groups_, self.members_, self.recalibration_ = groups, tuple(members), recalibration

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` or ``load`` has been here."""
        return hasattr(self, "members_")

    @property
    def kept(self) -> str:
        """How many members there are."""
        return f"{len(self.members_)} members"

    @property
    def n_parameters(self) -> int:
        """How many numbers the fits of all members determine."""
        self.check_fitted()
        return sum(member.n_parameters for member in self.members_)

    def fit(self, train: Dataset, progress: Progress = silent, *, groups: Mapping[str, Any] | None = None) -> Self:
        """Fit the members, each to a draw of its own.

        Parameters
        ----------
        train
            Structures with references.
        progress
            Called as the members do; it may raise `Cancelled`, and then the potential is as it was before.
        groups
            Settings of groups of the data set, as the potential takes them.

        Raises
        ------
        TypeError, ValueError
            As the potential does; if whole groups are to be drawn and there is one, or if hardly any draw has all
            elements.
        """
        check_energies(train)
        given = self.checked_groups(train, groups)
        draws = [bootstrap(train, self.drawn, (self.seed, k)) for k in range(self.n_members)]
        members: list[Potential] = []
        for k, draw in enumerate(draws):
            own = part(progress, 0.8 * (k / len(draws)), 0.8 * ((k + 1) / len(draws)))
            own(0.0, f"member {k + 1} of {len(draws)}")
            members.append(refitted(self._template(k), train[draw], own, given))
        recalibration = Recalibration()
        if self.calibrated:
            recalibration = out_of_bag(members, draws, train, part(progress, 0.8, 1.0))
        self._keep(given, members, recalibration)
        progress(1.0, "fitted")
        return self

    def _template(self, member: int) -> Potential:
        """The potential that a member is a copy of."""
        seed = self.model.hyperparameters().get("seed")
        return replace(self.model, seed=(seed + member) % 2**31) if isinstance(seed, int) else self.model

    def evaluate(self, structures: Sequence[Atoms], energy_std: bool = False, atom_std: bool = False) -> Prediction:
        """Predict for structures few enough to be held in memory at once; see `Potential.evaluate`."""
        said = [member.evaluate(structures) for member in self.members_]
        energy_es = np.stack([one.energies for one in said])
        forces_es = [np.stack(forces) for forces in zip(*(one.forces for one in said), strict=True)]
        local_es = None
        if self.extensive:
            local_es = [np.stack(local) for local in zip(*(one.local_energies or () for one in said), strict=True)]
        spread = Prediction(
            energies=energy_es.mean(axis=0),
            local_energies=_means(local_es),
            forces=_means(forces_es) or (),
            stresses=np.mean([one.stresses for one in said], axis=0),
            energy_std=energy_es.std(axis=0, ddof=1) if energy_std else None,
            local_energy_std=_spreads(local_es) if atom_std else None,
            force_std=_spreads(forces_es) if atom_std else None,
        )
        return self.recalibration_.apply(spread)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What has to be saved, of all members; a ValueError if they cannot be saved."""
        plain, arrays = packed({str(k): member for k, member in enumerate(self.members_)})
        factors = np.array([self.recalibration_.energy, self.recalibration_.force])
        return {"hyperparameters": self.hyperparameters(), "members": plain}, {**arrays, "recalibration": factors}

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """The potential that `state` came from."""
        members = [unpacked(str(k), plain["members"], arrays) for k in range(len(plain["members"]))]
        potential = cls(unfitted(members[0]), **plain["hyperparameters"])
        if len(members) != potential.n_members:
            raise ValueError(f"expected {potential.n_members} members, got {len(members)}")
        potential._keep({}, members, Recalibration(*arrays["recalibration"].tolist()))
        return potential


def bootstrap(dataset: Dataset, drawn: str, seed: Sequence[int]) -> IntArray:
    """Indices, rising, of as many structures or groups as there are, drawn with replacement.

    A draw that lacks an element, of those that have energies, is drawn again. It depends on the seed and the ids alone,
    not on the order of the structures.

    Parameters
    ----------
    dataset
        At least one structure has an energy.
    drawn
        One of `DRAWN`.
    seed
        Another seed, another draw.

    Raises
    ------
    ValueError
        If there is one group to draw from, or if hardly any draw has all elements.
    """
    units = dataset.ids if drawn == "structures" else dataset.groups
    members: dict[str, list[int]] = {}
    for index, unit in enumerate(units):
        members.setdefault(unit, []).append(index)
    if drawn == "groups" and len(members) < 2:
        raise ValueError(f"`drawn`: expected two groups or more to draw from, got {', '.join(members)}")
    names = sorted(members)
    known = np.isfinite(dataset.energies)
    elements = _elements(dataset, np.flatnonzero(known))
    rng = np.random.default_rng(list(seed))
    for _ in range(MOST_DRAWS):
        draw = np.sort([index for k in rng.integers(len(names), size=len(names)) for index in members[names[k]]])
        if _elements(dataset, draw[known[draw]]) == elements:
            return np.asarray(draw, dtype=np.int64)
    raise ValueError(
        f"`drawn`: of {MOST_DRAWS} draws of {drawn} none has all elements with an energy; too few have the rare ones"
    )


def _elements(dataset: Dataset, indices: IntArray) -> set[int]:
    return {int(z) for index in indices for z in np.unique(dataset.structures[index].numbers)}


def out_of_bag(
    members: Sequence[Potential], draws: Sequence[IntArray], train: Dataset, progress: Progress = silent
) -> Recalibration:
    """The factors by what members say of structures that they have not learnt from; see `Committee`."""
    said: list[list[tuple[Array, Array]]] = [[] for _ in range(len(train))]
    for k, (member, draw) in enumerate(zip(members, draws, strict=True)):
        progress(k / len(members), f"member {k + 1}: structures it has not learnt from")
        left = np.setdiff1d(np.arange(len(train)), draw)
        found = joined([member.evaluate(batch) for batch in batches([train.structures[index] for index in left])])
        for place, index in enumerate(left):
            said[index].append((found.energies[place : place + 1], found.forces[place]))
    energy_z, force_z = [np.empty(0)], [np.empty(0)]
    for index, of_structure in enumerate(said):
        if len(of_structure) < 2:
            continue
        energy_e, forces_enc = (np.stack(one) for one in zip(*of_structure, strict=True))
        energy_z.append(_student(energy_e, train.energies[index : index + 1]))
        forces_nc = train.forces[index]
        if forces_nc is not None:
            force_z.append(_student(forces_enc, forces_nc))
    factors = []
    for z in (np.concatenate(energy_z), np.concatenate(force_z)):
        factors.append(median_factor(z) if len(z) else 0.0)
    return Recalibration(*(factor if factor > 0 else 1.0 for factor in factors))


def _student(said_e: Array, reference: Array) -> Array:
    """Errors of the mean over the spread, in units that make half of those of normal members as of one of many."""
    std = said_e.std(axis=0, ddof=1)
    error = said_e.mean(axis=0) - reference
    told = np.isfinite(error) & (std > 0)
    return np.asarray(error[told] / std[told] * norm.ppf(0.75) / t.ppf(0.75, len(said_e) - 1)).ravel()


def _means(said_es: Sequence[Array] | None) -> tuple[Array, ...] | None:
    return None if said_es is None else tuple(one.mean(axis=0) for one in said_es)


def _spreads(said_es: Sequence[Array] | None) -> tuple[Array, ...] | None:
    return None if said_es is None else tuple(one.std(axis=0, ddof=1) for one in said_es)
