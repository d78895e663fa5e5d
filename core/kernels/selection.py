"""The choice of some rows of features that stand for all: sparse points, landmarks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh

from potscope.core._types import Array, IntArray
from potscope.core.progress import Progress, silent
from potscope.core.validation import check_choice, check_integer


def farthest_points(values_nf: Array, n_points: int, tolerance: float = 1e-6, progress: Progress = silent) -> IntArray:
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
    progress
        Called with the fraction done.
    """
    if len(values_nf) == 0:
        return np.empty(0, np.int64)
    squared_n = np.einsum("nf,nf->n", values_nf, values_nf)
    centred = values_nf - values_nf.mean(axis=0)
    chosen = [int(np.einsum("nf,nf->n", centred, centred).argmax())]
    nearest_n = np.full(len(values_nf), np.inf)
    while True:
        progress(len(chosen) / max(1, n_points), "choosing points")
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


def cur_points(
    values_nf: Array, n_points: int, n_vectors: int = 1, tolerance: float = 1e-6, progress: Progress = silent
) -> IntArray:
    r"""Rows that matter most to the leading singular vectors, each after what the rows before it say is taken out.

    With :math:`\mathbf X = \mathbf U \boldsymbol\Sigma \mathbf V^{\mathsf T}`, the row of the greatest
    :math:`\pi_n = \sum_{k \le K} U_{nk}^2` is chosen, and all rows are made orthogonal to it,
    :math:`\mathbf X \leftarrow \mathbf X - \mathbf X \hat{\mathbf x} \hat{\mathbf x}^{\mathsf T}`, before the next. No
    chance is in it; the choice is that of scikit-matter's ``CUR`` of samples. Of the singular vectors only
    :math:`\mathbf V` is needed, as :math:`U_{nk} \Sigma_k = (\mathbf X\mathbf V)_{nk}`, and it comes from
    :math:`\mathbf X^{\mathsf T}\mathbf X`, where the chosen directions are projected out step by step.

    Fewer come back where nothing is left of the other rows but `tolerance` of the greatest.

    Parameters
    ----------
    values_nf
        Features.
    n_points
        How many are wanted.
    n_vectors
        Number K of singular vectors.
    tolerance
        Length of a row, relative to the longest, below which nothing is left of it.
    progress
        Called with the fraction done.

    References
    ----------
    G. Imbalzano et al., J. Chem. Phys. 148, 241730 (2018). doi:10.1063/1.5024611
    """
    if len(values_nf) == 0:
        return np.empty(0, np.int64)
    left_n = np.einsum("nf,nf->n", values_nf, values_nf)
    least = tolerance**2 * float(left_n.max())
    C_ff = values_nf.T @ values_nf
    basis_kf = np.empty((0, values_nf.shape[1]))
    chosen: list[int] = []
    while len(chosen) < min(n_points, *values_nf.shape):
        progress(len(chosen) / n_points, "choosing points")
        score_n = _importance(values_nf, C_ff, min(n_vectors, len(C_ff) - len(chosen)))
        score_n[chosen] = 0.0
        best = int(score_n.argmax())
        row_f = values_nf[best]
        for _ in range(2):  # once more for what rounding leaves
            row_f = row_f - (basis_kf @ row_f) @ basis_kf
        length = float(np.linalg.norm(row_f))
        if length**2 <= least:
            break
        chosen.append(best)
        unit_f = row_f / length
        basis_kf = np.concatenate([basis_kf, unit_f[None]])
        C_ff = _without(C_ff, unit_f)
    return np.array(chosen, dtype=np.int64)


def _importance(values_nf: Array, C_ff: Array, n_vectors: int) -> Array:
    last = len(C_ff) - 1
    square_k, V_fk = eigh(C_ff, subset_by_index=(last - n_vectors + 1, last), check_finite=False)
    projected_nk = values_nf @ V_fk
    return np.asarray(np.einsum("nk,nk->n", projected_nk / np.maximum(square_k, 1e-300), projected_nk))


def _without(C_ff: Array, unit_f: Array) -> Array:
    """The matrix on the space orthogonal to a unit vector."""
    along_f = C_ff @ unit_f
    mixed_ff = np.outer(unit_f, along_f)
    return np.asarray(C_ff - mixed_ff - mixed_ff.T + (unit_f @ along_f) * np.outer(unit_f, unit_f))


def random_points(values_nf: Array, n_points: int, rng: np.random.Generator) -> IntArray:
    """Distinct rows drawn with equal probability, in their order."""
    return np.sort(rng.permutation(len(values_nf))[:n_points])


SELECTIONS: dict[str, Callable[[Array, int, np.random.Generator], IntArray]] = {
    "farthest points": lambda values_nf, n_points, rng: farthest_points(values_nf, n_points),  # noqa: ARG005
    "CUR": lambda values_nf, n_points, rng: cur_points(values_nf, n_points),  # noqa: ARG005
    "leverage": leverage_points,
    "random": random_points,
}


def select(values_nf: Array, n_points: int, method: str = "farthest points", seed: int = 0) -> IntArray:
    """Rows of features that stand for all.

    Parameters
    ----------
    values_nf
        Features.
    n_points
        How many are wanted; at most as many come back.
    method
        ``"farthest points"`` and ``"CUR"``, in the order in which they are chosen; ``"leverage"`` and ``"random"``, by
        chance and in the order of the rows.
    seed
        Of those by chance.

    Raises
    ------
    ValueError
        If the method is none of these or `n_points` is less than one.
    """
    check_choice("method", method, SELECTIONS)
    check_integer("n_points", n_points, low=1)
    return SELECTIONS[method](np.asarray(values_nf, dtype=float), n_points, np.random.default_rng(seed))
