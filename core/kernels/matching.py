"""Loops that make one number of the kernels between all atoms of one structure and all atoms of another.

Each takes a range of the structures of the first set, whose atoms are the rows of `k_nm`, and fills their rows of
`K_st`; where `half` is set the two sets are one, and a row begins at its diagonal.
"""

from __future__ import annotations

import math

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel


@kernel
def sums(start: int, stop: int, k_nm: Array, first_s: IntArray, first_t: IntArray, half: bool, K_st: Array) -> None:
    """Sum over all pairs of atoms."""
    for s in range(start, stop):
        for t in range(s if half else 0, len(first_t) - 1):
            total = 0.0
            for n in range(first_s[s], first_s[s + 1]):
                row = k_nm[n, first_t[t] : first_t[t + 1]]
                for m in range(len(row)):
                    total += row[m]
            K_st[s, t] = total


@kernel
def rematches(
    start: int,
    stop: int,
    k_nm: Array,
    first_s: IntArray,
    first_t: IntArray,
    half: bool,
    alpha: float,
    threshold: float,
    K_st: Array,
) -> None:
    """Regularised entropy match of each pair of structures."""
    largest = np.diff(first_t).max()
    column_2m = np.empty((2, largest))
    for s in range(start, stop):
        rows = first_s[s + 1] - first_s[s]
        e_nm = np.empty((rows, largest))
        u_n = np.empty(rows)
        for t in range(s if half else 0, len(first_t) - 1):
            K_st[s, t] = _rematch(
                k_nm[first_s[s] : first_s[s + 1], first_t[t] : first_t[t + 1]],
                alpha,
                threshold,
                e_nm,
                u_n,
                column_2m,
            )


@kernel
def _rematch(k_nm: Array, alpha: float, threshold: float, e_nm: Array, u_n: Array, column_2m: Array) -> float:
    """Sinkhorn's iteration; of five steps, four look at how much it still moves."""
    n_rows, n_columns = k_nm.shape
    if n_rows == 0 or n_columns == 0:
        return 0.0
    v_m, sum_m = column_2m[0, :n_columns], column_2m[1, :n_columns]
    v_m[:], sum_m[:], u_n[:] = 1.0 / n_columns, 0.0, 1.0 / n_rows
    for n in range(n_rows):
        for m in range(n_columns):
            e_nm[n, m] = math.exp((k_nm[n, m] - 1.0) / alpha)
            sum_m[m] += e_nm[n, m] * u_n[n]
    step, change = 0, 1.0
    while change > threshold:
        moved, size = _balance_columns(sum_m, v_m)
        row_moved, row_size = _balance_rows(e_nm, v_m, u_n, sum_m)
        if step % 5 != 0:
            change = moved / size + row_moved / row_size
        step += 1
    total = 0.0
    for n in range(n_rows):
        for m in range(n_columns):
            total += u_n[n] * e_nm[n, m] * v_m[m] * k_nm[n, m]
    return total


@kernel
def _balance_columns(sum_m: Array, v_m: Array) -> tuple[float, float]:
    moved = size = 0.0
    for m in range(len(v_m)):
        new = 1.0 / (len(v_m) * sum_m[m])
        moved += (new - v_m[m]) ** 2
        size += new * new
        v_m[m] = new
        sum_m[m] = 0.0
    return moved, size


@kernel
def _balance_rows(e_nm: Array, v_m: Array, u_n: Array, sum_m: Array) -> tuple[float, float]:
    """The new row factors, and with them the column sums of the next step."""
    moved = size = 0.0
    for n in range(len(u_n)):
        row_m = e_nm[n]
        total = 0.0
        for m in range(len(v_m)):
            total += row_m[m] * v_m[m]
        new = 1.0 / (len(u_n) * total)
        moved += (new - u_n[n]) ** 2
        size += new * new
        u_n[n] = new
        for m in range(len(v_m)):
            sum_m[m] += row_m[m] * new
    return moved, size


