"""Farthest-point selection that seldom has to look at all features of a row."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh, qr

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel, over_atoms
from potscope.core.progress import Progress, silent

FEW = 64  # features; of fewer, short forms gain nothing
SHORT = 32  # components of a short form
SAMPLE = 500  # rows that choose the components


def farthest_points(values_nf: Array, n_points: int, tolerance: float = 1e-6, progress: Progress = silent) -> IntArray:
    r"""Rows of which each is the farthest from all chosen before it.

    The first is the farthest from the mean. Fewer come back where all others are nearer than `tolerance` to a chosen
    one, so that no two of them are the same. With a few orthonormal vectors :math:`\mathbf V` and the length
    :math:`\rho` of what they leave of a row, two rows are at least as far apart as

    .. math:: |\mathbf x - \mathbf y|^2 \ge |\mathbf V^{\mathsf T}(\mathbf x - \mathbf y)|^2 + (\rho_x - \rho_y)^2 ,

    and where that is more than a row's distance to the points chosen before, its other features are not looked at.

    Parameters
    ----------
    values_nf
        Features; distances are Euclidean.
    n_points
        How many are wanted.
    tolerance
        In the unit of the features.
    progress
        Called with the fraction done; it may raise `Cancelled`.
    """
    if len(values_nf) == 0:
        return np.empty(0, np.int64)
    rows_nf = np.ascontiguousarray(values_nf, dtype=float)
    mean_f = rows_nf.mean(axis=0)
    short_nk = _short_forms(rows_nf, mean_f)
    square_n, nothing_k = np.full(len(rows_nf), np.inf), np.zeros(short_nk.shape[1])
    over_atoms(_nearer, len(rows_nf), rows_nf, mean_f, short_nk, nothing_k, square_n)
    chosen = [int(square_n.argmax())]
    square_n[:] = np.inf
    while True:
        progress(len(chosen) / max(1, n_points), "choosing points")
        last = chosen[-1]
        over_atoms(_nearer, len(rows_nf), rows_nf, rows_nf[last], short_nk, short_nk[last], square_n)
        farthest = int(square_n.argmax())
        if len(chosen) == n_points or square_n[farthest] < tolerance**2:
            return np.array(chosen)
        chosen.append(farthest)


def _short_forms(rows_nf: Array, mean_f: Array) -> Array:
    """Components along the directions in which some of the rows vary most, and the length of the rest."""
    if rows_nf.shape[1] < FEW:
        return np.empty((len(rows_nf), 0))
    some_sf = rows_nf[:: -(-len(rows_nf) // SAMPLE)] - mean_f
    first = max(0, len(some_sf) - SHORT)
    _, leading_sk = eigh(some_sf @ some_sf.T, subset_by_index=(first, len(some_sf) - 1))
    V_fk, _ = qr(some_sf.T @ leading_sk, mode="economic")
    short_nk = np.empty((len(rows_nf), V_fk.shape[1] + 1))
    for start in range(0, len(rows_nf), SAMPLE):
        centred_nf = rows_nf[start : start + SAMPLE] - mean_f
        along_nk = centred_nf @ V_fk
        short_nk[start : start + SAMPLE, :-1] = along_nk
        short_nk[start : start + SAMPLE, -1] = np.linalg.norm(centred_nf - along_nk @ V_fk.T, axis=1)
    return short_nk


@kernel
def _nearer(
    start: int, stop: int, rows_nf: Array, new_f: Array, short_nk: Array, new_short_k: Array, square_n: Array
) -> None:
    """Squared distances to the nearest chosen point, when there is one more."""
    for n in range(start, stop):
        least = 0.0
        for k in range(np.uint64(short_nk.shape[1])):
            difference = short_nk[n, k] - new_short_k[k]
            least += difference * difference
        if least >= square_n[n]:
            continue
        square = 0.0
        for f in range(np.uint64(rows_nf.shape[1])):
            difference = rows_nf[n, f] - new_f[f]
            square += difference * difference
        square_n[n] = min(square_n[n], square)
