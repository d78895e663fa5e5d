r"""Kernels between environments, each declared with its hyperparameters.

A kernel is a function :math:`k(\mathbf x, \mathbf y)` of two rows of features. Called, it gives the matrix for all rows
of one set and of another; `pull_back` gives what forces need, the derivatives of an energy
:math:`E(k(\mathbf x_n, \mathbf y_m))` by the features :math:`\mathbf x_n`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from potscope.core._types import Array
from potscope.core.hyperparameters import Declared, hyperparameter
from potscope.core.kernels.manhattan import check_features, manhattan_distances, manhattan_pull_back


def normalised(values_nf: Array) -> tuple[Array, Array]:
    """Rows divided by their length, and the lengths; a row of zeros stays zero."""
    length_n = np.sqrt(np.einsum("nf,nf->n", values_nf, values_nf))
    safe_n = np.where(length_n > 0, length_n, 1.0)
    return values_nf / safe_n[:, None], length_n


def power(cosine: Array, exponent: float) -> Array:
    """A power of cosines, element by element; whole exponents by repeated multiplication, several times faster."""
    if not float(exponent).is_integer():
        # rounding can take a cosine of zero below zero, where a fractional power has no value
        return np.asarray(np.maximum(cosine, 0.0) ** exponent)
    result, square, rest = np.ones_like(cosine), cosine, int(exponent)
    while rest:
        if rest % 2:
            result = result * square
        rest //= 2
        if rest:
            square = square * square
    return result


def polynomial_kernel(values_nf: Array, others_mf: Array, zeta: float) -> Array:
    r"""Power of the cosine between every row of one and every row of the other, shape (n, m).

    Parameters
    ----------
    values_nf, others_mf
        Features, not necessarily normalised.
    zeta
        :math:`\zeta`; larger is more selective.
    """
    check_features(values_nf, others_mf)
    x_nf = normalised(values_nf)[0]
    y_mf = x_nf if others_mf is values_nf else normalised(others_mf)[0]  # one array is half a matrix product
    return power(x_nf @ y_mf.T, zeta)


class Kernel(Declared, ABC):
    """A kernel between rows of features: a frozen dataclass of hyperparameters that can be called."""

    title: ClassVar[str]
    """The kernel's name in the field."""

    @abstractmethod
    def __call__(self, values_nf: Array, others_mf: Array) -> Array:
        """Kernel of every row of one with every row of the other, no unit, shape (n, m)."""

    @abstractmethod
    def diagonal(self, values_nf: Array) -> Array:
        """Kernel of each row with itself, shape (n,)."""

    @abstractmethod
    def pull_back(self, values_nf: Array, others_mf: Array, dE_dk_nm: Array) -> Array:
        r""":math:`\sum_m \frac{\partial E}{\partial k_{nm}} \frac{\partial k_{nm}}{\partial x_{nf}}`, shape (n, f).

        Parameters
        ----------
        values_nf, others_mf
            Features :math:`\mathbf x_n` and :math:`\mathbf y_m`.
        dE_dk_nm
            Derivatives by the kernel matrix, shape (n, m).
        """

    def slopes(self, values_nf: Array, others_mf: Array) -> Array:
        r""":math:`\partial k(\mathbf x_n, \mathbf y_m)/\partial x_{nf}`, shape (n, m, f); meant for few rows."""
        slope_nmf = np.empty((len(values_nf), len(others_mf), values_nf.shape[1]))
        for m in range(len(others_mf)):
            slope_nmf[:, m] = self.pull_back(values_nf, others_mf[m : m + 1], np.ones((len(values_nf), 1)))
        return slope_nmf


@dataclass(frozen=True)
class PolynomialKernel(Kernel):
    r"""Power of the cosine between two environments, as of SOAP's dot product.

    .. math::
        k(\mathbf x, \mathbf y) = (\hat{\mathbf x} \cdot \hat{\mathbf y})^\zeta, \qquad
        \frac{\partial k}{\partial\mathbf x} = \frac{\zeta\, c^{\zeta-1}}{|\mathbf x|}
            \left(\hat{\mathbf y} - c\,\hat{\mathbf x}\right), \qquad c = \hat{\mathbf x}\cdot\hat{\mathbf y}

    It is positive semidefinite for whole :math:`\zeta`; for others, cosines below zero count as zero. A row of zeros
    has the kernel zero with every other.

    Parameters
    ----------
    zeta
        As declared; see ``declared(PolynomialKernel)``.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013). doi:10.1103/PhysRevB.87.184115
    """

    title: ClassVar[str] = "Power of the cosine"

    zeta: float = hyperparameter("Power of the cosine; larger is more selective.", default=2.0, bounds=(1.0, 20.0))

    def __call__(self, values_nf: Array, others_mf: Array) -> Array:
        """Kernel of every row of one with every row of the other, shape (n, m)."""
        return polynomial_kernel(values_nf, others_mf, self.zeta)

    def diagonal(self, values_nf: Array) -> Array:
        """Kernel of each row with itself: one, or zero for a row of zeros."""
        return (normalised(values_nf)[1] > 0).astype(float)

    def pull_back(self, values_nf: Array, others_mf: Array, dE_dk_nm: Array) -> Array:
        """Derivatives by the first features; see `Kernel.pull_back`."""
        x_nf, length_n = normalised(values_nf)
        y_mf, _ = normalised(others_mf)
        cosine_nm = x_nf @ y_mf.T
        g_nm = dE_dk_nm * self.zeta * power(cosine_nm, self.zeta - 1)
        if not self.zeta.is_integer():
            g_nm = np.where(cosine_nm > 0, g_nm, 0.0)
        along_n = np.einsum("nm,nm->n", g_nm, cosine_nm)
        safe_n = np.where(length_n > 0, length_n, np.inf)
        return np.asarray((g_nm @ y_mf - along_n[:, None] * x_nf) / safe_n[:, None])


