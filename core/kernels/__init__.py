r"""Kernels between environments and between structures, the distances they induce, and the choice of sparse points.

The kernel between two environments is a power of the cosine between their features,

.. math::
    k(i, j) = \left(\hat{\mathbf p}_i \cdot \hat{\mathbf p}_j\right)^\zeta, \qquad
    \hat{\mathbf p} = \mathbf p / |\mathbf p|,

and the kernel between two structures is its average over all pairs of their atoms. Two structures are as far apart as

.. math:: d(A, B)^2 = K(A, A) + K(B, B) - 2 K(A, B).

References
----------
A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013). doi:10.1103/PhysRevB.87.184115

S. De, A. P. Bartók, G. Csányi, M. Ceriotti, Phys. Chem. Chem. Phys. 18, 13754 (2016). doi:10.1039/C6CP00415F
"""

from __future__ import annotations

import itertools

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.features import Features
from potscope.core.progress import Progress, silent

ROWS_AT_ONCE = 2000  # environments; bounds the memory of a kernel matrix between environments


def normalised(values_nf: Array) -> tuple[Array, Array]:
    """Rows divided by their length, and the lengths; a row of zeros stays zero."""
    length_n = np.sqrt(np.einsum("nf,nf->n", values_nf, values_nf))
    safe_n = np.where(length_n > 0, length_n, 1.0)
    return values_nf / safe_n[:, None], length_n


def polynomial_kernel(values_nf: Array, others_mf: Array, zeta: float) -> Array:
    r"""Power of the cosine between every row of one and every row of the other, shape (n, m).

    Parameters
    ----------
    values_nf, others_mf
        Features, not necessarily normalised.
    zeta
        :math:`\zeta`; larger is more selective.
    """
    return power(normalised(values_nf)[0] @ normalised(others_mf)[0].T, zeta)


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


def average_kernel(
    features: Features, others: Features | None = None, zeta: float = 2.0, progress: Progress = silent
) -> Array:
    r"""Average kernel between structures, shape (structures, other structures).

    .. math:: K(A, B) = \frac{1}{N_A N_B} \sum_{i \in A} \sum_{j \in B} k(i, j)

    Parameters
    ----------
    features, others
        Features of two sets of structures; the same set twice where `others` is None. For a global descriptor the
        kernel is that between the structures' own rows.
    zeta
        See `polynomial_kernel`.
    """
    b = features if others is None else others
    unit_a, unit_b = normalised(features.values)[0], normalised(b.values)[0]
    kernel_sn = np.zeros((features.pairs.n_structures, len(unit_b)))
    for start in range(0, len(unit_a), ROWS_AT_ONCE):
        progress(start / max(1, len(unit_a)), "kernel between structures")
        rows = slice(start, start + ROWS_AT_ONCE)
        np.add.at(kernel_sn, features.structure_r[rows], power(unit_a[rows] @ unit_b.T, zeta))
    kernel_st = np.zeros((len(kernel_sn), b.pairs.n_structures))
    np.add.at(kernel_st.T, b.structure_r, kernel_sn.T)
    size_a, size_b = (np.maximum(1, np.diff(f.first_row_s)) for f in (features, b))
    return np.asarray(kernel_st / size_a[:, None] / size_b[None, :])


def self_kernel(features: Features, zeta: float = 2.0) -> Array:
    """Average kernel of each structure with itself, shape (structures,): the diagonal of `average_kernel` alone."""
    unit = normalised(features.values)[0]
    edges = features.first_row_s
    blocks = (unit[first:last] for first, last in itertools.pairwise(edges))
    return np.array([power(block @ block.T, zeta).mean() if len(block) else 0.0 for block in blocks])


def normalised_kernel(kernel_ss: Array) -> Array:
    r""":math:`K(A,B)/\sqrt{K(A,A)K(B,B)}`: one for a structure with itself."""
    scale_s = np.sqrt(np.diag(kernel_ss))
    return np.asarray(kernel_ss / scale_s[:, None] / scale_s[None, :])


def kernel_distance(kernel_ss: Array) -> Array:
    r"""Distances :math:`\sqrt{K(A,A)+K(B,B)-2K(A,B)}` between structures, shape (structures, structures)."""
    own_s = np.diag(kernel_ss)
    squared = own_s[:, None] + own_s[None, :] - 2 * kernel_ss
    return np.sqrt(np.maximum(squared, 0.0))


def farthest_points(values_nf: Array, n_points: int, tolerance: float = 1e-6) -> IntArray:
    """Rows of which each is the farthest from all chosen before it.

    The first is the farthest from the mean. Fewer come back where all others are nearer than `tolerance` to a chosen
    one, so that no two of them are the same.

    Parameters
    ----------
    values_nf
        Features; distances are Euclidean.
    n_points
        How many are wanted.
    tolerance
        In the unit of the features.
    """
    if len(values_nf) == 0:
        return np.empty(0, np.int64)
    squared_n = np.einsum("nf,nf->n", values_nf, values_nf)
    centred = values_nf - values_nf.mean(axis=0)
    chosen = [int(np.einsum("nf,nf->n", centred, centred).argmax())]
    nearest_n = np.full(len(values_nf), np.inf)
    while True:
        last = chosen[-1]
        distance_n = squared_n + squared_n[last] - 2 * values_nf @ values_nf[last]
        nearest_n = np.minimum(nearest_n, distance_n)
        farthest = int(nearest_n.argmax())
        if len(chosen) == n_points or nearest_n[farthest] < tolerance**2:
            return np.array(chosen)
        chosen.append(farthest)


def leverage_points(values_nf: Array, n_points: int, rng: np.random.Generator) -> IntArray:
    r"""Distinct rows drawn with a probability proportional to their leverage (CUR decomposition).

    .. math:: \ell_n = \sum_{k \le K} U_{nk}^2, \qquad \mathbf G = \mathbf U \boldsymbol\Sigma \mathbf V^{\mathsf T}

    References
    ----------
    M. W. Mahoney, P. Drineas, Proc. Natl. Acad. Sci. 106, 697 (2009). doi:10.1073/pnas.0803205106
    """
    n_points = min(n_points, len(values_nf))
    U_nk, scale_k, _ = np.linalg.svd(values_nf, full_matrices=False)
    rank = int(min(n_points, (scale_k > 1e-12 * scale_k[0]).sum()))
    leverage_n = np.einsum("nk,nk->n", U_nk[:, :rank], U_nk[:, :rank]) + 1e-12
    return np.sort(rng.choice(len(values_nf), n_points, replace=False, p=leverage_n / leverage_n.sum()))
