"""Kernel ridge regression of the energies of structures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from ase import Atoms
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.linalg.blas import dtrmv
from scipy.linalg.lapack import dpocon

from potscope.core._types import Array, IntArray
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.structure_kernel import Machine, StructureKernelPotential


@dataclass(eq=False)
class KernelRidge(StructureKernelPotential):
    r"""Kernel ridge regression on a descriptor of whole structures.

    .. math::
        E = \sum_z N_z e_z + S \sum_m \alpha_m\, k(\mathbf x, \mathbf x_m), \qquad
        (\mathbf K + \lambda \mathbf 1)\,\boldsymbol\alpha = \mathbf y,

    with the kernel of the distance between features

    .. math::
        k_\text{Gaussian} = \exp\left[-\frac{|\mathbf x - \mathbf x'|_2^2}{2\theta^2}\right], \qquad
        k_\text{Laplacian} = \exp\left[-\frac{|\mathbf x - \mathbf x'|_1}{\theta}\right],

    and the targets :math:`y_m`, eV or eV/atom, that `target` names. See `StructureKernelPotential` for S and
    :math:`e_z`, for the forces, and for what a potential on whole structures cannot do. The linear equations are solved
    by Cholesky decomposition; no jitter is added beside λ.

    It is the mean of a Gaussian process with the prior covariance :math:`\sigma_f^2 k` and a noise of variance
    :math:`\sigma_f^2\lambda`. The amplitude that makes the targets most likely, and the variance of an energy, are

    .. math::
        \sigma_f^2 = \frac1M\, \mathbf y^{\mathsf T}(\mathbf K + \lambda\mathbf 1)^{-1}\mathbf y, \qquad
        \sigma_E^2 = S^2 \sigma_f^2 \left[ k(\mathbf x, \mathbf x)
            - \mathbf k^{\mathsf T}(\mathbf K + \lambda\mathbf 1)^{-1}\mathbf k \right], \qquad
        k_m = k(\mathbf x, \mathbf x_m),

    without the noise of a reference. The variance of a force is that of the process' derivative, with
    :math:`\mathbf t = \partial\mathbf x/\partial r_{ic}` in the place of :math:`\mathbf x`; the Laplacian kernel has
    none, as its process has no derivatives.

    `cross_validated` chooses hyperparameters.

    Parameters
    ----------
    descriptor
        One of whole structures: `CoulombMatrix`, `AverageSOAP` and others.
    kernel, length, target, regularisation
        As declared; see ``declared(KernelRidge)``.

    Attributes
    ----------
    species_, offsets_
        The elements of the data, and their energies :math:`e_z`, eV.
    weights_
        :math:`\alpha_m`, shape (structures,).
    length_
        θ, in the features' unit.

    References
    ----------
    M. Rupp, A. Tkatchenko, K.-R. Müller, O. A. von Lilienfeld, Phys. Rev. Lett. 108, 058301 (2012).
    doi:10.1103/PhysRevLett.108.058301

    K. Hansen et al., J. Chem. Theory Comput. 9, 3404 (2013), for the Laplacian kernel. doi:10.1021/ct400195d

    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (MIT Press, 2006), eqs. 2.26 and 5.8,
    and ch. 9.4 for derivatives.
    """

    title: ClassVar[str] = "Kernel ridge regression (KRR)"
    has_energy_std: ClassVar[bool] = True
    has_atom_std: ClassVar[bool] = True

    regularisation: float = hyperparameter(
        "λ, what is added to the kernel's diagonal of ones; larger is smoother.", default=1e-6, bounds=(1e-15, 1e3)
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters."""
        super().__post_init__()
        self._tells(has_atom_std=self.kernel == "Gaussian")

    def _solve(self, kernel_ss: Array, target_s: Array) -> Machine:
        factor_ss = self._factor(kernel_ss)
        weights_s = np.asarray(cho_solve((factor_ss, True), target_s, check_finite=False))
        return Machine(weights_s, factor_ss=factor_ss)

    def _factor(self, kernel_ss: Array) -> Array:
        """Cholesky factor, in the lower triangle, of the kernel, which is overwritten, and the ridge."""
        norm = float(kernel_ss.sum(axis=0).max()) + self.regularisation  # no entry is negative
        kernel_ss[np.diag_indices_from(kernel_ss)] += self.regularisation
        try:
            # symmetric, so that the transpose, in the order LAPACK wants, saves a copy
            factor_ss, _ = cho_factor(kernel_ss.T, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError as error:
            raise ValueError(self._singular()) from error
        if dpocon(factor_ss, norm, uplo="L")[0] < np.finfo(float).eps:
            raise ValueError(self._singular())
        return np.asarray(factor_ss)

    def _remembered(self, weights_s: Array) -> IntArray:
        """All: one without a weight makes variances smaller."""
        return np.arange(len(weights_s))

    def _left(self, columns_mq: Array) -> Array:
        r""":math:`\mathbf k^{\mathsf T}(\mathbf K + \lambda\mathbf 1)^{-1}\mathbf k` of some columns, shape (q,)."""
        explained_mq = solve_triangular(self._known_factor(), columns_mq, lower=True, check_finite=False)
        return np.asarray(np.einsum("mq,mq->q", explained_mq, explained_mq))

    def _energy_std(self, kernel_sm: Array, scale_s: Array) -> Array:
        variance_s = 1 - self._left(kernel_sm.T)
        return scale_s * self.amplitude_ * np.sqrt(np.maximum(variance_s, 0.0))

    def _force_std(self, structures: Sequence[Atoms], kernel_sm: Array, scale_s: Array) -> tuple[Array, ...] | None:
        if not self.has_atom_std:
            return None
        found = []
        for atoms, kernel_m, scale in zip(structures, kernel_sm, scale_s, strict=True):
            features = self.descriptor.compute([atoms])  # one at a time, as the Jacobian of many is large
            t_qf = self._slopes(features).reshape(3 * len(atoms), -1) / self.length_
            away_mf = (self._points_mf - features.values) / self.length_
            variance_q = np.einsum("qf,qf->q", t_qf, t_qf) - self._left(kernel_m[:, None] * (away_mf @ t_qf.T))
            found.append((scale * self.amplitude_ * np.sqrt(np.maximum(variance_q, 0.0))).reshape(-1, 3))
        return tuple(found)

    def _slopes(self, features: Features) -> Array:
        """Derivatives of the features of one structure by the positions, but for their sign, shape (atoms, 3, f)."""
        J_pcf = features.jacobian()
        # where moving all atoms changes the features, each atom is its own only neighbour
        return features.pairs.forces(J_pcf) if "translation" in self.descriptor.invariant_under else J_pcf

    @property
    def amplitude_(self) -> float:
        r""":math:`\sigma_f`, in the unit of the targets: eV, or eV/atom where `target` is ``"per atom"``."""
        self.check_fitted()
        # y is (K + λ) α = L Lᵀ α
        whitened_m = dtrmv(self._known_factor(), self.weights_, lower=1, trans=1)
        return float(np.linalg.norm(whitened_m) / np.sqrt(max(1, len(whitened_m))))

    def _known_factor(self) -> Array:
        """The factor of the fit; files do not hold it."""
        if self._factor_mm is None:
            self._factor_mm = self._factor(self.kernel_of(self.distances(self._points_mf), self.length_))
        return self._factor_mm

    def _singular(self) -> str:
        return (
            f"`regularisation`: {self.regularisation:g} is too small, the kernel between the structures is singular to "
            "rounding: some have the same features, or `length` is much larger than the distances between them"
        )
