r"""Kernels between structures, made of a kernel between environments.

Two structures are as far apart as

.. math:: d(A, B)^2 = K(A, A) + K(B, B) - 2 K(A, B).

References
----------
S. De, A. P. Bartók, G. Csányi, M. Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016). doi:10.1039/C6CP00415F
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import over_atoms
from potscope.core.features import Features
from potscope.core.hyperparameters import Declared, hyperparameter
from potscope.core.kernels import matching
from potscope.core.kernels.environments import Kernel, PolynomialKernel
from potscope.core.progress import Progress, silent

ROWS_AT_ONCE = 2000  # environments; bounds the memory of a kernel matrix between environments


class StructureKernel(Declared, ABC):
    """A kernel between structures: a frozen dataclass of hyperparameters, on any kernel between environments."""

    title: ClassVar[str]
    """The kernel's name in the field."""

    @abstractmethod
    def _fill(self, k_nm: Array, first_s: IntArray, first_t: IntArray, half: bool, K_st: Array) -> None:
        """From the kernel between all environments of two sets of structures; see `matching`."""

    def matrix(
        self,
        features: Features,
        others: Features | None = None,
        environment: Kernel | None = None,
        progress: Progress = silent,
    ) -> Array:
        """Kernel of every structure of one set with every structure of another, shape (structures, other structures).

        A structure without atoms has the kernel zero with every other. The environments are taken by some thousand at a
        time, so that memory does not grow with their number squared.

        Parameters
        ----------
        features, others
            Features of two sets of structures; the same set twice where `others` is None, in half the time. The rows of
            a global descriptor are the only environment of their structures.
        environment
            Kernel between environments; the square of the cosine by default.
        progress
            Called with the fraction done; it may raise `Cancelled`.
        """
        kernel = PolynomialKernel() if environment is None else environment
        b = features if others is None else others
        if b.values.shape[1] != features.values.shape[1]:
            raise ValueError(
                f"`others`: expected {features.values.shape[1]} features as the first set has, got {b.values.shape[1]}"
            )
        _check_finite("features", features)
        _check_finite("others", b)
        K_st = np.zeros((features.pairs.n_structures, b.pairs.n_structures))
        tiles = list(_tiles(features, b, half=others is None))
        for done, (s, t) in enumerate(tiles):
            progress(done / len(tiles), "kernel between structures")
            K_st[s, t] = self._tile(kernel, features, b, s, t, others is None and s == t)
        if others is None:
            lower = np.tril_indices(len(K_st), -1)
            K_st[lower] = K_st.T[lower]
        return K_st

    def diagonal(self, features: Features, environment: Kernel | None = None) -> Array:
        """Kernel of each structure with itself, shape (structures,): the diagonal of `matrix` alone."""
        kernel = PolynomialKernel() if environment is None else environment
        _check_finite("features", features)
        K_s = np.zeros(features.pairs.n_structures)
        for s in range(len(K_s)):
            one = slice(s, s + 1)
            K_s[s] = self._tile(kernel, features, features, one, one, True)[0, 0]
        return K_s

    def _tile(self, kernel: Kernel, a: Features, b: Features, s: slice, t: slice, half: bool) -> Array:
        rows, columns = a.first_row_s[s.start : s.stop + 1], b.first_row_s[t.start : t.stop + 1]
        x_nf, y_mf = a.values[rows[0] : rows[-1]], b.values[columns[0] : columns[-1]]
        k_nm = np.ascontiguousarray(kernel(x_nf, x_nf if half else y_mf))
        K_st = np.zeros((len(rows) - 1, len(columns) - 1))
        self._fill(k_nm, rows - rows[0], columns - columns[0], half, K_st)
        return K_st


def _check_finite(name: str, features: Features) -> None:
    bad_n = ~np.isfinite(features.values).all(axis=1)
    if bad_n.any():
        raise ValueError(f"`{name}`: expected finite values, got NaN or infinity in row {int(bad_n.argmax())}")


def _tiles(a: Features, b: Features, half: bool) -> Iterator[tuple[slice, slice]]:
    rows, columns = _ranges(a), _ranges(b)
    for s, t in itertools.product(rows, columns):
        if not half or t.start >= s.start:
            yield s, t


def _ranges(features: Features) -> list[slice]:
    """Ranges of structures that have some thousand environments together, or one structure that has more."""
    edges, first_s = [0], features.first_row_s
    while edges[-1] < features.pairs.n_structures:
        next_edge = int(np.searchsorted(first_s, first_s[edges[-1]] + ROWS_AT_ONCE, side="right")) - 1
        edges.append(min(max(next_edge, edges[-1] + 1), features.pairs.n_structures))
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


@dataclass(frozen=True)
class SumKernel(StructureKernel):
    r"""Sum over all pairs of environments, extensive as an energy is.

    .. math:: K(A, B) = \sum_{i \in A} \sum_{j \in B} k(i, j)
    """

    title: ClassVar[str] = "Sum of environments"

    def _fill(self, k_nm: Array, first_s: IntArray, first_t: IntArray, half: bool, K_st: Array) -> None:
        over_atoms(matching.sums, len(K_st), k_nm, first_s, first_t, half, K_st)


