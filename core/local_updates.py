"""The energy of a structure that changes a little at a time: only what has changed is computed again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.geometry import complete_cell

from potscope.core._types import Array, BoolArray, IntArray
from potscope.core.compiled import kernel
from potscope.core.models.base import Potential
from potscope.core.pairs import Pairs
from potscope.core.validation import check_geometry, shown

Source: TypeAlias = Potential | Calculator
"""What energies come from: a fitted potential or any ASE calculator."""


@runtime_checkable
class LocalEnergies(Protocol):
    """A potential whose energies of atoms depend on neighbours within a distance, and come without derivatives."""

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        ...

    def local_energies(self, pairs: Pairs) -> Array:
        """Energies of the centres of a neighbour list, eV, shape (atoms,)."""
        ...


class Configuration(ABC):
    """Where a walk through configurations is, and what its energy is.

    A change is tried by `try_atoms` or `try_scale`, and made by `accept`; without it nothing has happened.

    Attributes
    ----------
    atoms
        A copy of the structure; only this class changes it.
    """

    def __init__(self, atoms: Atoms) -> None:
        check_geometry(atoms, "`atoms`")
        self.atoms: Atoms = atoms.copy()
        self.atoms.calc = None

    @property
    @abstractmethod
    def energy(self) -> float:
        """Potential energy, eV."""

    @abstractmethod
    def try_atoms(self, members_m: IntArray, positions_mc: Array, numbers_m: IntArray) -> float:
        """By how much the energy would change, eV, if some atoms had other positions (Å) and atomic numbers."""

    @abstractmethod
    def try_scale(self, factor: float) -> float:
        """By how much the energy would change, eV, if cell and positions were multiplied by a factor."""

    @abstractmethod
    def accept(self) -> None:
        """Make the change that was tried last."""

    @abstractmethod
    def forces(self) -> Array:
        """Forces, eV/Å, shape (atoms, 3); NaN where the source has none."""


def configuration(atoms: Atoms, source: Source) -> Configuration:
    """The way to the energy that is right for the source: local where its energy is, whole where it is not.

    Parameters
    ----------
    atoms
        Where to begin; it is copied.
    source
        A fitted potential, or an ASE calculator.

    Raises
    ------
    TypeError
        If the source is neither.
    ValueError
        If the structure is not sound, or has elements that the potential does not know.
    """
    if isinstance(source, Potential):
        source.check_fitted()
        return LocalConfiguration(atoms, source) if isinstance(source, LocalEnergies) else Whole(atoms, source)
    if not isinstance(source, Calculator):
        raise TypeError(f"`source`: expected a potential or an ASE calculator, got {shown(source)}")
    return Whole(atoms, source)


class Whole(Configuration):
    """Every energy is computed from the whole structure."""

    def __init__(self, atoms: Atoms, source: Source) -> None:
        super().__init__(atoms)
        self.calculator = source.calculator() if isinstance(source, Potential) else source
        self._energy = self._of(self.atoms)
        self._tried, self._tried_energy = self.atoms, self._energy

    @property
    def energy(self) -> float:
        """Potential energy, eV."""
        return self._energy

    def try_atoms(self, members_m: IntArray, positions_mc: Array, numbers_m: IntArray) -> float:
        """By how much the energy would change, eV, if some atoms had other positions (Å) and atomic numbers."""
        self._tried = self.atoms.copy()
        self._tried.positions[members_m] = positions_mc
        self._tried.numbers[members_m] = numbers_m
        self._tried_energy = self._of(self._tried)
        return self._tried_energy - self._energy

    def try_scale(self, factor: float) -> float:
        """By how much the energy would change, eV, if cell and positions were multiplied by a factor."""
        self._tried = scaled(self.atoms, factor)
        self._tried_energy = self._of(self._tried)
        return self._tried_energy - self._energy

    def accept(self) -> None:
        """Make the change that was tried last."""
        self.atoms, self._energy = self._tried, self._tried_energy

    def forces(self) -> Array:
        """Forces, eV/Å, shape (atoms, 3); NaN where the source has none."""
        try:
            return np.array(self.calculator.get_property("forces", self.atoms), dtype=float)
        except PropertyNotImplementedError:
            return np.full((len(self.atoms), 3), np.nan)

    def _of(self, atoms: Atoms) -> float:
        return float(self.calculator.get_property("energy", atoms))


@dataclass(frozen=True)
class _Tried:
    """A change: what the atoms would be, and the energies of the centres that it touches."""

    atoms: Atoms
    centres_k: IntArray
    energy_k: Array


class LocalConfiguration(Configuration):
    r"""Only the energies of the atoms that see a change are computed again.

    The atoms of a set M move, or become others. The energy changes by

    .. math:: \Delta E = \sum_{i\in A} \left[ \varepsilon_i' - \varepsilon_i \right], \qquad
        A = M \cup \{ i : |\mathbf r_{ij}| < r_c \text{ or } |\mathbf r_{ij}'| < r_c
        \text{ for an atom or an image } j \in M \} ,

    with :math:`\varepsilon_i` kept from before. Every energy is that of the present configuration and none is made by
    adding changes up, so that rounding does not add up either. All atoms are asked how far they are from M; all else
    does not grow with the structure once its cell is four times as wide as the reach.

    Parameters
    ----------
    atoms
        Where to begin; it is copied.
    potential
        Fitted, with local energies.
    """

    def __init__(self, atoms: Atoms, potential: LocalEnergies) -> None:
        super().__init__(atoms)
        self.potential = potential
        if isinstance(potential, Potential):
            potential.evaluate([self.atoms])  # says which elements are not known
        self.energy_n = self._all(self.atoms)
        self._set_grids()
        self._tried = _Tried(self.atoms, np.arange(len(self.atoms)), self.energy_n)

    @property
    def energy(self) -> float:
        """Potential energy, eV."""
        return float(self.energy_n.sum())

    def try_atoms(self, members_m: IntArray, positions_mc: Array, numbers_m: IntArray) -> float:
        """By how much the energy would change, eV, if some atoms had other positions (Å) and atomic numbers."""
        changed = self.atoms.copy()
        changed.positions[members_m] = positions_mc
        changed.numbers[members_m] = numbers_m
        points_mc = np.concatenate([self.atoms.positions[members_m], changed.positions[members_m]])
        around_q = self._wide.near(points_mc, changed.positions) if self._wide.roomy else np.arange(len(changed))
        touched_n = np.zeros(len(changed), dtype=bool)
        for atoms, own_mc in zip((self.atoms, changed), np.split(points_mc, 2), strict=True):
            touched_n[around_q[self._grid.near(own_mc, atoms.positions[around_q])]] = True
        touched_n[members_m] = True
        centres_k = np.flatnonzero(touched_n)
        pairs = self._grid.pairs(changed, around_q, centres_k)
        energy_k = self.potential.local_energies(pairs)[: len(centres_k)]
        self._tried = _Tried(changed, centres_k, energy_k)
        return float((energy_k - self.energy_n[centres_k]).sum())

    def try_scale(self, factor: float) -> float:
        """By how much the energy would change, eV, if cell and positions were multiplied by a factor."""
        changed = scaled(self.atoms, factor)
        self._tried = _Tried(changed, np.arange(len(changed)), self._all(changed))
        return float((self._tried.energy_k - self.energy_n).sum())

    def accept(self) -> None:
        """Make the change that was tried last."""
        before_cc, self.atoms = self.atoms.cell.array, self._tried.atoms
        if not np.array_equal(before_cc, self.atoms.cell.array):
            self._set_grids()
        self.energy_n = self.energy_n.copy()
        self.energy_n[self._tried.centres_k] = self._tried.energy_k

    def forces(self) -> Array:
        """Forces, eV/Å, shape (atoms, 3); NaN where the source has none."""
        if isinstance(self.potential, Potential):
            return self.potential.evaluate([self.atoms]).forces[0]
        return np.full((len(self.atoms), 3), np.nan)

    def _set_grids(self) -> None:
        """For what is near a point, and for the neighbours of what is near: no farther than twice the reach."""
        self._grid, self._wide = (_Grid.of(self.atoms, times * self.potential.reach) for times in (1, 2))

    def _all(self, atoms: Atoms) -> Array:
        return self.potential.local_energies(Pairs.from_structures(atoms, self.potential.reach))


def scaled(atoms: Atoms, factor: float) -> Atoms:
    """A copy with cell and positions multiplied by a factor."""
    copy: Atoms = atoms.copy()
    copy.set_cell(copy.cell.array * factor, scale_atoms=False)
    copy.positions *= factor
    return copy


@dataclass(frozen=True)
class _Grid:
    """The cell, and how many of its images on either side the nearest one's neighbours can be in.

    Neighbours are searched here and not by vesin, which lists those of all atoms and not of a few: a list of all costs
    more than the energies that a trial changes.
    """

    cell_cc: Array
    inverse_cc: Array
    periodic_d: BoolArray
    images_d: IntArray
    cutoff: float

    @classmethod
    def of(cls, atoms: Atoms, cutoff: float) -> _Grid:
        cell_cc = np.ascontiguousarray(complete_cell(atoms.cell.array), dtype=float)
        inverse_cc = np.ascontiguousarray(np.linalg.inv(cell_cc))
        heights_d = 1 / np.linalg.norm(inverse_cc, axis=0)
        periodic_d = np.asarray(atoms.pbc, dtype=bool)
        # the nearest image is within half a cell along each vector; others count from half a cell less on
        images_d = np.where(periodic_d, np.floor(cutoff / heights_d + 0.5), 0).astype(np.int64)
        return cls(cell_cc, inverse_cc, periodic_d, images_d, float(cutoff))

    @property
    def roomy(self) -> bool:
        """Whether nothing but the nearest image of an atom can be within the cutoff."""
        return not self.images_d.any()

    @property
    def arguments(self) -> tuple[Array, Array, BoolArray, IntArray, float]:
        """As the kernels take them."""
        return self.cell_cc, self.inverse_cc, self.periodic_d, self.images_d, self.cutoff

    def near(self, points_mc: Array, positions_nc: Array) -> IntArray:
        """Which atoms have one of some points, or an image of it, within the cutoff."""
        near_n = np.zeros(len(positions_nc), dtype=bool)
        _mark_near(np.ascontiguousarray(points_mc), positions_nc, *self.arguments, near_n)
        return np.flatnonzero(near_n)

    def pairs(self, atoms: Atoms, around_q: IntArray, centres_k: IntArray) -> Pairs:
        """The pairs of some centres, which come first, and an atom of each element that none of them is of.

        Neighbours are looked for among the atoms `around_q`, which never decrease.

        Energies depend on who a neighbour is by its element alone, so neighbours are all named by one atom of their
        element: rows of neighbours that are no centres would be computed for nothing.
        """
        numbers_n = np.asarray(atoms.numbers, dtype=np.int64)
        number_k = numbers_n[centres_k]
        listed_l = np.concatenate([number_k, np.setdiff1d(numbers_n, number_k)])
        named = np.zeros(int(numbers_n.max()) + 1, dtype=np.int64)
        named[listed_l[::-1]] = np.arange(len(listed_l))[::-1]
        position_qc, own_k = np.ascontiguousarray(atoms.positions[around_q]), np.searchsorted(around_q, centres_k)
        first_l, count_k = np.zeros(len(listed_l) + 1, dtype=np.int64), np.empty(len(centres_k), dtype=np.int64)
        nobody, nowhere = np.empty(0, np.int64), np.empty((0, 3))
        _list_neighbours(own_k, position_qc, *self.arguments, first_l, count_k, nobody, nowhere)
        np.cumsum(count_k, out=first_l[1 : len(centres_k) + 1])
        first_l[len(centres_k) + 1 :] = first_l[len(centres_k)]
        n_pairs = int(first_l[-1])
        neighbour_p, D_pc = np.empty(n_pairs, np.int64), np.empty((n_pairs, 3))
        _list_neighbours(own_k, position_qc, *self.arguments, first_l, count_k, neighbour_p, D_pc)
        return Pairs(
            i_p=np.repeat(np.arange(len(centres_k)), count_k),
            j_p=named[numbers_n[around_q[neighbour_p]]],
            D_pc=D_pc,
            S_pc=np.zeros((n_pairs, 3), np.int64),
            first_n=first_l,
            structure_n=np.zeros(len(listed_l), np.int64),
            numbers_n=listed_l,
            n_structures=1,
            cutoff=self.cutoff,
        )


@kernel
def _nearest(from_c: Array, to_c: Array, cell_cc: Array, inverse_cc: Array, periodic_d: BoolArray, D_c: Array) -> None:
    """The vector between two points whose fractional coordinates along periodic directions are within a half."""
    for d in range(3):
        D_c[d] = to_c[d] - from_c[d]
    x, y, z = D_c[0], D_c[1], D_c[2]
    for d in range(3):
        if periodic_d[d]:
            turns = np.rint(x * inverse_cc[0, d] + y * inverse_cc[1, d] + z * inverse_cc[2, d])
            for c in range(3):
                D_c[c] -= turns * cell_cc[d, c]


@kernel
def _images_within(
    D_c: Array, cell_cc: Array, images_d: IntArray, cutoff: float, same: bool, first: int, D_pc: Array
) -> int:
    """Write the images of a vector that are shorter than the cutoff from row `first` on, if there is room; how many.

    Of an atom's vectors to itself (`same`), that of length zero is none.
    """
    found = 0
    for a in range(-images_d[0], images_d[0] + 1):
        for b in range(-images_d[1], images_d[1] + 1):
            for c in range(-images_d[2], images_d[2] + 1):
                if same and a == 0 and b == 0 and c == 0:
                    continue
                x = D_c[0] + a * cell_cc[0, 0] + b * cell_cc[1, 0] + c * cell_cc[2, 0]
                y = D_c[1] + a * cell_cc[0, 1] + b * cell_cc[1, 1] + c * cell_cc[2, 1]
                z = D_c[2] + a * cell_cc[0, 2] + b * cell_cc[1, 2] + c * cell_cc[2, 2]
                if x * x + y * y + z * z < cutoff * cutoff:
                    if len(D_pc):
                        D_pc[first + found, 0] = x
                        D_pc[first + found, 1] = y
                        D_pc[first + found, 2] = z
                    found += 1
    return found


@kernel
def _mark_near(
    points_mc: Array,
    positions_nc: Array,
    cell_cc: Array,
    inverse_cc: Array,
    periodic_d: BoolArray,
    images_d: IntArray,
    cutoff: float,
    near_n: BoolArray,
) -> None:
    """Mark the atoms that have one of the points, or an image of it, within the cutoff."""
    D_c, nowhere = np.empty(3), np.empty((0, 3))
    for m in range(len(points_mc)):
        for n in range(len(positions_nc)):
            if not near_n[n]:
                _nearest(points_mc[m], positions_nc[n], cell_cc, inverse_cc, periodic_d, D_c)
                near_n[n] = _images_within(D_c, cell_cc, images_d, cutoff, False, 0, nowhere) > 0


@kernel
def _list_neighbours(
    centres_k: IntArray,
    positions_nc: Array,
    cell_cc: Array,
    inverse_cc: Array,
    periodic_d: BoolArray,
    images_d: IntArray,
    cutoff: float,
    first_k: IntArray,
    count_k: IntArray,
    neighbour_p: IntArray,
    D_pc: Array,
) -> None:
    """Count the neighbours of some centres; where there is room, write them and their vectors, from `first_k` on."""
    D_c = np.empty(3)
    for k in range(len(centres_k)):
        p = first_k[k]
        for n in range(len(positions_nc)):
            same = n == centres_k[k]
            _nearest(positions_nc[centres_k[k]], positions_nc[n], cell_cc, inverse_cc, periodic_d, D_c)
            found = _images_within(D_c, cell_cc, images_d, cutoff, same, p, D_pc)
            if len(neighbour_p):
                for q in range(p, p + found):
                    neighbour_p[q] = n
            p += found
        count_k[k] = p - first_k[k]
