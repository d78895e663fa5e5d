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


class SimilarityKernel(Kernel):
    r"""A function of one number that says how similar two environments are.

    .. math::
        k(\mathbf x, \mathbf y) = \varphi(s), \qquad s = s(\tilde{\mathbf x}, \tilde{\mathbf y}), \qquad
        \frac{\partial s}{\partial\tilde{\mathbf x}} = \tilde{\mathbf y} - \tilde{\mathbf x}

    on mapped features :math:`\tilde{\mathbf x}`, up to what the map takes out of a derivative. All derivatives of
    the kernel follow from those of :math:`\varphi` and of the map, which are symmetric matrices.
    """

    @abstractmethod
    def mapped(self, values_nf: Array) -> tuple[Array, Array]:
        """Mapped features, shape (n, f), and the scale that `turned` takes, shape (n, 1) or (n, f)."""

    @abstractmethod
    def turned(self, mapped_nf: Array, scale: Array, slopes_nf: Array) -> Array:
        r""":math:`\frac{\partial\tilde{\mathbf x}}{\partial\mathbf x}` times slopes, shape (n, f) or (n, c, f)."""

    @abstractmethod
    def similarity(self, mapped_nf: Array, others_mf: Array) -> Array:
        """The similarity :math:`s` of every mapped row of one with every one of the other, shape (n, m)."""

    @abstractmethod
    def similarity_slopes(self, mapped_nf: Array, turned_ncf: Array, others_mf: Array) -> Array:
        """Derivatives of the similarity along turned slopes of the first, shape (n, c, m)."""

    @abstractmethod
    def curve(self, similarity_nm: Array, order: int = 0) -> Array:
        r"""The function :math:`\varphi(s)`, or its first or second derivative."""

    def value_and_slope(self, similarity_nm: Array) -> tuple[Array, Array]:
        """The function and its first derivative, in less time than one after the other."""
        return self.curve(similarity_nm), self.curve(similarity_nm, 1)

    def __call__(self, values_nf: Array, others_mf: Array) -> Array:
        """Kernel of every row of one with every row of the other, shape (n, m)."""
        check_features(values_nf, others_mf)
        x_nf, _ = self.mapped(values_nf)
        y_mf = x_nf if others_mf is values_nf else self.mapped(others_mf)[0]  # one array is half a matrix product
        return self.curve(self.similarity(x_nf, y_mf))

    def pull_back(self, values_nf: Array, others_mf: Array, dE_dk_nm: Array) -> Array:
        """Derivatives by the first features; see `Kernel.pull_back`."""
        x_nf, scale = self.mapped(values_nf)
        y_mf, _ = self.mapped(others_mf)
        g_nm = dE_dk_nm * self.curve(self.similarity(x_nf, y_mf), 1)
        return self.turned(x_nf, scale, g_nm @ y_mf - g_nm.sum(axis=1)[:, None] * x_nf)