@dataclass(frozen=True)
class AverageKernel(StructureKernel):
    r"""Average over all pairs of environments.

    .. math:: K(A, B) = \frac{1}{N_A N_B} \sum_{i \in A} \sum_{j \in B} k(i, j)
    """

    title: ClassVar[str] = "Average"

    def _fill(self, k_nm: Array, first_s: IntArray, first_t: IntArray, half: bool, K_st: Array) -> None:
        over_atoms(matching.sums, len(K_st), k_nm, first_s, first_t, half, K_st)
        K_st /= np.maximum(1, np.diff(first_s))[:, None]
        K_st /= np.maximum(1, np.diff(first_t))


@dataclass(frozen=True)
class BestMatchKernel(StructureKernel):
    r"""Mean over the best one-to-one match of the environments.

    .. math:: K(A, B) = \max_{\mathbf P} \sum_{ij} P_{ij}\, k(i, j), \qquad
        \sum_j P_{ij} = \frac{1}{N_A}, \quad \sum_i P_{ij} = \frac{1}{N_B}, \quad P_{ij} \ge 0

    Structures of different size are matched as their repetitions to the least common multiple of their sizes are,
    without building these. The kernel is that of REMatch for a vanishing regularisation; it need not be positive
    semidefinite.
    """

    title: ClassVar[str] = "Best match"

    def _fill(self, k_nm: Array, first_s: IntArray, first_t: IntArray, half: bool, K_st: Array) -> None:
        over_atoms(matching.best_matches, len(K_st), k_nm, first_s, first_t, half, K_st)


@dataclass(frozen=True)
class REMatchKernel(StructureKernel):
    r"""Regularised entropy match of the environments.

    .. math:: K(A, B) = \sum_{ij} P_{ij}\, k(i, j), \qquad
        \mathbf P = \operatorname*{argmin}_{\mathbf P} \sum_{ij} P_{ij} \left[ 1 - k(i, j) + \alpha \ln P_{ij} \right]

        \sum_j P_{ij} = \frac{1}{N_A}, \quad \sum_i P_{ij} = \frac{1}{N_B}

    by Sinkhorn's iteration of :math:`P_{ij} = u_i\, e^{-(1 - k(i, j))/\alpha}\, v_j`, with the start and the criterion
    of DScribe, whose values these are: it ends when

    .. math:: \frac{|\Delta\mathbf u|^2}{|\mathbf u|^2} + \frac{|\Delta\mathbf v|^2}{|\mathbf v|^2}

    is at most `threshold`. Stopped there it is not quite symmetric; the first structure's factors are balanced last.
    For an `alpha` of a hundredth and less it takes long, and more so the smaller the threshold.

    Parameters
    ----------
    alpha, threshold
        As declared; see ``declared(REMatchKernel)``.
    """

    title: ClassVar[str] = "REMatch"

    alpha: float = hyperparameter(
        "Weight of the entropy: small comes near to the best match, large to the average.",
        default=0.1,
        bounds=(1e-3, 1e3),
    )
    threshold: float = hyperparameter(
        "Change of the balancing factors at which the iteration ends.", default=1e-6, bounds=(1e-20, 0.1)
    )

    def _fill(self, k_nm: Array, first_s: IntArray, first_t: IntArray, half: bool, K_st: Array) -> None:
        over_atoms(matching.rematches, len(K_st), k_nm, first_s, first_t, half, self.alpha, self.threshold, K_st)
        if not np.isfinite(K_st).all():
            raise ValueError(
                f"`alpha`: {self.alpha:g} is too small for environments that differ by as much as "
                f"{1 - k_nm.min():.3g}; expected about {(1 - k_nm.min()) / 300:.1g} or more, or a BestMatchKernel"
            )


STRUCTURE_REGISTRY: dict[str, type[StructureKernel]] = {
    "average": AverageKernel,
    "sum": SumKernel,
    "best match": BestMatchKernel,
    "rematch": REMatchKernel,
}


def average_kernel(
    features: Features, others: Features | None = None, zeta: float = 2.0, progress: Progress = silent
) -> Array:
    """`AverageKernel` of the power `zeta` of the cosine, shape (structures, other structures)."""
    return AverageKernel().matrix(features, others, PolynomialKernel(zeta), progress)


def self_kernel(features: Features, zeta: float = 2.0) -> Array:
    """The diagonal of `average_kernel` alone, shape (structures,)."""
    return AverageKernel().diagonal(features, PolynomialKernel(zeta))


def normalised_kernel(kernel_ss: Array) -> Array:
    r""":math:`K(A,B)/\sqrt{K(A,A)K(B,B)}`: one for a structure with itself."""
    scale_s = np.sqrt(np.diag(kernel_ss))
    return np.asarray(kernel_ss / scale_s[:, None] / scale_s[None, :])
