"""The choice of some rows of features that stand for all: sparse points, landmarks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import eigh

from potscope.core._types import Array, IntArray
from potscope.core.kernels.farthest import farthest_points
from potscope.core.progress import Progress, silent
from potscope.core.validation import check_choice, check_integer

RANK = 1e-12  # of the largest eigenvalue of the features' products; smaller ones are rounding


def leverage_points(values_nf: Array, n_points: int, rng: np.random.Generator) -> IntArray:
    r"""Distinct rows drawn with a probability proportional to their leverage (CUR decomposition).

    .. math:: \ell_n = \sum_{k \le K} U_{nk}^2, \qquad \mathbf G = \mathbf U \boldsymbol\Sigma \mathbf V^{\mathsf T}

    References
    ----------
    M. W. Mahoney, P. Drineas, Proc. Natl. Acad. Sci. 106, 697 (2009). doi:10.1073/pnas.0803205106
    """
    n_points = min(n_points, len(values_nf))
    leverage_n = _leverage(values_nf, n_points) + 1e-12
    return np.sort(rng.choice(len(values_nf), n_points, replace=False, p=leverage_n / leverage_n.sum()))


def leading_points(values_nf: Array, n_points: int, tolerance: float = 1e-6, progress: Progress = silent) -> IntArray:
    """Rows of the largest leverage, largest first: the same decomposition as `leverage_points` without any chance.

    Fewer come back where rows are nearer than `tolerance` to one that has been chosen, so that no two are the same.

    Parameters
    ----------
    values_nf
        Features.
    n_points
        How many are wanted.
    tolerance
        In the unit of the features.
    progress
        Called with the fraction done.
    """
    chosen: list[int] = []
    if len(values_nf) == 0:
        return np.array(chosen, dtype=np.int64)
    for n in np.argsort(-_leverage(values_nf, n_points), kind="stable").tolist():
        progress(len(chosen) / max(1, n_points), "choosing points")
        if len(chosen) == n_points:
            break
        nearest = ((values_nf[chosen] - values_nf[n]) ** 2).sum(axis=1).min(initial=np.inf)
        if nearest >= tolerance**2:
            chosen.append(n)
    return np.array(chosen, dtype=np.int64)


def _leverage(values_nf: Array, n_points: int) -> Array:
    """Squared lengths of the rows of the leading singular vectors, as many as there are points."""
    square_k, V_fk = eigh(values_nf.T @ values_nf)
    kept = np.flatnonzero(square_k > RANK * max(square_k[-1], 0.0))[-n_points:]
    U_nk = values_nf @ (V_fk[:, kept] / np.sqrt(square_k[kept]))
    return np.asarray(np.einsum("nk,nk->n", U_nk, U_nk))


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


def uniform_points(values_nf: Array, n_points: int) -> IntArray:
    """A row from each of the boxes into which the range of the features is divided, the one nearest to its middle.

    Each feature is divided as finely as leaves at most as many occupied boxes as points are wanted, and what is then
    missing are the rows farthest from all chosen. Of more than three features the three leading principal components
    are divided. Fewer come back where there are fewer distinct rows.

    Parameters
    ----------
    values_nf
        Features.
    n_points
        How many are wanted.
    """
    if len(values_nf) == 0:
        return np.empty(0, np.int64)
    place_nf = _in_unit_box(values_nf)
    best = _one_a_box(place_nf, 1)
    for divisions in range(2, n_points + 1):
        found = _one_a_box(place_nf, divisions)
        if len(found) > n_points:
            break
        best = found
    return _filled_up(place_nf, best, n_points)


def _in_unit_box(values_nf: Array) -> Array:
    centred_nf = values_nf - values_nf.mean(axis=0)
    if values_nf.shape[1] > 3:
        last = values_nf.shape[1] - 1
        _, V_fk = eigh(centred_nf.T @ centred_nf, subset_by_index=(last - 2, last))
        centred_nf = centred_nf @ V_fk
    spread_f = np.ptp(centred_nf, axis=0)
    return np.asarray((centred_nf - centred_nf.min(axis=0)) / np.where(spread_f > 0, spread_f, 1.0))


def _filled_up(place_nf: Array, chosen_m: IntArray, n_points: int) -> IntArray:
    """The chosen rows, and the farthest from these one by one."""
    chosen = chosen_m.tolist()
    square_n = np.full(len(place_nf), np.inf)
    for m in range(n_points):
        if m == len(chosen):
            farthest = int(square_n.argmax())
            if square_n[farthest] == 0:
                break
            chosen.append(farthest)
        square_n = np.minimum(square_n, ((place_nf - place_nf[chosen[m]]) ** 2).sum(axis=1))
    return np.array(chosen)


def _one_a_box(place_nf: Array, divisions: int) -> IntArray:
    box_nf = np.minimum((place_nf * divisions).astype(np.int64), divisions - 1)
    key_n = np.ravel_multi_index(tuple(box_nf.T), (divisions,) * box_nf.shape[1])
    away_n = ((place_nf * divisions - box_nf - 0.5) ** 2).sum(axis=1)
    order = np.lexsort((away_n, key_n))
    first = np.concatenate([[True], np.diff(key_n[order]) > 0])
    return np.asarray(order[first])


def random_points(values_nf: Array, n_points: int, rng: np.random.Generator) -> IntArray:
    """Distinct rows drawn with equal probability, in their order."""
    return np.sort(rng.permutation(len(values_nf))[:n_points])


SELECTIONS: dict[str, Callable[[Array, int, np.random.Generator, Progress], IntArray]] = {
    "farthest points": lambda values_nf, n_points, rng, progress: farthest_points(  # noqa: ARG005
        values_nf, n_points, progress=progress
    ),
    "CUR": lambda values_nf, n_points, rng, progress: cur_points(values_nf, n_points, progress=progress),  # noqa: ARG005
    "leading leverage": lambda values_nf, n_points, rng, progress: leading_points(  # noqa: ARG005
        values_nf, n_points, progress=progress
    ),
    "leverage": lambda values_nf, n_points, rng, progress: leverage_points(values_nf, n_points, rng),  # noqa: ARG005
    "uniform": lambda values_nf, n_points, rng, progress: uniform_points(values_nf, n_points),  # noqa: ARG005
    "random": lambda values_nf, n_points, rng, progress: random_points(values_nf, n_points, rng),  # noqa: ARG005
}


def select(
    values_nf: Array, n_points: int, method: str = "farthest points", seed: int = 0, progress: Progress = silent
) -> IntArray:
    """Rows of features that stand for all.

    Parameters
    ----------
    values_nf
        Features.
    n_points
        How many are wanted; at most as many come back.
    method
        ``"farthest points"``, ``"CUR"`` and ``"leading leverage"``, in the order in which they are chosen;
        ``"uniform"``, one from each of many boxes; ``"leverage"`` and ``"random"``, by chance and in the order of the
        rows.
    seed
        Of those by chance.
    progress
        Called with the fraction done, where the choice takes many steps.

    Raises
    ------
    ValueError
        If the method is none of these or `n_points` is less than one.
    """
    check_choice("method", method, SELECTIONS)
    check_integer("n_points", n_points, low=1)
    rng = np.random.default_rng(seed)
    return SELECTIONS[method](np.asarray(values_nf, dtype=float), n_points, rng, progress)