@dataclass(frozen=True)
class SquaredExponential(Kernel):
    r"""Gaussian of the distance between features, with one length or one for each component.

    .. math::
        k(\mathbf x, \mathbf y) = \exp\left[-\frac12 \sum_f \frac{(x_f - y_f)^2}{\theta_f^2}\right], \qquad
        \frac{\partial k}{\partial x_f} = -\frac{x_f - y_f}{\theta_f^2}\,k

    With lengths of their own it is the kernel of the first Gaussian approximation potentials, on the bispectrum.

    Parameters
    ----------
    length
        As declared; see ``declared(SquaredExponential)``. A single number serves all components.

    References
    ----------
    A. P. Bartók, M. C. Payne, R. Kondor, G. Csányi, Phys. Rev. Lett. 104, 136403 (2010).
    doi:10.1103/PhysRevLett.104.136403
    """

    title: ClassVar[str] = "Squared exponential"

    length: tuple[float, ...] = hyperparameter(
        "Length over which features differ, one for all or one each, in the features' unit.",
        default=(1.0,),
        bounds=(1e-9, 1e9),
    )

    def _scaled(self, values_nf: Array) -> Array:
        if len(self.length) not in (1, values_nf.shape[1]):
            raise ValueError(
                f"`length`: expected one number or one for each of {values_nf.shape[1]} features, "
                f"got {len(self.length)}"
            )
        return np.asarray(values_nf / np.array(self.length))

    def __call__(self, values_nf: Array, others_mf: Array) -> Array:
        """Kernel of every row of one with every row of the other, shape (n, m)."""
        return np.asarray(np.exp(-0.5 * squared_distances(self._scaled(values_nf), self._scaled(others_mf))))

    def diagonal(self, values_nf: Array) -> Array:
        """Kernel of each row with itself: one."""
        return np.ones(len(values_nf))

    def pull_back(self, values_nf: Array, others_mf: Array, dE_dk_nm: Array) -> Array:
        """Derivatives by the first features; see `Kernel.pull_back`."""
        x_nf, y_mf = self._scaled(values_nf), self._scaled(others_mf)
        g_nm = dE_dk_nm * np.exp(-0.5 * squared_distances(x_nf, y_mf))
        return np.asarray((g_nm @ y_mf - g_nm.sum(axis=1)[:, None] * x_nf) / np.array(self.length))


@dataclass(frozen=True)
class Laplacian(Kernel):
    r"""Exponential of the sum of absolute differences between features.

    .. math::
        k(\mathbf x, \mathbf y) = \exp\left[-\frac1\theta \sum_f |x_f - y_f|\right], \qquad
        \frac{\partial k}{\partial x_f} = -\frac{\operatorname{sign}(x_f - y_f)}{\theta}\,k

    with the derivative zero where a component is equal, where the kernel has a cusp. The kernel of choice for sorted
    Coulomb matrices.

    Parameters
    ----------
    length
        As declared; see ``declared(Laplacian)``.

    References
    ----------
    K. Hansen et al., J. Chem. Theory Comput. 9, 3404 (2013). doi:10.1021/ct400195d
    """

    title: ClassVar[str] = "Laplacian"

    length: float = hyperparameter(
        "Length over which features differ, in the features' unit.", default=100.0, bounds=(1e-9, 1e9)
    )

    def __call__(self, values_nf: Array, others_mf: Array) -> Array:
        """Kernel of every row of one with every row of the other, shape (n, m); half the work for one set."""
        kernel_nm = manhattan_distances(values_nf, others_mf)
        kernel_nm *= -1 / self.length
        return np.exp(kernel_nm, out=kernel_nm)

    def diagonal(self, values_nf: Array) -> Array:
        """Kernel of each row with itself: one."""
        return np.ones(len(values_nf))

    def pull_back(self, values_nf: Array, others_mf: Array, dE_dk_nm: Array) -> Array:
        """Derivatives by the first features; see `Kernel.pull_back`."""
        return manhattan_pull_back(values_nf, others_mf, -dE_dk_nm * self(values_nf, others_mf) / self.length)


def squared_distances(values_nf: Array, others_mf: Array) -> Array:
    r""":math:`\sum_f (x_{nf} - y_{mf})^2`, shape (n, m), never negative and zero between a row and itself.

    By matrix products about the mean of the others, as far as rounding goes: distances below 10⁻⁷ of the features'
    spread are not resolved.
    """
    check_features(values_nf, others_mf)
    centre_f = others_mf.mean(axis=0) if len(others_mf) else 0.0
    x_nf, y_mf = values_nf - centre_f, others_mf - centre_f
    squared_nm = x_nf @ y_mf.T
    squared_nm *= -2
    squared_nm += np.einsum("nf,nf->n", x_nf, x_nf)[:, None]
    squared_nm += np.einsum("mf,mf->m", y_mf, y_mf)
    np.maximum(squared_nm, 0.0, out=squared_nm)
    if values_nf is others_mf:
        np.fill_diagonal(squared_nm, 0.0)
    return squared_nm


REGISTRY: dict[str, type[Kernel]] = {cls.__name__: cls for cls in (PolynomialKernel, SquaredExponential, Laplacian)}
