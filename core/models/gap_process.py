"""A sum of sparse Gaussian processes over clusters of atoms: its kernel with total energies and their derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms
from scipy.linalg import LinAlgError, block_diag, cholesky

from potscope.core._types import Array, IntArray
from potscope.core.descriptors import FewBody, LocalDescriptor
from potscope.core.features import Gradient
from potscope.core.models.environment_kernel import MOST_SLOPES, SparseKernel
from potscope.core.models.gap_clusters import Clusters, clusters_of, in_parts
from potscope.core.models.local_energies import by_centres, virials_of
from potscope.core.pairs import Pairs

JITTER = 1e-10  # of the prior variance, added to the kernel between sparse points as gap_fit does


@dataclass(frozen=True)
class SparseProcess:
    """Descriptors with their kernels; the sparse points of all terms are laid end to end.

    Attributes
    ----------
    descriptors, kernels
        Of each term.
    """

    descriptors: tuple[LocalDescriptor | FewBody, ...]
    kernels: tuple[SparseKernel, ...]

    @cached_property
    def first_m(self) -> tuple[int, ...]:
        """The sparse points of term t are ``first_m[t]:first_m[t + 1]``."""
        return (0, *np.cumsum([kernel.size for kernel in self.kernels]).tolist())

    @property
    def size(self) -> int:
        """Number of sparse points."""
        return self.first_m[-1]

    @property
    def reach(self) -> float:
        """Distance beyond which no neighbour counts, Å."""
        return max(descriptor.reach for descriptor in self.descriptors)

    def terms(self) -> Iterator[tuple[LocalDescriptor | FewBody, SparseKernel, slice]]:
        """Descriptor, kernel and place of the sparse points of each term."""
        for t, (descriptor, kernel) in enumerate(zip(self.descriptors, self.kernels, strict=True)):
            yield descriptor, kernel, slice(self.first_m[t], self.first_m[t + 1])

    def prior(self) -> Array:
        r"""Upper triangle :math:`\mathbf U` with :math:`\mathbf U^{\mathsf T}\mathbf U = \mathbf K_{mm}`, eV."""
        return np.asarray(block_diag(*(_upper_cholesky(k.between_sparse_points(), k.delta**2) for k in self.kernels)))

    def energies(self, pairs: Pairs, weights_m: Array) -> Array:
        """Energies of atoms, eV, without derivatives."""
        local_n = np.zeros(pairs.n_atoms)
        for descriptor, kernel, own in self.terms():
            for clusters in in_parts(descriptor, pairs):
                energy_r, _, _ = kernel.energies(clusters, weights_m[own])
                local_n += np.bincount(clusters.centre_r, energy_r, pairs.n_atoms)
        return local_n

    def gradient(self, pairs: Pairs, weights_m: Array) -> tuple[Array, Gradient]:
        """Energies of atoms, eV, with forces and virials."""
        local_n = np.zeros(pairs.n_atoms)
        forces_nc, virials_scc = np.zeros((pairs.n_atoms, 3)), np.zeros((pairs.n_structures, 3, 3))
        for descriptor, kernel, own in self.terms():
            for clusters in in_parts(descriptor, pairs):
                energy_r, slope_rf, slope_r = kernel.energies(clusters, weights_m[own])
                local_n += np.bincount(clusters.centre_r, energy_r, pairs.n_atoms)
                gradient = clusters.gradient(slope_rf, slope_r)
                forces_nc += gradient.forces
                virials_scc += gradient.virials
        return local_n, Gradient(forces_nc, virials_scc)

    def energy_columns(self, pairs: Pairs) -> Array:
        """Kernel of total energies with the sparse points, eV², shape (structures, m)."""
        sums_sm = np.zeros((pairs.n_structures, self.size))
        for descriptor, kernel, own in self.terms():
            for clusters in in_parts(descriptor, pairs):
                sums_sm[:, own] += kernel.sums(clusters, pairs.structure_n[clusters.centre_r], pairs.n_structures)
        return sums_sm

    def derivative_columns(self, pairs: Pairs) -> tuple[Array, Array]:
        """Kernels of the forces and virials of one structure with the sparse points.

        Returns
        -------
        forces_ncm, virials_vm
            eV²/Å, shape (atoms, 3, m), and eV², Voigt order, shape (6, m).
        """
        forces_ncm, virials_vm = np.zeros((pairs.n_atoms, 3, self.size)), np.zeros((6, self.size))
        for descriptor, kernel, own in self.terms():
            for clusters in _small_parts(descriptor, pairs, kernel.size):
                for columns, p_q, slope_qcm in kernel.slopes(clusters):
                    place = slice(own.start + columns.start, own.start + columns.stop)
                    chosen = _taken(clusters.pairs, p_q)
                    forces_ncm[:, :, place] += chosen.forces(slope_qcm)
                    virials_vm[:, place] += virials_of(chosen, slope_qcm)
        return forces_ncm, virials_vm

    def check_species(self, structures: Sequence[Atoms]) -> None:
        """Raise a ValueError that names the elements that a descriptor does not know."""
        for descriptor in self.descriptors:
            descriptor.check_species(structures)


def _small_parts(descriptor: LocalDescriptor | FewBody, pairs: Pairs, size: int) -> Iterator[Clusters]:
    """The clusters of some centres at a time, so that the Jacobian of a large structure is never whole."""
    if isinstance(descriptor, FewBody):
        yield from in_parts(descriptor, pairs)
        return
    for own in by_centres(pairs, MOST_SLOPES // (3 * max(size, len(descriptor.names)))):
        yield clusters_of(descriptor, own)


def _taken(pairs: Pairs, p_q: IntArray) -> Pairs:
    """Some of the pairs, any of them more than once, in any order."""
    return replace(pairs, i_p=pairs.i_p[p_q], j_p=pairs.j_p[p_q], D_pc=pairs.D_pc[p_q], S_pc=pairs.S_pc[p_q])


def _upper_cholesky(kernel_mm: Array, variance: float) -> Array:
    """U with UᵀU = K + jitter; more jitter only where rounding has made K indefinite."""
    jitter = JITTER * variance
    for _ in range(5):
        try:
            return np.asarray(cholesky(kernel_mm + jitter * np.eye(len(kernel_mm)), lower=False, check_finite=False))
        except LinAlgError:
            jitter *= 10
    raise ValueError("the kernel between sparse points is singular; choose fewer with `n_sparse` or a larger `zeta`")
