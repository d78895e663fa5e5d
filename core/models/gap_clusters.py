"""What the energy of a Gaussian process is a sum over: environments of atoms, pairs, or triplets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.descriptors import LocalDescriptor
from potscope.core.descriptors.few_body import FewBody, Groups
from potscope.core.features import Features, Gradient
from potscope.core.models.local_energies import by_centres
from potscope.core.pairs import Pairs

MOST_ROWS = 100_000  # pairs or triplets that are held at once, about


@dataclass(frozen=True)
class Entries:
    r"""Derivatives of clusters, an entry for each pair that a cluster is made of.

    Attributes
    ----------
    row_q, pair_q
        The cluster, never decreasing, and the pair, shape (entries,).
    slope_qcf
        :math:`\partial\mathbf x/\partial\mathbf D`, shape (entries, 3, features).
    weight_slope_qc
        :math:`\partial w/\partial\mathbf D`, shape (entries, 3); None where the weights are one.
    """

    row_q: IntArray
    pair_q: IntArray
    slope_qcf: Array
    weight_slope_qc: Array | None


class Clusters(ABC):
    """Features of clusters of atoms of some structures, each with a centre, a kind and a weight.

    Attributes
    ----------
    pairs
        What they were made of.
    values_rf
        Features, shape (clusters, features).
    kind_r, centre_r
        Which function is learnt from it, and the atom that has its energy, shape (clusters,).
    weight_r
        What its energy is multiplied by, shape (clusters,); None for one.
    """

    pairs: Pairs
    values_rf: Array
    kind_r: IntArray
    centre_r: IntArray
    weight_r: Array | None

    @abstractmethod
    def gradient(self, slope_rf: Array, slope_r: Array) -> Gradient:
        """Forces and virials of an energy whose derivatives by the features and the weights are given."""

    @abstractmethod
    def entries(self) -> Entries:
        """Derivatives of the features and the weights; large."""


@dataclass(frozen=True)
class Environments(Clusters):
    """The environment of each atom, by a local descriptor; its kind is the element."""

    features: Features
    kind_r: IntArray

    @property
    def pairs(self) -> Pairs:  # type: ignore[override]
        """What they were made of."""
        return self.features.pairs

    @property
    def values_rf(self) -> Array:  # type: ignore[override]
        """Features."""
        return self.features.values

    @property
    def centre_r(self) -> IntArray:  # type: ignore[override]
        """All atoms."""
        return np.arange(self.pairs.n_atoms)

    weight_r = None

    def gradient(self, slope_rf: Array, slope_r: Array) -> Gradient:  # noqa: ARG002 - the weights are constants
        """Forces and virials, by the adjoint of the descriptor."""
        return self.features.pull_back(slope_rf)

    def entries(self) -> Entries:
        """The Jacobian: every pair is of one environment."""
        return Entries(self.features.row_p, np.arange(len(self.features.row_p)), self.features.jacobian(), None)


@dataclass(frozen=True)
class PairsOrTriplets(Clusters):
    """Pairs or triplets of atoms; their kinds are their elements."""

    pairs: Pairs
    groups: Groups

    @property
    def values_rf(self) -> Array:  # type: ignore[override]
        """Features."""
        return self.groups.values_rf

    @property
    def kind_r(self) -> IntArray:  # type: ignore[override]
        """Elements."""
        return self.groups.kind_r

    @property
    def weight_r(self) -> Array:  # type: ignore[override]
        """What falls to zero at the cutoff."""
        return self.groups.weight_r

    @property
    def centre_r(self) -> IntArray:  # type: ignore[override]
        """The atom that all the pairs begin at."""
        return self.pairs.i_p[self.groups.pair_rk[:, 0]]

    def gradient(self, slope_rf: Array, slope_r: Array) -> Gradient:
        """Forces and virials, pair by pair."""
        g_rkc = np.einsum("rkcf,rf->rkc", self.groups.slope_rkcf, slope_rf)
        g_rkc += self.groups.weight_slope_rkc * slope_r[:, None, None]
        p_q = self.groups.pair_rk.ravel()
        g_pc = np.zeros_like(self.pairs.D_pc)
        for c in range(3):
            g_pc[:, c] = np.bincount(p_q, g_rkc[:, :, c].ravel(), len(g_pc))
        return Gradient(self.pairs.forces(g_pc), self.pairs.virials(g_pc))

    def entries(self) -> Entries:
        """One entry for each pair of each group."""
        rows, k = self.groups.pair_rk.shape
        return Entries(
            np.repeat(np.arange(rows), k),
            self.groups.pair_rk.ravel(),
            self.groups.slope_rkcf.reshape(rows * k, 3, self.values_rf.shape[1]),
            self.groups.weight_slope_rkc.reshape(rows * k, 3),
        )


def clusters_of(descriptor: LocalDescriptor | FewBody, pairs: Pairs) -> Clusters:
    """What a descriptor sees in a neighbour list."""
    if isinstance(descriptor, FewBody):
        return PairsOrTriplets(pairs, descriptor.compute_pairs(pairs))
    return Environments(descriptor.compute_pairs(pairs), descriptor.species_of(pairs.numbers_n))


def in_parts(descriptor: LocalDescriptor | FewBody, pairs: Pairs) -> Iterator[Clusters]:
    """The same, pairs and triplets some centres at a time, as there may be many more than atoms."""
    if not isinstance(descriptor, FewBody):
        yield clusters_of(descriptor, pairs)
        return
    neighbours = 1 + len(pairs.i_p) // max(1, pairs.n_atoms)
    for own in by_centres(pairs, MOST_ROWS // neighbours + 1):
        yield clusters_of(descriptor, own)
