"""Pairs and triplets of atoms: what two- and three-body terms of an energy are functions of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel
from potscope.core.cutoffs import CUTOFF_FUNCTIONS, cutoff_function
from potscope.core.descriptors.base import check_species, species_positions
from potscope.core.hyperparameters import Declared, hyperparameter
from potscope.core.pairs import Pairs

COSINE = CUTOFF_FUNCTIONS.index("cosine")


@dataclass(frozen=True)
class Groups:
    r"""Pairs or triplets of atoms of some structures, with derivatives.

    Attributes
    ----------
    values_rf
        What a term is a function of, shape (groups, features).
    weight_r
        What its value is multiplied by: falls to zero at the cutoff, shape (groups,).
    kind_r
        Position of the elements among the descriptor's `kinds`, shape (groups,).
    pair_rk
        The pairs that make a group, all of one centre, shape (groups, 1 or 2).
    slope_rkcf, weight_slope_rkc
        :math:`\partial\mathbf x_r/\partial\mathbf D_p` and :math:`\partial w_r/\partial\mathbf D_p` for each of them.
    """

    values_rf: Array
    weight_r: Array
    kind_r: IntArray
    pair_rk: IntArray
    slope_rkcf: Array
    weight_slope_rkc: Array


class FewBody(Declared, ABC):
    """A description of each pair or each triplet of atoms, by `compute_pairs`."""

    title: ClassVar[str]
    """The descriptor's name in the field."""

    names: ClassVar[tuple[str, ...]]
    """What each feature is called."""

    species: tuple[str, ...]
    cutoff: float
    width: float

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", tuple(sorted(self.species, key=atomic_numbers.__getitem__)))
        if self.width > self.cutoff:
            raise ValueError(f"`width`: expected at most the cutoff, {self.cutoff:g} Å, got {self.width:g}")

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return self.cutoff

    @property
    @abstractmethod
    def kinds(self) -> tuple[str, ...]:
        """The elements of a group, as ``"O H H"``: one function is learnt for each."""

    @abstractmethod
    def compute_pairs(self, pairs: Pairs) -> Groups:
        """All groups within the cutoff of a neighbour list that reaches at least to `reach`."""

    def check_species(self, structures: Sequence[Atoms]) -> None:
        """Raise a ValueError that names the elements that were not declared."""
        check_species(type(self).__name__, self.species, structures)

    def _within(self, pairs: Pairs) -> tuple[IntArray, Array, Array, Array]:
        """Pairs nearer than the cutoff, their directions, and the cutoff function with its derivative."""
        near = np.flatnonzero(pairs.r_p < self.cutoff)
        fall_q, slope_q = np.empty(len(near)), np.empty(len(near))
        _falls(pairs.r_p[near], self.cutoff - self.width, self.cutoff, fall_q, slope_q)
        return near, pairs.D_pc[near] / pairs.r_p[near, None], fall_q, slope_q

    def _pair_kinds(self, first_q: IntArray, second_q: IntArray) -> IntArray:
        """Position among the unordered pairs of species."""
        n = len(self.species)
        low, high = np.minimum(first_q, second_q), np.maximum(first_q, second_q)
        return np.asarray(low * n - low * (low - 1) // 2 + high - low)


@kernel
def _falls(r_q: Array, start: float, cutoff: float, fall_q: Array, slope_q: Array) -> None:
    for q in range(len(r_q)):
        fall_q[q], slope_q[q] = cutoff_function(COSINE, r_q[q], start, cutoff)


@dataclass(frozen=True)
class TwoBody(FewBody):
    r"""Distance of each pair of atoms, for a pair potential.

    .. math:: x = r_{ij}, \qquad E = \sum_{i<j} f_c(r_{ij})\, V_{z_iz_j}(r_{ij})

    with the cosine cutoff :math:`f_c` over the last `width`. A pair comes twice, from both its ends, with half of the
    weight. It is gap_fit's ``distance_2b`` except that this gives both ends the whole of the weight: for the same
    potential its ``delta`` is half as large.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, width
        As declared; see ``declared(TwoBody)``.

    References
    ----------
    V. L. Deringer, G. Csányi, Phys. Rev. B 95, 094203 (2017). doi:10.1103/PhysRevB.95.094203
    """

    title: ClassVar[str] = "Distances (two-body)"
    names: ClassVar[tuple[str, ...]] = ("r",)

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Largest distance of a pair.", default=5.0, unit="Å", bounds=(0.5, 20.0))
    width: float = hyperparameter(
        "Over how much before the cutoff the weight falls.", default=1.0, unit="Å", bounds=(0.01, 20.0)
    )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Unordered pairs of elements."""
        return tuple(" ".join(pair) for pair in combinations_with_replacement(self.species, 2))

    def compute_pairs(self, pairs: Pairs) -> Groups:
        """All pairs within the cutoff of a neighbour list that reaches at least to `reach`."""
        near, unit_qc, fall_q, slope_q = self._within(pairs)
        species_n = species_positions(self.species, pairs.numbers_n)
        return Groups(
            values_rf=pairs.r_p[near, None],
            weight_r=fall_q / 2,
            kind_r=self._pair_kinds(species_n[pairs.i_p[near]], species_n[pairs.j_p[near]]),
            pair_rk=near[:, None],
            slope_rkcf=unit_qc[:, None, :, None],
            weight_slope_rkc=(slope_q[:, None] * unit_qc / 2)[:, None, :],
        )


@dataclass(frozen=True)
class ThreeBody(FewBody):
    r"""The two sides and the base of each triplet of atoms: a centre i and two neighbours j and k.

    .. math::
        \mathbf x = \left(r_{ij} + r_{ik},\ (r_{ij} - r_{ik})^2,\ r_{jk}\right), \qquad
        E = \sum_i \sum_{j<k} f_c(r_{ij})\, f_c(r_{ik})\, V_{z_i,z_jz_k}(\mathbf x)

    which does not change when j and k are exchanged. It is gap_fit's ``angle_3b`` except that this counts (j, k) and
    (k, j): for the same potential its ``delta`` is half as large.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, width
        As declared; see ``declared(ThreeBody)``.

    References
    ----------
    V. L. Deringer, G. Csányi, Phys. Rev. B 95, 094203 (2017). doi:10.1103/PhysRevB.95.094203
    """

    title: ClassVar[str] = "Triplets (three-body)"
    names: ClassVar[tuple[str, ...]] = ("r_ij + r_ik", "(r_ij - r_ik)²", "r_jk")

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter(
        "Largest distance of a neighbour from the centre.", default=4.0, unit="Å", bounds=(0.5, 20.0)
    )
    width: float = hyperparameter(
        "Over how much before the cutoff the weight falls.", default=1.0, unit="Å", bounds=(0.01, 20.0)
    )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Elements of the centre and, unordered, of the neighbours."""
        neighbours = list(combinations_with_replacement(self.species, 2))
        return tuple(" ".join((centre, *pair)) for centre in self.species for pair in neighbours)

    def compute_pairs(self, pairs: Pairs) -> Groups:
        """All triplets within the cutoff of a neighbour list that reaches at least to `reach`."""
        near, unit_qc, fall_q, slope_q = self._within(pairs)
        a, b = _twos(pairs.i_p[near])
        base_rc = pairs.D_pc[near[b]] - pairs.D_pc[near[a]]
        base_r = np.linalg.norm(base_rc, axis=1)
        r_q = pairs.r_p[near]
        difference_r = r_q[a] - r_q[b]
        species_q = species_positions(self.species, pairs.numbers_n)[pairs.j_p[near]]
        centre_q = species_positions(self.species, pairs.numbers_n)[pairs.i_p[near]]
        n_neighbours = len(self.species) * (len(self.species) + 1) // 2
        slope_rkcf = np.empty((len(a), 2, 3, 3))
        for k, (q, sign) in enumerate(((a, 1.0), (b, -1.0))):
            slope_rkcf[:, k, :, 0] = unit_qc[q]
            slope_rkcf[:, k, :, 1] = (2 * sign * difference_r)[:, None] * unit_qc[q]
            slope_rkcf[:, k, :, 2] = -sign * base_rc / base_r[:, None]
        return Groups(
            values_rf=np.stack([r_q[a] + r_q[b], difference_r**2, base_r], axis=1),
            weight_r=fall_q[a] * fall_q[b],
            kind_r=centre_q[a] * n_neighbours + self._pair_kinds(species_q[a], species_q[b]),
            pair_rk=near[np.stack([a, b], axis=1)],
            slope_rkcf=slope_rkcf,
            weight_slope_rkc=np.stack(
                [(slope_q[q] * fall_q[other])[:, None] * unit_qc[q] for q, other in ((a, b), (b, a))], axis=1
            ),
        )


def _twos(centre_q: IntArray) -> tuple[IntArray, IntArray]:
    """Every two entries of the same centre, each once; equal centres lie together."""
    end_q = np.searchsorted(centre_q, centre_q, side="right")
    later_q = end_q - np.arange(len(centre_q)) - 1
    a = np.repeat(np.arange(len(centre_q)), later_q)
    first_r = np.repeat(np.cumsum(later_q) - later_q, later_q)
    return a, a + 1 + np.arange(len(a)) - first_r


FEW_BODY: dict[str, type[FewBody]] = {cls.__name__: cls for cls in (TwoBody, ThreeBody)}