@kernel
def best_matches(
    start: int, stop: int, k_nm: Array, first_s: IntArray, first_t: IntArray, half: bool, K_st: Array
) -> None:
    """Greatest mean kernel of matched atoms of each pair of structures."""
    for s in range(start, stop):
        for t in range(s if half else 0, len(first_t) - 1):
            K_st[s, t] = best_match(k_nm[first_s[s] : first_s[s + 1], first_t[t] : first_t[t + 1]])


@kernel
def best_match(k_nm: Array) -> float:
    """Greatest mean kernel over all ways of moving equal masses on the rows to equal masses on the columns.

    Shortest augmenting paths, as for the assignment problem, but on whole masses: a row holds as many of them as make
    both sides equal, which are the copies of the atoms in the repeated structures.
    """
    n_rows, n_columns = k_nm.shape
    if n_rows == 0 or n_columns == 0:
        return 0.0
    common = _common_divisor(n_rows, n_columns)
    supply, demand = n_columns // common, n_rows // common
    flow_nm = np.zeros((n_rows, n_columns), np.int64)
    left_m = np.full(n_columns, demand)
    u_n, v_m = np.zeros(n_rows), np.zeros(n_columns)
    for n in range(n_rows):
        left = supply
        while left > 0:
            left -= _augment(k_nm, n, left, flow_nm, left_m, u_n, v_m)
    total = 0.0
    for n in range(n_rows):
        for m in range(n_columns):
            total += flow_nm[n, m] * k_nm[n, m]
    return float(total / (n_rows * supply))


@kernel
def _augment(k_nm: Array, source: int, left: int, flow_nm: IntArray, left_m: IntArray, u_n: Array, v_m: Array) -> int:
    """Move what one shortest path from a row to a column with room can take; the potentials follow."""
    n_rows, n_columns = k_nm.shape
    distance_m, from_row_m = np.full(n_columns, np.inf), np.full(n_columns, -1)
    done_m, reached_n = np.zeros(n_columns, np.bool_), np.zeros(n_rows, np.bool_)
    distance_n, from_column_n = np.zeros(n_rows), np.full(n_rows, -1)
    queue = np.empty(n_rows, np.int64)
    queue[0], waiting = source, 1
    reached_n[source] = True
    while True:
        for q in range(waiting):
            row = queue[q]
            for m in range(n_columns):
                reduced = distance_n[row] - k_nm[row, m] - u_n[row] - v_m[m]
                if not done_m[m] and reduced < distance_m[m]:
                    distance_m[m], from_row_m[m] = reduced, row
        column = -1
        for m in range(n_columns):
            if not done_m[m] and (column < 0 or distance_m[m] < distance_m[column]):
                column = m
        done_m[column] = True
        reach = distance_m[column]
        if left_m[column] > 0:
            break
        waiting = 0
        for row in range(n_rows):
            if not reached_n[row] and flow_nm[row, column] > 0:
                reached_n[row], from_column_n[row], distance_n[row] = True, column, reach
                queue[waiting] = row
                waiting += 1
    for n in range(n_rows):
        if reached_n[n]:
            u_n[n] += reach - distance_n[n]
    for m in range(n_columns):
        if done_m[m]:
            v_m[m] -= reach - distance_m[m]
    return _move(column, left, flow_nm, left_m, from_row_m, from_column_n)


@kernel
def _move(
    sink: int, left: int, flow_nm: IntArray, left_m: IntArray, from_row_m: IntArray, from_column_n: IntArray
) -> int:
    """Along the path back from a column, as much as its narrowest place lets through."""
    amount = min(left, left_m[sink])
    column = sink
    while True:
        row = from_row_m[column]
        before = from_column_n[row]
        if before < 0:
            break
        amount = min(amount, flow_nm[row, before])
        column = before
    left_m[sink] -= amount
    column = sink
    while True:
        row = from_row_m[column]
        flow_nm[row, column] += amount
        before = from_column_n[row]
        if before < 0:
            return int(amount)
        flow_nm[row, before] -= amount
        column = before


@kernel
def _common_divisor(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
