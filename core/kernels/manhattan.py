"""Sums of absolute differences between rows of features: no matrix product makes them, so that they have loops."""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array
from potscope.core.compiled import kernel, over_atoms

ROWS = 4  # of a set taken together, so that a row of the other is read once for them


def check_features(values_nf: Array, others_mf: Array) -> None:
    """Raise a ValueError if the rows of two sets are not of the same length."""
    if np.ndim(values_nf) != 2 or np.ndim(others_mf) != 2 or values_nf.shape[1] != others_mf.shape[1]:
        raise ValueError(
            f"`others_mf`: expected rows of as many features as `values_nf` has, of shape {np.shape(values_nf)}, "
            f"got shape {np.shape(others_mf)}"
        )


def manhattan_distances(values_nf: Array, others_mf: Array) -> Array:
    r""":math:`\sum_f |x_{nf} - y_{mf}|`, shape (n, m).

    Where both are the same array, one half is computed and mirrored.
    """
    check_features(values_nf, others_mf)
    distance_nm = np.empty((len(values_nf), len(others_mf)))
    x_nf = np.ascontiguousarray(values_nf, dtype=float)
    if values_nf is others_mf:
        over_atoms(_symmetric, -(-len(x_nf) // ROWS), x_nf, distance_nm)
        return distance_nm
    over_atoms(_between, -(-len(x_nf) // ROWS), x_nf, np.ascontiguousarray(others_mf, dtype=float), distance_nm)
    return distance_nm


def manhattan_pull_back(values_nf: Array, others_mf: Array, g_nm: Array) -> Array:
    r""":math:`\sum_m g_{nm} \operatorname{sign}(x_{nf} - y_{mf})`, shape (n, f)."""
    check_features(values_nf, others_mf)
    pulled_nf = np.zeros(values_nf.shape)
    x_nf, y_mf, g_nm = (np.ascontiguousarray(a, dtype=float) for a in (values_nf, others_mf, g_nm))
    over_atoms(_pull_back, len(x_nf), x_nf, y_mf, g_nm, pulled_nf)
    return pulled_nf


@kernel
def _four(x_nf: Array, first: int, y_f: Array) -> tuple[float, float, float, float]:
    a = b = c = d = 0.0
    x0, x1, x2, x3 = x_nf[first], x_nf[first + 1], x_nf[first + 2], x_nf[first + 3]
    for f in range(len(y_f)):
        y = y_f[f]
        a += abs(x0[f] - y)
        b += abs(x1[f] - y)
        c += abs(x2[f] - y)
        d += abs(x3[f] - y)
    return a, b, c, d


@kernel
def _one(x_f: Array, y_f: Array) -> float:
    total = 0.0
    for f in range(len(y_f)):
        total += abs(x_f[f] - y_f[f])
    return total


@kernel
def _between(start: int, stop: int, x_nf: Array, y_mf: Array, distance_nm: Array) -> None:
    """Groups of four rows against all others; the rows that are left over one by one."""
    for group in range(start, stop):
        first = group * ROWS
        if first + ROWS <= len(x_nf):
            for m in range(len(y_mf)):
                four = _four(x_nf, first, y_mf[m])
                for k in range(ROWS):
                    distance_nm[first + k, m] = four[k]
            continue
        for n in range(first, len(x_nf)):
            for m in range(len(y_mf)):
                distance_nm[n, m] = _one(x_nf[n], y_mf[m])


@kernel
def _symmetric(start: int, stop: int, x_nf: Array, distance_nm: Array) -> None:
    """Groups of four rows against all rows before them and themselves, and the mirror images."""
    for group in range(start, stop):
        first = group * ROWS
        if first + ROWS <= len(x_nf):
            for m in range(first + ROWS):
                four = _four(x_nf, first, x_nf[m])
                for k in range(ROWS):
                    distance_nm[first + k, m] = four[k]
                    distance_nm[m, first + k] = four[k]
            continue
        for n in range(first, len(x_nf)):
            for m in range(n + 1):
                distance_nm[n, m] = _one(x_nf[n], x_nf[m])
                distance_nm[m, n] = distance_nm[n, m]


@kernel
def _pull_back(start: int, stop: int, x_nf: Array, y_mf: Array, g_nm: Array, pulled_nf: Array) -> None:
    for n in range(start, stop):
        for m in range(len(y_mf)):
            for f in range(x_nf.shape[1]):
                difference = x_nf[n, f] - y_mf[m, f]
                pulled_nf[n, f] += g_nm[n, m] * ((difference > 0.0) - (difference < 0.0))