@dataclass(frozen=True)
class PolynomialKernel(SimilarityKernel):
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

    def diagonal(self, values_nf: Array) -> Array:
        """Kernel of each row with itself: one, or zero for a row of zeros."""
        return (normalised(values_nf)[1] > 0).astype(float)

    def mapped(self, values_nf: Array) -> tuple[Array, Array]:
        """Normalised features, and one over their lengths; a row of zeros stays zero."""
        unit_nf, length_n = normalised(values_nf)
        return unit_nf, 1 / np.where(length_n > 0, length_n, np.inf)[:, None]

    def turned(self, mapped_nf: Array, scale: Array, slopes_nf: Array) -> Array:
        """Slopes of the normalised features: what changes the length alone is taken out."""
        if slopes_nf.ndim == 2:
            along_n = np.einsum("nf,nf->n", slopes_nf, mapped_nf)
            return np.asarray((slopes_nf - along_n[:, None] * mapped_nf) * scale)
        along_nc = np.einsum("ncf,nf->nc", slopes_nf, mapped_nf)
        turned_ncf = slopes_nf - along_nc[:, :, None] * mapped_nf[:, None, :]
        turned_ncf *= scale[:, None, :]
        return np.asarray(turned_ncf)

    def similarity(self, mapped_nf: Array, others_mf: Array) -> Array:
        """The cosine."""
        return np.asarray(mapped_nf @ others_mf.T)

    def similarity_slopes(self, mapped_nf: Array, turned_ncf: Array, others_mf: Array) -> Array:  # noqa: ARG002 - turned
        """Derivatives of the cosine along turned slopes, shape (n, c, m)."""
        n, c, f = turned_ncf.shape
        return np.asarray((turned_ncf.reshape(n * c, f) @ others_mf.T).reshape(n, c, len(others_mf)))

    def curve(self, similarity_nm: Array, order: int = 0) -> Array:
        """The power, or its first or second derivative."""
        exponent, factor = self.zeta - order, float(np.prod([self.zeta - k for k in range(order)]))
        if factor == 0:
            return np.zeros_like(similarity_nm)
        if self.zeta.is_integer():
            return factor * power(similarity_nm, exponent) if order else power(similarity_nm, exponent)
        return np.where(similarity_nm > 0, factor * np.where(similarity_nm > 0, similarity_nm, 1.0) ** exponent, 0.0)

    def value_and_slope(self, similarity_nm: Array) -> tuple[Array, Array]:
        """The power and its first derivative."""
        slope_nm = self.curve(similarity_nm, 1)
        return slope_nm * similarity_nm / self.zeta, slope_nm


@dataclass(frozen=True)
class SquaredExponential(SimilarityKernel):
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

    def diagonal(self, values_nf: Array) -> Array:
        """Kernel of each row with itself: one."""
        return np.ones(len(values_nf))

    def mapped(self, values_nf: Array) -> tuple[Array, Array]:
        """Features divided by their lengths, and one over the lengths."""
        if len(self.length) not in (1, values_nf.shape[1]):
            raise ValueError(
                f"`length`: expected one number or one for each of {values_nf.shape[1]} features, "
                f"got {len(self.length)}"
            )
        scale_f = np.broadcast_to(1 / np.array(self.length), values_nf.shape[1:])
        return values_nf * scale_f, np.broadcast_to(scale_f, values_nf.shape)

    def turned(self, mapped_nf: Array, scale: Array, slopes_nf: Array) -> Array:  # noqa: ARG002 - the map is linear
        """Slopes divided by the lengths."""
        return np.asarray(slopes_nf * (scale if slopes_nf.ndim == 2 else scale[:, None, :]))

    def similarity(self, mapped_nf: Array, others_mf: Array) -> Array:
        """Minus half of the squared distance."""
        similarity_nm = squared_distances(mapped_nf, others_mf)
        similarity_nm *= -0.5
        return similarity_nm

    def similarity_slopes(self, mapped_nf: Array, turned_ncf: Array, others_mf: Array) -> Array:
        """Derivatives of minus half of the squared distance along turned slopes, shape (n, c, m)."""
        n, c, f = turned_ncf.shape
        slope_ncm = (turned_ncf.reshape(n * c, f) @ others_mf.T).reshape(n, c, len(others_mf))
        slope_ncm -= np.einsum("ncf,nf->nc", turned_ncf, mapped_nf)[:, :, None]
        return np.asarray(slope_ncm)

    def curve(self, similarity_nm: Array, order: int = 0) -> Array:  # noqa: ARG002 - all derivatives are the same
        """The exponential, which is its own derivative."""
        return np.asarray(np.exp(similarity_nm))

    def value_and_slope(self, similarity_nm: Array) -> tuple[Array, Array]:
        """The exponential twice."""
        value_nm = self.curve(similarity_nm)
        return value_nm, value_nm


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
