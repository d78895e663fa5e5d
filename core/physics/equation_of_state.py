"""Energy over volume, of one phase or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms, eos, units
from numpy.typing import ArrayLike

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.local_updates import Source
from potscope.core.physics.applicability import sizes_compare
from potscope.core.physics.common import Found, Quantity, energies_of, members

RATIOS = tuple(np.linspace(0.9, 1.1, 9).tolist())


@dataclass(frozen=True, eq=False)
class EquationOfState(Found):
    r"""The third-order Birch–Murnaghan equation of state of a phase.

    .. math:: E(V) = E_0 + \frac{9 V_0 B}{16}\left\{ (\eta^2 - 1)^3 B' + (\eta^2 - 1)^2 (6 - 4\eta^2) \right\}, \qquad
        \eta = (V_0/V)^{1/3}

    Attributes
    ----------
    phase
        What it is called.
    volumes_v, energies_v
        What it was fitted to: Å³ and eV, per atom.
    volume, energy
        :math:`V_0`, Å³, and :math:`E_0`, eV, per atom.
    bulk_modulus
        GPa. All three are NaN where the energy has no minimum between the smallest and the largest volume.
    reference
        As it should be, where that is known.

    References
    ----------
    F. Birch, Phys. Rev. 71, 809 (1947). doi:10.1103/PhysRev.71.809
    """

    phase: str
    volumes_v: Array
    energies_v: Array
    volume: float
    energy: float
    bulk_modulus: float
    reference: EquationOfState | None = None

    def quantities(self) -> tuple[Quantity, ...]:
        """Volume and bulk modulus."""
        true = self.reference
        return (
            Quantity(f"{self.phase}: volume", self.volume, "Å³/atom", None if true is None else true.volume),
            Quantity(
                f"{self.phase}: bulk modulus", self.bulk_modulus, "GPa", None if true is None else true.bulk_modulus
            ),
        )

    @classmethod
    def through(cls, phase: str, structures: Sequence[Atoms], energies_s: Array) -> EquationOfState:
        """The one through some energies (eV, shape (structures,)), by `ase.eos`.

        Raises
        ------
        ValueError
            If there are fewer than five.
        """
        if len(structures) < 5:
            raise ValueError(f"`structures`: expected at least five of {phase}, got {len(structures)}")
        count_s = np.array([len(atoms) for atoms in structures])
        volume_v = np.array([atoms.get_volume() for atoms in structures]) / count_s
        energy_v = np.asarray(energies_s) / count_s
        order = np.argsort(volume_v)
        volume_v, energy_v = volume_v[order], energy_v[order]
        return cls(phase, volume_v, energy_v, *_minimum(volume_v, energy_v))


def _minimum(volume_v: Array, energy_v: Array) -> tuple[float, float, float]:
    """Volume, energy and bulk modulus of the minimum; NaN without one."""
    nothing = (float("nan"),) * 3
    if int(energy_v.argmin()) in (0, len(energy_v) - 1):
        return nothing
    curve = eos.EquationOfState(volume_v, energy_v, eos="birchmurnaghan")
    try:
        with np.errstate(invalid="ignore"):  # of volumes below zero, which a search may try
            volume, energy, modulus = curve.fit(warn=False)
    except RuntimeError:  # the search has not ended
        return nothing
    inside = volume_v[0] < volume < volume_v[-1]
    return (float(volume), float(energy), float(modulus / units.GPa)) if inside else nothing


def at_volumes(crystal: Atoms, ratios: ArrayLike = RATIOS) -> list[Atoms]:
    """A crystal with its cell scaled evenly, to some ratios of its volume."""
    found = []
    for ratio in np.asarray(ratios, dtype=float):
        atoms = crystal.copy()
        atoms.set_cell(atoms.cell.array * ratio ** (1 / 3), scale_atoms=True)
        found.append(atoms)
    return found


def equation_of_state(
    source: Source, structures: Sequence[Atoms], phase: str = "crystal", reference: EquationOfState | None = None
) -> EquationOfState:
    """Fit the energies of a phase at several volumes.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    structures
        The phase at several volumes, as `at_volumes` makes them; they are taken as they are.
    phase
        What it is called.
    reference
        As it should be.

    Raises
    ------
    ValueError
        As of `EquationOfState.through`.
    """
    found = EquationOfState.through(phase, structures, energies_of(source, structures))
    return EquationOfState(**{**vars(found), "reference": reference})


@dataclass(frozen=True, eq=False)
class Phases(Found):
    """Equations of state of several phases, and which is the lowest.

    Attributes
    ----------
    curves
        Of each phase.
    comparable
        Whether energies of different cells compare; where they do not, none is above another.
    """

    curves: tuple[EquationOfState, ...]
    comparable: bool = True

    @property
    def lowest(self) -> EquationOfState:
        """The phase with the lowest minimum.

        Raises
        ------
        ValueError
            If no phase has one.
        """
        with_minimum = [curve for curve in self.curves if np.isfinite(curve.energy)]
        if not with_minimum:
            raise ValueError("no phase has a minimum between its smallest and its largest volume")
        return min(with_minimum, key=lambda curve: curve.energy)

    def quantities(self) -> tuple[Quantity, ...]:
        """Volume, bulk modulus and energy of each phase, from the first one's."""
        first = self.curves[0]
        found: list[Quantity] = []
        for curve in self.curves:
            found += curve.quantities()
            if curve is not first:
                true = None
                if curve.reference is not None and first.reference is not None:
                    true = 1000 * (curve.reference.energy - first.reference.energy)
                above = 1000 * (curve.energy - first.energy) if self.comparable else float("nan")
                found.append(Quantity(f"{curve.phase}: above {first.phase}", above, "meV/atom", true))
        return tuple(found)


def phases(source: Source, structures: Mapping[str, Sequence[Atoms]] | Dataset, prefix: str = "eos ") -> Phases:
    """Equations of state of several phases.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    structures
        For each phase its structures at several volumes; or a data set with energies, which are the references,
        whose groups that begin with `prefix` are the phases.
    prefix
        What such groups begin with.

    Raises
    ------
    ValueError
        If there is no phase, or as of `EquationOfState.through`.
    """
    if not isinstance(structures, Dataset):
        if not structures:
            raise ValueError("`structures`: expected at least one phase, got none")
        own = tuple(equation_of_state(source, some, phase) for phase, some in structures.items())
        return Phases(own, sizes_compare(source))
    groups = [group for group in structures.group_sizes if group.startswith(prefix)]
    if not groups:
        raise ValueError(f"`structures`: expected groups that begin with {prefix!r}, got none")
    curves = []
    for group in groups:
        data, phase = members(structures, group), group.removeprefix(prefix)
        true = EquationOfState.through(phase, data.structures, data.energies)
        curves.append(equation_of_state(source, data.structures, phase, true))
    return Phases(tuple(curves), sizes_compare(source))
