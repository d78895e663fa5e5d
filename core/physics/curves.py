"""Energies along a path: two atoms pulled apart or pushed together, a molecule turned about a bond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import ArrayLike

from potscope.core._types import Array
from potscope.core.dataset import Dataset
from potscope.core.local_updates import Source
from potscope.core.models.base import Potential
from potscope.core.physics.common import Found, Quantity, energies_of, forces_of, members

SHORT = 0.75  # of the sum of covalent radii; bonds are longer, that of C₂ too


@dataclass(frozen=True, eq=False)
class DimerCurve(Found):
    r"""The energy of two atoms over their distance.

    Attributes
    ----------
    elements
        Of the two.
    distances_d
        Å, rising.
    energies_d
        eV, from that of the largest distance.
    forces_d
        :math:`-\mathrm dE/\mathrm dr`, eV/Å; positive where they repel.
    reference_d
        Energies as they should be, eV, from that of the largest distance; None where they are not known.
    """

    elements: tuple[str, str]
    distances_d: Array
    energies_d: Array
    forces_d: Array
    reference_d: Array | None = None

    @property
    def short(self) -> float:
        """Below this, Å, any two atoms repel each other: `SHORT` of the sum of their covalent radii."""
        return SHORT * bond_length(self.elements)

    @property
    def attracts_at(self) -> float:
        """The largest distance below `short` at which the atoms attract each other, Å; NaN if they never do.

        Whatever comes nearer than that falls together.
        """
        inside = np.flatnonzero((self.distances_d < self.short) & (self.forces_d <= 0))
        return float(self.distances_d[inside[-1]]) if len(inside) else float("nan")

    def quantities(self) -> tuple[Quantity, ...]:
        """Bond length, depth, where the repulsion ends, and the error."""
        reference = self.reference_d
        bound = self.distances_d >= self.short
        length, depth = _minimum(self.distances_d[bound], self.energies_d[bound])
        true = (None, None) if reference is None else _minimum(self.distances_d[bound], reference[bound])
        found = [
            Quantity("bond length", length, "Å", true[0]),
            Quantity("depth", depth, "eV", true[1]),
            Quantity(
                f"energy at {self.distances_d[0]:.2f} Å",
                float(self.energies_d[0]),
                "eV",
                None if reference is None else float(reference[0]),
            ),
            Quantity(f"attracts below {self.short:.2f} Å, at", self.attracts_at, "Å"),
        ]
        if reference is not None:
            found.append(Quantity("root-mean-square error", _rms(self.energies_d - reference), "eV", 0.0))
        return tuple(found)


def dimer_curve(
    source: Source, elements: tuple[str, str], distances: ArrayLike | None = None, reference: Dataset | None = None
) -> DimerCurve:
    """Pull two atoms apart from a distance at which nuclei repel each other.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    elements
        Symbols of the two.
    distances
        Å; by default 60 from 0.3 to 3 times the sum of the covalent radii, at most 6 Å. Not with a reference.
    reference
        Structures of two atoms at several distances, with energies. What they have of a cell is kept.

    Raises
    ------
    ValueError
        If distances are fewer than three or not positive, or the structures of the reference are not such dimers.
    """
    if reference is None:
        structures = _dimers(elements, distances)
    else:
        if distances is not None:
            raise ValueError("`distances`: expected None, as the reference has its own")
        structures = list(reference.structures)
        wanted = sorted(atomic_numbers[symbol] for symbol in elements)
        if any(sorted(atoms.numbers) != wanted for atoms in structures):
            raise ValueError(f"`reference`: expected structures of one {elements[0]} and one {elements[1]} alone")
    apart_dc = np.array([atoms.get_distance(0, 1, vector=True, mic=bool(atoms.pbc.any())) for atoms in structures])
    distance_d = np.linalg.norm(apart_dc, axis=1)
    order = np.argsort(distance_d)
    if len(order) < 3:
        raise ValueError(f"`distances`: expected at least three, got {len(order)}")
    energy_d = energies_of(source, structures)
    force_d = np.array(
        [
            (forces_nc[1] - forces_nc[0]) @ apart_c / np.linalg.norm(apart_c) / 2
            for forces_nc, apart_c in zip(forces_of(source, structures), apart_dc, strict=True)
        ]
    )
    true_d = None if reference is None else reference.energies[order] - reference.energies[order[-1]]
    return DimerCurve(elements, distance_d[order], energy_d[order] - energy_d[order[-1]], force_d[order], true_d)


def bond_length(elements: Sequence[str]) -> float:
    """The sum of the covalent radii, Å."""
    return float(sum(covalent_radii[atomic_numbers[symbol]] for symbol in elements))


def _dimers(elements: tuple[str, str], distances: ArrayLike | None) -> list[Atoms]:
    bond = bond_length(elements)
    apart_d = np.linspace(0.3 * bond, min(3 * bond, 6.0), 60) if distances is None else np.asarray(distances, float)
    if apart_d.ndim != 1 or not (apart_d > 0).all():
        raise ValueError(f"`distances`: expected positive numbers in a row, got {distances!r:.60}")
    return [Atoms(list(elements), [[0, 0, 0], [0, 0, r]]) for r in apart_d]


def _minimum(distances_d: Array, energies_d: Array) -> tuple[float, float]:
    """Where a curve is lowest, by a parabola through three points, and how far below its end; NaN without a minimum."""
    k = int(energies_d.argmin())
    if k in (0, len(energies_d) - 1):
        return float("nan"), float("nan")
    a, b, c = np.polyfit(distances_d[k - 1 : k + 2] - distances_d[k], energies_d[k - 1 : k + 2], 2)
    return float(distances_d[k] - b / (2 * a)), float(energies_d[-1] - (c - b**2 / (4 * a)))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


@dataclass(frozen=True, eq=False)
class Scan(Found):
    """Energies along a series of structures of the same atoms.

    Attributes
    ----------
    name
        What is scanned.
    energies_s, reference_s
        eV, each from its own lowest.
    """

    name: str
    energies_s: Array
    reference_s: Array

    def quantities(self) -> tuple[Quantity, ...]:
        """The height of the highest, and the errors of the shape."""
        error_s = self.energies_s - self.reference_s
        error_s = error_s - error_s.mean()
        return (
            Quantity("highest above lowest", float(self.energies_s.max()), "eV", float(self.reference_s.max())),
            Quantity("root-mean-square error of the shape", _rms(error_s), "eV", 0.0),
            Quantity("largest error of the shape", float(np.abs(error_s).max()), "eV", 0.0),
        )


def scan(source: Source, reference: Dataset, group: str) -> Scan:
    """Energies of the structures of a group beside their references, for a torsion or any other path.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    reference
        Structures with energies.
    group
        Which of them; all have the same atoms.

    Raises
    ------
    ValueError
        If the data set has no such group, or its structures differ in their atoms.
    """
    found = members(reference, group)
    if len({tuple(sorted(atoms.numbers)) for atoms in found.structures}) > 1:
        raise ValueError(f"`group`: expected structures of the same atoms in {group!r}, got several formulas")
    energy_s = energies_of(source, found.structures)
    return Scan(group, energy_s - energy_s.min(), found.energies - found.energies.min())


@dataclass(frozen=True, eq=False)
class DegeneratePairs(Found):
    """Structures that descriptors of low body order cannot tell apart, and how much their energies differ.

    Attributes
    ----------
    differences_p, reference_p
        Energy of the first less that of the second of each pair, eV: predicted, and as it should be.
    central_p
        Of the predicted difference what the atom says that is the only one of its element, eV; None where no atom is,
        or atoms have no energies.
    """

    differences_p: Array
    reference_p: Array
    central_p: Array | None = None

    def quantities(self) -> tuple[Quantity, ...]:
        """How large the differences are, what of them the central atoms see, and how wrong they are."""
        central = float("nan") if self.central_p is None else float(np.abs(self.central_p).max())
        return (
            Quantity("difference, root mean square", _rms(self.differences_p), "eV", _rms(self.reference_p)),
            Quantity(
                "difference, largest",
                float(np.abs(self.differences_p).max()),
                "eV",
                float(np.abs(self.reference_p).max()),
            ),
            Quantity("difference of the central atom's energy, largest", central, "eV"),
            Quantity("root-mean-square error", _rms(self.differences_p - self.reference_p), "eV", 0.0),
        )


def degenerate_pairs(
    source: Source, reference: Dataset, groups: Sequence[str] = ("first", "second")
) -> DegeneratePairs:
    """Energies of the members of pairs that have equal distances and angles about their central atom.

    A potential that is a function of the power spectrum of the central atoms alone sees them as one; what it has of a
    difference comes from the other atoms' environments.

    Parameters
    ----------
    source
        A fitted potential, or an ASE calculator.
    reference
        Structures with energies.
    groups
        Those of the first and of the second members, in the same order.

    Raises
    ------
    ValueError
        If a group is missing, or they are not equally large.

    References
    ----------
    S. N. Pozdnyakov et al., Phys. Rev. Lett. 125, 166001 (2020). doi:10.1103/PhysRevLett.125.166001
    """
    first, second = (members(reference, group) for group in groups)
    if len(first) != len(second):
        raise ValueError(f"`groups`: expected as many structures in both, got {len(first)} and {len(second)}")
    difference_p = energies_of(source, first.structures) - energies_of(source, second.structures)
    both = [_central_energies(source, data.structures) for data in (first, second)]
    central_p = None if both[0] is None or both[1] is None else both[0] - both[1]
    return DegeneratePairs(difference_p, first.energies - second.energies, central_p)


def _central_energies(source: Source, structures: Sequence[Atoms]) -> Array | None:
    """Energies of the atoms that are the only ones of their element, eV; None if there is not one in each structure."""
    if not isinstance(source, Potential):
        return None
    local = source.predict(structures).local_energies
    numbers, counts = np.unique(structures[0].numbers, return_counts=True)
    alone = numbers[counts == 1]
    if local is None or len(alone) != 1:
        return None
    return np.array(
        [of_atoms[atoms.numbers == alone[0]].sum() for of_atoms, atoms in zip(local, structures, strict=True)]
    )
