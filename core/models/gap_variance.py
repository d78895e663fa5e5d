"""Prior variances of energies and forces, and what the data leave of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.linalg import solve_triangular

from potscope.core._types import Array, IntArray
from potscope.core.descriptors import FewBody
from potscope.core.models.environment_kernel import MOST_VALUES, SparseKernel
from potscope.core.models.gap_clusters import Clusters, clusters_of
from potscope.core.models.gap_process import SparseProcess
from potscope.core.pairs import Pairs


def deviation(prior_q: Array, columns_qm: Array, prior_mm: Array, posterior_mm: Array) -> Array:
    r"""Standard deviations of quantities whose prior variance and kernel with the sparse points are given.

    .. math:: \sigma_q^2 = v_q - |\mathbf U^{-\mathsf T}\mathbf k_q|^2 + |\mathbf R^{-\mathsf T}\mathbf k_q|^2

    Parameters
    ----------
    prior_q
        :math:`v_q`, the square of the quantity's unit, shape (q,).
    columns_qm
        :math:`\mathbf k_q`, shape (q, m).
    prior_mm, posterior_mm
        The triangles :math:`\mathbf U` and :math:`\mathbf R`.
    """
    explained_mq = solve_triangular(prior_mm, columns_qm.T, trans="T", check_finite=False)
    left_mq = solve_triangular(posterior_mm, columns_qm.T, trans="T", check_finite=False)
    variance_q = prior_q - np.einsum("mq,mq->q", explained_mq, explained_mq)
    variance_q += np.einsum("mq,mq->q", left_mq, left_mq)
    return np.asarray(np.sqrt(np.maximum(variance_q, 0.0)))


def energy_sums(process: SparseProcess, pairs: Pairs, atoms: bool) -> tuple[Array, Array]:
    """Prior variances, eV², and kernels, eV², of total energies, or of the energies of atoms.

    Returns
    -------
    prior_g, columns_gm
        Shape (structures,) or (atoms,), and (structures, m) or (atoms, m).
    """
    n_groups = pairs.n_atoms if atoms else pairs.n_structures
    prior_g, columns_gm = np.zeros(n_groups), np.zeros((n_groups, process.size))
    for descriptor, kernel, own in process.terms():
        parts = by_structures(pairs) if isinstance(descriptor, FewBody) else [(0, pairs)]
        for s, of_part in parts:
            clusters = clusters_of(descriptor, of_part)
            group_r = clusters.centre_r if atoms else of_part.structure_n[clusters.centre_r]
            group_r = group_r + (pairs.first_atom_s[s] if atoms else s)
            prior_g += prior_of_sums(kernel, clusters, group_r, n_groups)
            columns_gm[:, own] += kernel.sums(clusters, group_r, n_groups)
    return prior_g, columns_gm


def by_structures(pairs: Pairs) -> Iterator[tuple[int, Pairs]]:
    """Each structure with its own pairs."""
    for s in range(pairs.n_structures):
        a, b = pairs.first_atom_s[s : s + 2]
        first, last = pairs.first_n[a], pairs.first_n[b]
        own = slice(first, last)
        yield (
            s,
            replace(
                pairs,
                i_p=pairs.i_p[own] - a,
                j_p=pairs.j_p[own] - a,
                D_pc=pairs.D_pc[own],
                S_pc=pairs.S_pc[own],
                first_n=pairs.first_n[a : b + 1] - first,
                structure_n=np.zeros(b - a, np.int64),
                numbers_n=pairs.numbers_n[a:b],
                n_structures=1,
            ),
        )


def prior_of_sums(kernel: SparseKernel, clusters: Clusters, group_r: IntArray, n_groups: int) -> Array:
    r"""Prior variance of the energy of each group of clusters, eV²; the groups never decrease.

    .. math:: v_g = \delta^2 \sum_{rr' \in g} w_r w_{r'}\, \kappa(\mathbf x_r, \mathbf x_{r'})
    """
    mapped_rf, _ = kernel.kernel.mapped(clusters.values_rf)
    weight_r = np.ones(len(mapped_rf)) if clusters.weight_r is None else clusters.weight_r
    prior_g = np.zeros(n_groups)
    for kind in np.unique(clusters.kind_r):
        rows = np.flatnonzero(clusters.kind_r == kind)
        groups, first = np.unique(group_r[rows], return_index=True)
        for g, start, stop in zip(groups, first, [*first[1:], len(rows)], strict=True):
            own = rows[start:stop]
            x_rf, w_r = mapped_rf[own], weight_r[own]
            most = MOST_VALUES // len(own) + 1
            for some in range(0, len(own), most):
                part = slice(some, some + most)
                prior_g[g] += w_r[part] @ kernel.kernel.curve(kernel.kernel.similarity(x_rf[part], x_rf)) @ w_r
    return kernel.delta**2 * prior_g


def prior_of_forces(process: SparseProcess, pairs: Pairs) -> Array:
    r"""Prior variances of the forces of one structure, (eV/Å)², shape (atoms, 3).

    With :math:`\mathbf t_r = \partial\mathbf x_r/\partial r_{ic}`, and :math:`w'_r` likewise,

    .. math::
        v_{ic} = \delta^2 \sum_{rr'} \left[ w_r w_{r'}\,
            \mathbf t_r \cdot \frac{\partial^2\kappa}{\partial\mathbf x_r\partial\mathbf x_{r'}} \mathbf t_{r'}
        + 2\, w_r w'_{r'}\, \mathbf t_r \cdot \frac{\partial\kappa}{\partial\mathbf x_r}
        + w'_r w'_{r'}\, \kappa \right] ,

    over all clusters that the atom is in.
    """
    variance_nc = np.zeros((pairs.n_atoms, 3))
    for descriptor, kernel, _ in process.terms():
        clusters = clusters_of(descriptor, pairs)
        moved = _Moved(kernel, clusters)
        for i in range(pairs.n_atoms):
            variance_nc[i] += moved.variance(i)
    return variance_nc


class _Moved:
    """How clusters change when one atom is moved."""

    def __init__(self, kernel: SparseKernel, clusters: Clusters) -> None:
        entries, pairs = clusters.entries(), clusters.pairs
        mapped_rf, scale = kernel.kernel.mapped(clusters.values_rf)
        turned_qcf = kernel.kernel.turned(mapped_rf[entries.row_q], scale[entries.row_q], entries.slope_qcf)
        # moving the centre takes all vectors of its clusters back, moving a neighbour takes one forth
        rows, first = np.unique(entries.row_q, return_index=True)
        own_rcf = np.add.reduceat(turned_qcf, first, axis=0) if len(rows) else turned_qcf
        atom_q = np.concatenate([clusters.centre_r[rows], pairs.j_p[entries.pair_q]])
        order = np.argsort(atom_q, kind="stable")
        self.kernel, self.mapped_rf, self.kind_r = kernel, mapped_rf, clusters.kind_r
        self.row_q = np.concatenate([rows, entries.row_q])[order]
        self.slope_qcf = np.concatenate([-own_rcf, turned_qcf])[order]
        self.first_n = np.searchsorted(atom_q[order], np.arange(pairs.n_atoms + 1))
        self.weight_r, self.weight_slope_qc = clusters.weight_r, None
        if entries.weight_slope_qc is not None:
            own_rc = np.add.reduceat(entries.weight_slope_qc, first, axis=0) if len(rows) else np.empty((0, 3))
            self.weight_slope_qc = np.concatenate([-own_rc, entries.weight_slope_qc])[order]

    def variance(self, i: int) -> Array:
        """Prior variance of the three components of the force on an atom."""
        q = np.arange(self.first_n[i], self.first_n[i + 1])
        total_c = np.zeros(3)
        for kind in np.unique(self.kind_r[self.row_q[q]]):
            total_c += self._of_kind(q[self.kind_r[self.row_q[q]] == kind])
        return self.kernel.delta**2 * total_c

    def _of_kind(self, q: IntArray) -> Array:
        kernel = self.kernel.kernel
        x_qf = self.mapped_rf[self.row_q[q]]
        similarity_qq = kernel.similarity(x_qf, x_qf)
        w_q = np.ones(len(q)) if self.weight_r is None else self.weight_r[self.row_q[q]]
        slope_qcq = kernel.similarity_slopes(x_qf, self.slope_qcf[q], x_qf)
        k, dk, ddk = (kernel.curve(similarity_qq, order) for order in range(3))
        total_c = np.zeros(3)
        for c in range(3):
            t_qf, b_qq = self.slope_qcf[q, c], slope_qcq[:, c]
            total_c[c] = w_q @ (dk * (t_qf @ t_qf.T) + ddk * b_qq * b_qq.T) @ w_q
            if self.weight_slope_qc is not None:
                v_q = self.weight_slope_qc[q, c]
                total_c[c] += 2 * w_q @ (dk * b_qq) @ v_q + v_q @ k @ v_q
        return total_c
