"""Kernel ridge regression of the energies of structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.lapack import dpocon

from potscope.core._types import Array
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.structure_kernel import StructureKernelPotential


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
    """

    title: ClassVar[str] = "Kernel ridge regression (KRR)"

    regularisation: float = hyperparameter(
        "λ, what is added to the kernel's diagonal of ones; larger is smoother.", default=1e-6, bounds=(1e-15, 1e3)
    )

    def _solve(self, kernel_ss: Array, target_s: Array) -> tuple[Array, float]:
        norm = float(kernel_ss.sum(axis=0).max()) + self.regularisation  # no entry is negative
        kernel_ss[np.diag_indices_from(kernel_ss)] += self.regularisation
        try:
            # symmetric, so that the transpose, in the order LAPACK wants, saves a copy
            factor = cho_factor(kernel_ss.T, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError as error:
            raise ValueError(self._singular()) from error
        if dpocon(factor[0], norm, uplo="L")[0] < np.finfo(float).eps:
            raise ValueError(self._singular())
        return np.asarray(cho_solve(factor, target_s, check_finite=False)), 0.0

    def _singular(self) -> str:
        return (
            f"`regularisation`: {self.regularisation:g} is too small, the kernel between the structures is singular to "
            "rounding: some have the same features, or `length` is much larger than the distances between them"
        )
