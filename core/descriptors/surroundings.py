"""The neighbours of one atom, species after species, as kernels that loop over neighbours want them.

Axes: n atoms, p pairs, c Cartesian, q the neighbours of one atom, b bins of neighbours: near and far ones of each
species.
"""

from __future__ import annotations

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel

PADDING = 16  # numbers that a vector loop takes at once; what is left over would run one by one
FAR = 1e9  # Å; the distance of a neighbour that only fills up


@kernel
def padded(n: int) -> int:
    """The next multiple of `PADDING`."""
    return (n + PADDING - 1) // PADDING * PADDING


@kernel
def most_neighbours(start: int, stop: int, first_n: IntArray) -> int:
    """The largest number of neighbours of an atom of the range, at least one, padded."""
    most = 1
    for n in range(start, stop):
        most = max(most, first_n[n + 1] - first_n[n])
    return padded(most)


@kernel
def room_for_neighbours(most: int, n_species: int) -> tuple[IntArray, IntArray, Array, Array, Array]:
    """Room for what `look_around` finds about an atom with at most so many neighbours."""
    return (
        np.empty(most, np.int64),
        np.empty(2 * n_species + 1, np.int64),
        np.empty((3, most)),
        np.empty((3, most)),
        np.empty(most),
    )


@kernel
def arrange(
    start: int,
    stop: int,
    species_p: IntArray,
    D_pc: Array,
    near: float,
    n_species: int,
    order_q: IntArray,
    first_b: IntArray,
) -> None:
    """Order the pairs of one atom by species, near ones first; ``first_b`` bounds near and far of each species."""
    n_bins = 2 * n_species
    for b in range(n_bins + 1):
        first_b[b] = 0
    for p in range(start, stop):
        far = D_pc[p, 0] ** 2 + D_pc[p, 1] ** 2 + D_pc[p, 2] ** 2 >= near * near
        first_b[2 * species_p[p] + far + 1] += 1
    for b in range(n_bins):
        first_b[b + 1] += first_b[b]
    for p in range(start, stop):
        far = D_pc[p, 0] ** 2 + D_pc[p, 1] ** 2 + D_pc[p, 2] ** 2 >= near * near
        b = 2 * species_p[p] + far
        order_q[first_b[b]] = p
        first_b[b] += 1
    for b in range(n_bins, 0, -1):
        first_b[b] = first_b[b - 1]
    first_b[0] = 0


@kernel
def look_around(
    start: int,
    stop: int,
    species_p: IntArray,
    D_pc: Array,
    near: float,
    n_species: int,
    order_q: IntArray,
    first_b: IntArray,
    D_cq: Array,
    u_cq: Array,
    r_q: Array,
) -> int:
    """The neighbours of one atom, its pairs from `start` to `stop`; gives their number, padded.

    Parameters
    ----------
    near
        Distance that divides near ones from far ones, Å.
    order_q
        Which pairs they are.
    first_b
        First of the near ones and of the far ones of each species, and the end.
    D_cq, u_cq, r_q
        Vectors (Å), unit vectors and distances (Å). Those that fill up are `FAR` along z; their vectors are not set.
    """
    arrange(start, stop, species_p, D_pc, near, n_species, order_q, first_b)
    n = stop - start
    for q in range(n):
        p = order_q[q]
        x, y, z = D_pc[p, 0], D_pc[p, 1], D_pc[p, 2]
        r = np.sqrt(x * x + y * y + z * z)
        r_q[q] = r
        D_cq[0, q], D_cq[1, q], D_cq[2, q] = x, y, z
        u_cq[0, q], u_cq[1, q], u_cq[2, q] = x / r, y / r, z / r
    for q in range(n, padded(n)):
        r_q[q] = FAR
        u_cq[0, q], u_cq[1, q], u_cq[2, q] = 0.0, 0.0, 1.0
    return padded(n)
