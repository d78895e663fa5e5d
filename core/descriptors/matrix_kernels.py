"""Loops behind the descriptors that have a matrix with a row for each atom."""

from __future__ import annotations

import math

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel

TIE = 1e-9  # relative; rows' norms, entries and eigenvalues nearer than this differ by rounding alone


@kernel
def all_pairs(first_atom_s: IntArray, positions_nc: Array, i_p: IntArray, j_p: IntArray, D_pc: Array) -> None:
    """Every atom with every other of its structure, sorted by the first, then by the second."""
    p = np.uint64(0)
    for s in range(len(first_atom_s) - 1):
        first, last = np.uint64(first_atom_s[s]), np.uint64(first_atom_s[s + 1])
        for i in range(first, last):
            for j in range(first, last):
                if i == j:
                    continue
                i_p[p], j_p[p] = i, j
                for c in range(3):
                    D_pc[p, c] = positions_nc[j, c] - positions_nc[i, c]
                p += np.uint64(1)


@kernel
def coulomb(
    first_atom_s: IntArray, first_entry_s: IntArray, positions_nc: Array, charge_n: Array, own_n: Array, C_e: Array
) -> float:
    """Coulomb matrices one after the other; the square of the shortest distance."""
    shortest = np.inf
    for s in range(len(first_atom_s) - 1):
        first, n = np.uint64(first_atom_s[s]), np.uint64(first_atom_s[s + 1] - first_atom_s[s])
        C = C_e[first_entry_s[s] : first_entry_s[s + 1]].reshape(n, n)
        for i in range(n):
            x, y, z = positions_nc[first + i, 0], positions_nc[first + i, 1], positions_nc[first + i, 2]
            for j in range(i):
                dx, dy = positions_nc[first + j, 0] - x, positions_nc[first + j, 1] - y
                dz = positions_nc[first + j, 2] - z
                r2 = dx * dx + dy * dy + dz * dz
                shortest = min(shortest, r2)
                C[i, j] = charge_n[first + i] * charge_n[first + j] / math.sqrt(r2)
                C[j, i] = C[i, j]
            C[i, i] = own_n[first + i]
    return shortest


@kernel
def place(first_atom_s: IntArray, first_entry_s: IntArray, C_e: Array, rank_n: IntArray, values_sf: Array) -> None:
    """Put each entry where the ranks of its two atoms say."""
    size = np.uint64(round(math.sqrt(values_sf.shape[1])))
    for s in range(len(first_atom_s) - 1):
        first, n = np.uint64(first_atom_s[s]), np.uint64(first_atom_s[s + 1] - first_atom_s[s])
        e = np.uint64(first_entry_s[s])
        for i in range(n):
            row = np.uint64(rank_n[first + i]) * size
            for j in range(n):
                values_sf[s, row + np.uint64(rank_n[first + j])] = C_e[e]
                e += np.uint64(1)


@kernel
def ranks(first_atom_s: IntArray, first_entry_s: IntArray, C_e: Array, noise_n: Array, rank_n: IntArray) -> None:
    """Place of each atom in decreasing order of its row's norm, to which noise is added by the place without it."""
    for s in range(len(first_atom_s) - 1):
        first, n = first_atom_s[s], first_atom_s[s + 1] - first_atom_s[s]
        C = C_e[first_entry_s[s] : first_entry_s[s] + n * n].reshape(n, n)
        norm_i = np.sqrt((C * C).sum(axis=1))
        order = np.argsort(-norm_i, kind="mergesort")
        _order_ties(C, norm_i, order)
        noisy = norm_i[order] + noise_n[first : first + n]
        again = np.argsort(-noisy, kind="mergesort")
        for place in range(n):
            rank_n[first + order[again[place]]] = place


@kernel
def _order_ties(C: Array, norm_i: Array, order: IntArray) -> None:
    """Put rows of equal norm in the order of their entries towards the rows before them, and make the norms equal."""
    n = len(order)
    start = 0
    for stop in range(1, n + 1):
        if stop < n and norm_i[order[stop - 1]] - norm_i[order[stop]] <= TIE * norm_i[order[0]]:
            continue
        for place in range(start, stop):
            norm_i[order[place]] = norm_i[order[start]]
        for place in range(start, stop):
            best = place
            for other in range(place + 1, stop):
                if _comes_before(C, order, place, order[other], order[best]):
                    best = other
            chosen = order[best]
            for other in range(best, place, -1):
                order[other] = order[other - 1]
            order[place] = chosen
        start = stop


@kernel
def _comes_before(C: Array, order: IntArray, placed: int, a: int, b: int) -> bool:
    """Whether row a has the larger entry where a and b first differ, in the columns that have their place."""
    for place in range(placed):
        difference = C[a, order[place]] - C[b, order[place]]
        if abs(difference) > TIE * abs(C[a, order[place]]):
            return bool(difference > 0)
    return False


@kernel
def nearest_images(D_pc: Array, cell_pcc: Array, inverse_pcc: Array, nearest_pc: Array) -> None:
    """Vectors less the lattice vector that their components along the cell round to."""
    for p in range(len(D_pc)):
        for c in range(3):
            nearest_pc[p, c] = 0.0
        for k in range(3):
            component = 0.0
            for c in range(3):
                component += D_pc[p, c] * inverse_pcc[p, c, k]
            component -= np.floor(component + 0.5)
            for c in range(3):
                nearest_pc[p, c] += component * cell_pcc[p, k, c]


@kernel
def screened(a: float, r: float) -> tuple[float, float]:
    r"""The Coulomb potential less that of a Gaussian charge, and its slope divided by the distance."""
    value = math.erfc(a * r) / r
    slope = -value / r - 2 * a / math.sqrt(math.pi) * math.exp(-((a * r) ** 2)) / r
    return value, slope / r


@kernel
def ewald_real_values(D_pc: Array, R_lc: Array, a: float, cutoff: float, value_p: Array) -> None:
    """Sum of the screened potentials of all images within the cutoff."""
    for p in range(len(D_pc)):
        total = 0.0
        for l in range(len(R_lc)):
            x, y, z = D_pc[p, 0] + R_lc[l, 0], D_pc[p, 1] + R_lc[l, 1], D_pc[p, 2] + R_lc[l, 2]
            r2 = x * x + y * y + z * z
            if r2 < cutoff * cutoff:
                r = math.sqrt(r2)
                total += math.erfc(a * r) / r
        value_p[p] = total


@kernel
def ewald_real_slopes(D_pc: Array, R_lc: Array, a: float, cutoff: float, slope_pc: Array, strain_pcc: Array) -> None:
    """Derivatives of the same by the vector of the pair at a fixed cell, and by a strain of both."""
    for p in range(len(D_pc)):
        for l in range(len(R_lc)):
            x, y, z = D_pc[p, 0] + R_lc[l, 0], D_pc[p, 1] + R_lc[l, 1], D_pc[p, 2] + R_lc[l, 2]
            r2 = x * x + y * y + z * z
            if r2 >= cutoff * cutoff:
                continue
            slope = screened(a, math.sqrt(r2))[1]
            image = (x, y, z)
            for c in range(3):
                slope_pc[p, c] += slope * image[c]
                for d in range(3):
                    strain_pcc[p, c, d] += slope * image[c] * image[d]
