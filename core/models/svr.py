"""Support vector regression of the energies of structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn import svm

from potscope.core._types import Array
from potscope.core.hyperparameters import hyperparameter
from potscope.core.models.structure_kernel import Machine, StructureKernelPotential

TOLERANCE = 1e-3  # of epsilon, to which the conditions of the optimum are met


@dataclass(eq=False)
class SVR(StructureKernelPotential):
    r"""Support vector regression on a descriptor of whole structures.

    .. math::
        E = \sum_z N_z e_z + S \left[ b + \sum_m \alpha_m\, k(\mathbf x, \mathbf x_m) \right], \qquad
        \min_{\boldsymbol\alpha, b}\ \tfrac12 \boldsymbol\alpha^{\mathsf T}\mathbf K\boldsymbol\alpha
        + C \sum_m \max\left(0, |y_m - f_m| - \epsilon\right), \qquad |\alpha_m| \le C,

    with :math:`f_m` what is in the brackets. Errors below ε cost nothing, and structures within it have no weight;
    those that have are the support vectors, the only ones that are remembered. See `StructureKernelPotential` for S and
    :math:`e_z`, for the forces, and for what a potential on whole structures cannot do; `KernelRidge` for the kernels.
    Solved by scikit-learn's ``SVR`` on a precomputed kernel, which cannot be cancelled midway.

    `cross_validated` chooses hyperparameters. There are no standard deviations, but those of a `Committee`.

    Parameters
    ----------
    descriptor
        One of whole structures: `CoulombMatrix`, `AverageSOAP` and others.
    kernel, length, target, C, epsilon
        As declared; see ``declared(SVR)``.

    Attributes
    ----------
    species_, offsets_
        The elements of the data, and their energies :math:`e_z`, eV.
    weights_, constant_
        :math:`\alpha_m` of the support vectors, shape (n_support_,), and b.
    length_
        Length of the kernel, in the features' unit.

    References
    ----------
    A. J. Smola, B. Schölkopf, Stat. Comput. 14, 199 (2004). doi:10.1023/B:STCO.0000035301.49549.88
    """

    title: ClassVar[str] = "Support vector regression (SVR)"

    C: float = hyperparameter(
        "Largest weight of a structure; larger is closer to the data.", default=1000.0, unit="eV", bounds=(1e-6, 1e9)
    )
    epsilon: float = hyperparameter(
        "Error that costs nothing, of the energy per atom or the total energy as the target is.",
        default=1e-3,
        unit="eV",
        bounds=(1e-9, 10.0),
    )

    @property
    def n_support_(self) -> int:
        """Number of support vectors."""
        self.check_fitted()
        return len(self.weights_)

    @property
    def kept(self) -> str:
        """How many support vectors, of how many structures."""
        return f"{self.n_support_} support vectors of {self.n_structures_} structures"

    def __repr__(self) -> str:
        """Hyperparameters and, once fitted, the number of support vectors."""
        chosen = {"descriptor": self.descriptor, **self.hyperparameters()}
        text = f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in chosen.items())})"
        return f"<{text}, {self.kept}>" if self.fitted else text

    def _solve(self, kernel_ss: Array, target_s: Array) -> Machine:
        machine = svm.SVR(kernel="precomputed", C=self.C, epsilon=self.epsilon, tol=TOLERANCE * self.epsilon)
        machine.fit(kernel_ss, target_s)
        weights_s = np.zeros(len(target_s))
        weights_s[machine.support_] = machine.dual_coef_[0]
        return Machine(weights_s, float(machine.intercept_[0]))
