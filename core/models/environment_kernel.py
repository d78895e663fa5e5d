"""The kernel of a sparse Gaussian process between environments and its sparse points, with slopes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.features import Features
from potscope.core.kernels import normalised, power


@dataclass(frozen=True)
class EnvironmentKernel:
    r"""Kernel between environments; zero where the central atoms are of different elements.

    .. math:: k(\mathbf p, \mathbf q) = \delta^2 (\hat{\mathbf p}\cdot\hat{\mathbf q})^\zeta

    Attributes
    ----------
    sparse_mf
        Normalised features of the sparse points.
    species_m
        Element of the central atom of each, as a position in the descriptor's species.
    zeta, delta
        Power, and prior standard deviation (eV).
    """

    sparse_mf: Array
    species_m: IntArray
    zeta: float
    delta: float

    @property
    def size(self) -> int:
        """Number of sparse points."""
        return len(self.sparse_mf)

    @cached_property
    def _one_species(self) -> bool:
        return len(np.unique(self.species_m)) <= 1

    def _same(self, species_n: IntArray, others_m: IntArray) -> Array:
        if self._one_species and len(others_m) and (species_n == others_m[0]).all():
            return np.ones((1, 1))
        return np.asarray(species_n[:, None] == others_m[None, :], dtype=float)

    def _cosines(self, values_nf: Array) -> tuple[Array, Array, Array]:
        unit_nf, length_n = normalised(values_nf)
        return unit_nf, length_n, unit_nf @ self.sparse_mf.T

    def between_sparse_points(self) -> Array:
        """Kernel between the sparse points, eV², shape (m, m)."""
        return self.values(self.sparse_mf, self.species_m)

    def values(self, values_nf: Array, species_n: IntArray) -> Array:
        """Kernel between environments and sparse points, eV², shape (n, m)."""
        *_, cosine_nm = self._cosines(values_nf)
        return np.asarray(self.delta**2 * power(cosine_nm, self.zeta) * self._same(species_n, self.species_m))

    def self_sums(self, features: Features, species_n: IntArray) -> Array:
        """Sum of the kernel over all pairs of environments of each structure, eV², shape (structures,)."""
        unit_nf = normalised(features.values)[0]
        sums = []
        for first, last in zip(features.first_row_s[:-1], features.first_row_s[1:], strict=True):
            own, species = unit_nf[first:last], species_n[first:last]
            sums.append((power(own @ own.T, self.zeta) * self._same(species, species)).sum() if len(own) else 0.0)
        return self.delta**2 * np.array(sums)

    def energies(self, values_nf: Array, species_n: IntArray, weights_m: Array) -> tuple[Array, Array]:
        r"""Local energies, eV, shape (n,), and their slopes by the features, shape (n, f).

        .. math::
            \frac{\partial\varepsilon}{\partial\mathbf p} =
            \frac{1}{|\mathbf p|}\left(\mathbf g - (\mathbf g\cdot\hat{\mathbf p})\hat{\mathbf p}\right), \qquad
            \mathbf g = \delta^2 \zeta \sum_m w_m (\hat{\mathbf p}\cdot\hat{\mathbf q}_m)^{\zeta-1} \hat{\mathbf q}_m
        """
        unit_nf, length_n, cosine_nm = self._cosines(values_nf)
        weight = self.delta**2 * weights_m * self._same(species_n, self.species_m)
        lower_nm = power(cosine_nm, self.zeta - 1) * weight
        energy_n = np.einsum("nm,nm->n", lower_nm, cosine_nm)
        g_nf = self.zeta * (lower_nm @ self.sparse_mf)
        along_n = np.einsum("nf,nf->n", g_nf, unit_nf)
        safe_n = np.where(length_n > 0, length_n, np.inf)
        return energy_n, (g_nf - along_n[:, None] * unit_nf) / safe_n[:, None]

    def pair_slopes(self, features: Features, species_n: IntArray) -> Array:
        r""":math:`\partial k(\mathbf p_{i}, \mathbf q_m)/\partial\mathbf D_p`, eV²/Å, shape (pairs, 3, m)."""
        unit_nf, length_n, cosine_nm = self._cosines(features.values)
        factor_nm = self.delta**2 * self.zeta * power(cosine_nm, self.zeta - 1)
        factor_nm = (
            factor_nm * self._same(species_n, self.species_m) / np.where(length_n > 0, length_n, np.inf)[:, None]
        )
        J_pcf = features.jacobian()
        i_p = features.row_p
        J_pcf -= np.einsum("pcf,pf->pc", J_pcf, unit_nf[i_p])[:, :, None] * unit_nf[i_p][:, None, :]
        slope_pcm = (J_pcf.reshape(-1, J_pcf.shape[2]) @ self.sparse_mf.T).reshape(len(i_p), 3, self.size)
        slope_pcm *= factor_nm[i_p][:, None, :]
        return slope_pcm
