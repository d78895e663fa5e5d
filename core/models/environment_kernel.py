"""The kernel of a sparse Gaussian process between clusters of atoms and its sparse points, with slopes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.kernels import SimilarityKernel
from potscope.core.models.gap_clusters import Clusters

MOST_VALUES = 10_000_000  # of a kernel matrix, held at once
MOST_SLOPES = 40_000_000  # derivatives of a kernel matrix by pair vectors, held at once


@dataclass(frozen=True)
class SparseKernel:
    r"""Kernel between clusters of atoms and sparse points; zero between different kinds.

    .. math:: k(r, m) = \delta^2\, w_r\, \kappa(\mathbf x_r, \mathbf q_m)

    Attributes
    ----------
    kernel
        :math:`\kappa`.
    delta
        Prior standard deviation :math:`\delta`, eV.
    sparse_mf
        Features of the sparse points, as the kernel has mapped them.
    kind_m
        Kind of each, never decreasing.
    """

    kernel: SimilarityKernel
    delta: float
    sparse_mf: Array
    kind_m: IntArray

    @property
    def size(self) -> int:
        """Number of sparse points."""
        return len(self.sparse_mf)

    @cached_property
    def columns(self) -> tuple[tuple[int, slice], ...]:
        """The kinds, and the sparse points of each."""
        kinds, first = np.unique(self.kind_m, return_index=True)
        edges = [*first.tolist(), self.size]
        return tuple((int(kind), slice(edges[k], edges[k + 1])) for k, kind in enumerate(kinds))

    def between_sparse_points(self) -> Array:
        """Kernel between the sparse points, all of weight one, eV², shape (m, m)."""
        K_mm = np.zeros((self.size, self.size))
        for _, own in self.columns:
            Q_mf = self.sparse_mf[own]
            K_mm[own, own] = self.kernel.curve(self.kernel.similarity(Q_mf, Q_mf))
        return self.delta**2 * K_mm

    def sums(self, clusters: Clusters, group_r: IntArray, n_groups: int) -> Array:
        """Kernel summed over the clusters of each group, eV², shape (groups, m); the groups never decrease."""
        mapped_rf, _ = self.kernel.mapped(clusters.values_rf)
        sums_gm = np.zeros((n_groups, self.size))
        for own, rows in self._rows(clusters.kind_r):
            k_rm = self.kernel.curve(self.kernel.similarity(mapped_rf[rows], self.sparse_mf[own]))
            if clusters.weight_r is not None:
                k_rm *= clusters.weight_r[rows, None]
            groups, first = np.unique(group_r[rows], return_index=True)
            sums_gm[groups, own] += np.add.reduceat(k_rm, first, axis=0)
        return self.delta**2 * sums_gm

    def _rows(self, kind_r: IntArray) -> Iterator[tuple[slice, IntArray | slice]]:
        """Columns of each kind with the rows that belong to them, some at a time."""
        for kind, own in self.columns:
            of_kind_r = kind_r == kind
            most = MOST_VALUES // (own.stop - own.start) + 1
            if of_kind_r.all() and 0 < len(kind_r) <= most:
                yield own, slice(None)
                continue
            rows = np.flatnonzero(of_kind_r)
            for start in range(0, len(rows), most):
                yield own, rows[start : start + most]

    def energies(self, clusters: Clusters, weights_m: Array) -> tuple[Array, Array, Array]:
        r"""Energies of clusters, eV, and their slopes by the features and by the weights.

        .. math:: \varepsilon_r = \delta^2 w_r \sum_m \kappa(\mathbf x_r, \mathbf q_m)\, c_m

        Parameters
        ----------
        clusters
            Of any structures.
        weights_m
            Weights :math:`c_m` of the sparse points.
        """
        mapped_rf, scale = self.kernel.mapped(clusters.values_rf)
        value_r, slope_rf = np.zeros(len(mapped_rf)), np.zeros_like(mapped_rf)
        for own, rows in self._rows(clusters.kind_r):
            Q_mf = self.sparse_mf[own]
            k_rm, slope_rm = self.kernel.value_and_slope(self.kernel.similarity(mapped_rf[rows], Q_mf))
            value_r[rows] = k_rm @ weights_m[own]
            g_rm = slope_rm * weights_m[own]
            slope_rf[rows] = g_rm @ Q_mf - g_rm.sum(axis=1)[:, None] * mapped_rf[rows]
        value_r *= self.delta**2
        slope_rf = self.delta**2 * self.kernel.turned(mapped_rf, scale, slope_rf)
        if clusters.weight_r is None:
            return value_r, slope_rf, value_r
        return value_r * clusters.weight_r, slope_rf * clusters.weight_r[:, None], value_r

    def slopes(self, clusters: Clusters) -> Iterator[tuple[slice, IntArray, Array]]:
        r"""Sparse points of a kind, pairs, and :math:`\partial k(r, m)/\partial\mathbf D_p`, eV²/Å, shape (q, 3, m)."""
        entries = clusters.entries()
        mapped_rf, scale = self.kernel.mapped(clusters.values_rf)
        for kind, own in self.columns:
            of_kind = np.flatnonzero(clusters.kind_r[entries.row_q] == kind)
            most = MOST_SLOPES // (3 * max(own.stop - own.start, mapped_rf.shape[1])) + 1
            for start in range(0, len(of_kind), most):
                q = of_kind[start : start + most]
                row_q, slope_qcf = entries.row_q[q], entries.slope_qcf
                turned_qcf = self.kernel.turned(
                    mapped_rf[row_q], scale[row_q], slope_qcf if len(q) == len(slope_qcf) else slope_qcf[q]
                )
                slope_qcm = self.kernel.similarity_slopes(mapped_rf[row_q], turned_qcf, self.sparse_mf[own])
                rows, of_row = np.unique(row_q, return_inverse=True)
                k_rm, g_rm = self.kernel.value_and_slope(self.kernel.similarity(mapped_rf[rows], self.sparse_mf[own]))
                scale_r = self.delta**2 if clusters.weight_r is None else self.delta**2 * clusters.weight_r[rows, None]
                slope_qcm *= (scale_r * g_rm)[of_row][:, None, :]
                if entries.weight_slope_qc is not None:
                    slope_qcm += (self.delta**2 * entries.weight_slope_qc[q])[:, :, None] * k_rm[of_row][:, None, :]
                yield own, entries.pair_q[q], slope_qcm
