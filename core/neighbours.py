r"""The search for neighbours: images of the atoms in boxes, counted into place.

Every structure is made a cloud of points that knows no cell: its atoms, moved into the cell along the periodic
directions, and those of their images that can be within the cutoff of any atom. The points are sorted into boxes by
counting, so that they lie in memory as they lie in space, and a line of boxes along z is a run of points. So small
cells, skewed cells, slabs, wires and molecules are one case, cost is linear in the number of atoms, and the order of
what is found is fixed: it depends neither on threads nor on chance.

Axes: s structures, n atoms, g points, b boxes, c Cartesian, d directions of the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.compiled import kernel, over_atoms

COINCIDENT = 1e-8  # Å; atoms nearer than this are the same point for every purpose here
BOXES_A_POINT = 2  # at most; atoms far apart would otherwise make more boxes than there is memory
LINES_A_CUTOFF = 4.0  # boxes along z in one cutoff: short ones are skipped in one step


@dataclass(frozen=True)
class Neighbours:
    """Pairs of atoms within the cutoff, sorted by centre.

    Attributes
    ----------
    i_p, j_p, D_pc, S_pc, first_n
        As in `Pairs`.
    coincident
        A centre and a neighbour at the same place, if there are any.
    """

    i_p: IntArray
    j_p: IntArray
    D_pc: Array
    S_pc: IntArray
    first_n: IntArray
    coincident: tuple[int, int] | None


def find_neighbours(
    positions_nc: Array, first_atom_s: IntArray, cells_sdc: Array, periodic_sd: Array, cutoff: float
) -> Neighbours:
    """All pairs within the cutoff of each structure.

    Parameters
    ----------
    positions_nc
        Positions of the atoms of all structures, Å, shape (atoms, 3); finite.
    first_atom_s
        The atoms of structure s are ``first_atom_s[s]:first_atom_s[s + 1]``.
    cells_sdc
        Cell vectors in rows, Å, shape (structures, 3, 3); those of directions that are not periodic are not looked at,
        and the others are linearly independent.
    periodic_sd
        Shape (structures, 3).
    cutoff
        Å.
    """
    n_atoms, n_structures = len(positions_nc), len(cells_sdc)
    structure_n = np.repeat(np.arange(n_structures), np.diff(first_atom_s))
    wrapped_nc, turns_nd = np.empty((n_atoms, 3)), np.empty((n_atoms, 3), np.int64)
    fraction_nd, window_sde = np.empty((n_atoms, 3)), np.empty((n_structures, 3, 2))
    cells_sdc = np.ascontiguousarray(cells_sdc)
    cells = (first_atom_s, cells_sdc, periodic_sd)
    found = (wrapped_nc, fraction_nd, window_sde)
    over_atoms(_wrap, n_structures, positions_nc, *cells, cutoff, turns_nd, *found)
    n_points_s = np.empty(n_structures, np.int64)
    over_atoms(_count_images, n_structures, first_atom_s, periodic_sd, fraction_nd, window_sde, n_points_s)
    first_point_s = _offsets(n_points_s)
    first_box_s = _offsets(BOXES_A_POINT * n_points_s + 2)
    points = _Points.of(int(first_point_s[-1]), int(first_box_s[-1]), n_structures)
    over_atoms(_fill_boxes, n_structures, *cells, cutoff, *found, first_point_s, first_box_s, *points.arrays)
    sorted_points = (points.position_cg, points.box_b, points.grid_sc, points.corner_sce)
    n_pairs_n = np.empty(n_atoms, np.int64)
    search = (structure_n, wrapped_nc, first_box_s, *sorted_points, cutoff)
    over_atoms(_count_pairs, n_atoms, *search, n_pairs_n)
    first_n = _offsets(n_pairs_n)
    size = int(first_n[-1])
    i_p, j_p = np.empty(size, np.int64), np.empty(size, np.int64)
    D_pc, S_pc = np.empty((size, 3)), np.empty((size, 3), np.int64)
    clash_n = np.full(n_atoms, -1)
    pairs = (first_n, i_p, j_p, D_pc, S_pc, clash_n)
    over_atoms(_fill_pairs, n_atoms, *search, turns_nd, points.atom_g, points.turns_gd, *pairs)
    clashes = np.flatnonzero(clash_n >= 0)
    clash = (int(clashes[0]), int(clash_n[clashes[0]])) if len(clashes) else None
    return Neighbours(i_p, j_p, D_pc, S_pc, first_n, clash)


@dataclass(frozen=True)
class _Points:
    """Atoms and images, in the order of the boxes of their structure.

    Attributes
    ----------
    position_cg, atom_g, turns_gd
        Where a point is, which atom it is of, and how many cells it is away from the atom's place in the cell.
    box_b
        Where the points of a box begin.
    grid_sc, corner_sce
        Number of boxes along x, y, z; lowest corner, and boxes in an Å.
    """

    position_cg: Array
    atom_g: IntArray
    turns_gd: IntArray
    box_b: IntArray
    grid_sc: IntArray
    corner_sce: Array

    @classmethod
    def of(cls, n_points: int, n_boxes: int, n_structures: int) -> _Points:
        return cls(
            np.empty((3, n_points)),
            np.empty(n_points, np.int64),
            np.empty((n_points, 3), np.int64),
            np.empty(n_boxes, np.int64),
            np.empty((n_structures, 3), np.int64),
            np.empty((n_structures, 3, 2)),
        )

    @property
    def arrays(self) -> tuple[Array | IntArray, ...]:
        return (self.position_cg, self.atom_g, self.turns_gd, self.box_b, self.grid_sc, self.corner_sce)


def _offsets(sizes: IntArray) -> IntArray:
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


@kernel
def _cross(a_c: Array, b_c: Array, out_c: Array) -> None:
    out_c[0] = a_c[1] * b_c[2] - a_c[2] * b_c[1]
    out_c[1] = a_c[2] * b_c[0] - a_c[0] * b_c[2]
    out_c[2] = a_c[0] * b_c[1] - a_c[1] * b_c[0]


@kernel
def _unit(a_c: Array) -> None:
    length = np.sqrt(a_c[0] ** 2 + a_c[1] ** 2 + a_c[2] ** 2)
    for c in range(3):
        a_c[c] /= length


@kernel
def _complete(cell_dc: Array, periodic_d: Array, full_dc: Array) -> None:
    """The cell, with unit vectors at right angles to its periodic vectors in place of the others."""
    for d in range(3):
        for c in range(3):
            full_dc[d, c] = cell_dc[d, c] if periodic_d[d] else 0.0
    n_periodic = 0
    for d in range(3):
        n_periodic += periodic_d[d]
    for d in range(3):
        if periodic_d[d] or n_periodic == 3:
            continue
        first, second = full_dc[(d + 1) % 3], full_dc[(d + 2) % 3]
        if n_periodic == 0:
            full_dc[d, d] = 1.0
            continue
        if n_periodic == 1:
            known = first if periodic_d[(d + 1) % 3] else second
            smallest = 0
            for c in range(3):
                if abs(known[c]) < abs(known[smallest]):
                    smallest = c
            axis = np.zeros(3)
            axis[smallest] = 1.0
            _cross(known, axis, full_dc[d])
        else:
            _cross(first, second, full_dc[d])
        _unit(full_dc[d])
        n_periodic += 1
        if n_periodic == 2:
            # the last one follows from the two that there are now
            last = (d + 2) % 3 if periodic_d[(d + 1) % 3] else (d + 1) % 3
            _cross(full_dc[(last + 1) % 3], full_dc[(last + 2) % 3], full_dc[last])
            _unit(full_dc[last])
            return


@kernel
def _reciprocal(cell_dc: Array, to_cd: Array) -> None:
    """Inverse of the cell: its columns turn positions into fractions."""
    column = np.empty(3)
    for d in range(3):
        _cross(cell_dc[(d + 1) % 3], cell_dc[(d + 2) % 3], column)
        volume = column[0] * cell_dc[d, 0] + column[1] * cell_dc[d, 1] + column[2] * cell_dc[d, 2]
        for c in range(3):
            to_cd[c, d] = column[c] / volume


@kernel
def _wrap(
    start: int,
    stop: int,
    positions_nc: Array,
    first_atom_s: IntArray,
    cells_sdc: Array,
    periodic_sd: Array,
    cutoff: float,
    turns_nd: IntArray,
    wrapped_nc: Array,
    fraction_nd: Array,
    window_sde: Array,
) -> None:
    """Move atoms into the cell, and find between which fractions an image can be a neighbour of any of them."""
    full_dc, to_cd = np.empty((3, 3)), np.empty((3, 3))
    for s in range(start, stop):
        _complete(cells_sdc[s], periodic_sd[s], full_dc)
        _reciprocal(full_dc, to_cd)
        for d in range(3):
            window_sde[s, d, 0] = np.inf
            window_sde[s, d, 1] = -np.inf
        for n in range(first_atom_s[s], first_atom_s[s + 1]):
            for c in range(3):
                wrapped_nc[n, c] = positions_nc[n, c]
            for d in range(3):
                fraction = 0.0
                for c in range(3):
                    fraction += positions_nc[n, c] * to_cd[c, d]
                turns = np.floor(fraction) if periodic_sd[s, d] else 0.0
                turns_nd[n, d] = int(turns)
                fraction_nd[n, d] = fraction - turns
                window_sde[s, d, 0] = min(window_sde[s, d, 0], fraction - turns)
                window_sde[s, d, 1] = max(window_sde[s, d, 1], fraction - turns)
                if turns != 0.0:
                    for c in range(3):
                        wrapped_nc[n, c] -= turns * full_dc[d, c]
        for d in range(3):
            # the planes of the cell are 1/|column| apart; a little more than the cutoff covers rounding
            margin = 1.0000001 * cutoff * np.sqrt(to_cd[0, d] ** 2 + to_cd[1, d] ** 2 + to_cd[2, d] ** 2)
            window_sde[s, d, 0] -= margin
            window_sde[s, d, 1] += margin


@kernel
def _turn_range(s: int, d: int, fraction: float, periodic_sd: Array, window_sde: Array) -> tuple[int, int]:
    """By how many cells an atom can be moved and stay in the window, first and last."""
    if not periodic_sd[s, d]:
        return 0, 0
    return int(np.ceil(window_sde[s, d, 0] - fraction)), int(np.floor(window_sde[s, d, 1] - fraction))


@kernel
def _count_images(
    start: int,
    stop: int,
    first_atom_s: IntArray,
    periodic_sd: Array,
    fraction_nd: Array,
    window_sde: Array,
    n_points_s: IntArray,
) -> None:
    for s in range(start, stop):
        count = 0
        for n in range(first_atom_s[s], first_atom_s[s + 1]):
            images = 1
            for d in range(3):
                low, high = _turn_range(s, d, fraction_nd[n, d], periodic_sd, window_sde)
                images *= high - low + 1
            count += images
        n_points_s[s] = count


@kernel
def _images(
    s: int,
    first: int,
    last: int,
    cell_dc: Array,
    periodic_sd: Array,
    wrapped_nc: Array,
    fraction_nd: Array,
    window_sde: Array,
    position_cg: Array,
    atom_g: IntArray,
    turns_gd: IntArray,
) -> None:
    """The points of one structure, atom after atom."""
    g = 0
    for n in range(first, last):
        low0, high0 = _turn_range(s, 0, fraction_nd[n, 0], periodic_sd, window_sde)
        low1, high1 = _turn_range(s, 1, fraction_nd[n, 1], periodic_sd, window_sde)
        low2, high2 = _turn_range(s, 2, fraction_nd[n, 2], periodic_sd, window_sde)
        for t0 in range(low0, high0 + 1):
            for t1 in range(low1, high1 + 1):
                for t2 in range(low2, high2 + 1):
                    for c in range(3):
                        x = wrapped_nc[n, c]
                        # without a turn, no sum with what may be no cell vector at all
                        x += t0 * cell_dc[0, c] if t0 != 0 else 0.0
                        x += t1 * cell_dc[1, c] if t1 != 0 else 0.0
                        x += t2 * cell_dc[2, c] if t2 != 0 else 0.0
                        position_cg[c, g] = x
                    atom_g[g] = n
                    turns_gd[g, 0], turns_gd[g, 1], turns_gd[g, 2] = t0, t1, t2
                    g += 1


@kernel
def _grid(n_points: int, position_cg: Array, cutoff: float, grid_c: IntArray, corner_ce: Array) -> None:
    """Boxes as wide as the cutoff, thinner along z, wider where there would be too many."""
    extent = np.empty(3)
    for c in range(3):
        low, high = np.inf, -np.inf
        for g in range(n_points):
            low, high = min(low, position_cg[c, g]), max(high, position_cg[c, g])
        corner_ce[c, 0] = low
        extent[c] = high - low
    scale = 1.0
    while True:
        boxes = 1.0
        for c in range(3):
            width = scale * cutoff / (LINES_A_CUTOFF if c == 2 else 1.0)
            boxes *= np.floor(extent[c] / width) + 1.0
            corner_ce[c, 1] = 1.0 / width
        if boxes <= BOXES_A_POINT * n_points:
            break
        scale *= 1.25
    for c in range(3):
        grid_c[c] = int(np.floor(extent[c] * corner_ce[c, 1])) + 1


@kernel
def _along(x: float, c: int, grid_c: IntArray, corner_ce: Array) -> int:
    """In which row of boxes along one axis a coordinate is, the nearest one if outside."""
    place = (x - corner_ce[c, 0]) * corner_ce[c, 1]
    return int(min(max(place, 0.0), grid_c[c] - 1.0))


@kernel
def _fill_boxes(
    start: int,
    stop: int,
    first_atom_s: IntArray,
    cells_sdc: Array,
    periodic_sd: Array,
    cutoff: float,
    wrapped_nc: Array,
    fraction_nd: Array,
    window_sde: Array,
    first_point_s: IntArray,
    first_box_s: IntArray,
    position_cg: Array,
    atom_g: IntArray,
    turns_gd: IntArray,
    box_b: IntArray,
    grid_sc: IntArray,
    corner_sce: Array,
) -> None:
    """Sort the points of each structure by their boxes."""
    most = 1
    for s in range(start, stop):
        most = max(most, first_point_s[s + 1] - first_point_s[s])
    loose_cg, loose_g, loose_gd = np.empty((3, most)), np.empty(most, np.int64), np.empty((most, 3), np.int64)
    which_g = np.empty(most, np.int64)
    for s in range(start, stop):
        begin, size = first_point_s[s], first_point_s[s + 1] - first_point_s[s]
        first, last = first_atom_s[s], first_atom_s[s + 1]
        _images(
            s, first, last, cells_sdc[s], periodic_sd, wrapped_nc, fraction_nd, window_sde, loose_cg, loose_g, loose_gd
        )
        grid_c, corner_ce, boxes = grid_sc[s], corner_sce[s], box_b[first_box_s[s] : first_box_s[s + 1]]
        if size == 0:
            continue
        _grid(size, loose_cg, cutoff, grid_c, corner_ce)
        boxes[:] = 0
        for g in range(size):
            b = _along(loose_cg[0, g], 0, grid_c, corner_ce)
            b = b * grid_c[1] + _along(loose_cg[1, g], 1, grid_c, corner_ce)
            b = b * grid_c[2] + _along(loose_cg[2, g], 2, grid_c, corner_ce)
            which_g[g] = b
            boxes[b + 1] += 1
        boxes[0] = begin
        for b in range(1, len(boxes)):
            boxes[b] += boxes[b - 1]
        for g in range(size):
            to = boxes[which_g[g]]
            boxes[which_g[g]] += 1
            for c in range(3):
                position_cg[c, to] = loose_cg[c, g]
                turns_gd[to, c] = loose_gd[g, c]
            atom_g[to] = loose_g[g]
        # every start has moved to its end, which is the start of the next
        for b in range(len(boxes) - 1, 0, -1):
            boxes[b] = boxes[b - 1]
        boxes[0] = begin


@kernel
def _within(x: float, y: float, z: float, first: np.uint64, last: np.uint64, position_cg: Array, square: float) -> int:
    """How many points of a run are nearer than the cutoff."""
    count = 0
    for g in range(first, last):
        dx, dy, dz = position_cg[0, g] - x, position_cg[1, g] - y, position_cg[2, g] - z
        count += 1 if dx * dx + dy * dy + dz * dz < square else 0
    return count


@kernel
def _count_pairs(
    start: int,
    stop: int,
    structure_n: IntArray,
    wrapped_nc: Array,
    first_box_s: IntArray,
    position_cg: Array,
    box_b: IntArray,
    grid_sc: IntArray,
    corner_sce: Array,
    cutoff: float,
    n_pairs_n: IntArray,
) -> None:
    """Neighbours of each atom, in a first pass that runs in vector registers."""
    for n in range(start, stop):
        s = structure_n[n]
        grid_c, corner_ce = grid_sc[s], corner_sce[s]
        x, y, z = wrapped_nc[n, 0], wrapped_nc[n, 1], wrapped_nc[n, 2]
        low, high = _along(z - cutoff, 2, grid_c, corner_ce), _along(z + cutoff, 2, grid_c, corner_ce)
        count = -1  # the atom itself is among the points
        for bx in range(_along(x - cutoff, 0, grid_c, corner_ce), _along(x + cutoff, 0, grid_c, corner_ce) + 1):
            for by in range(_along(y - cutoff, 1, grid_c, corner_ce), _along(y + cutoff, 1, grid_c, corner_ce) + 1):
                line = first_box_s[s] + (bx * grid_c[1] + by) * grid_c[2]
                first, last = np.uint64(box_b[line + low]), np.uint64(box_b[line + high + 1])
                count += _within(x, y, z, first, last, position_cg, cutoff * cutoff)
        n_pairs_n[n] = count


@kernel
def _fill_pairs(
    start: int,
    stop: int,
    structure_n: IntArray,
    wrapped_nc: Array,
    first_box_s: IntArray,
    position_cg: Array,
    box_b: IntArray,
    grid_sc: IntArray,
    corner_sce: Array,
    cutoff: float,
    turns_nd: IntArray,
    atom_g: IntArray,
    turns_gd: IntArray,
    first_n: IntArray,
    i_p: IntArray,
    j_p: IntArray,
    D_pc: Array,
    S_pc: IntArray,
    clash_n: IntArray,
) -> None:
    """Write down what `_count_pairs` has counted."""
    for n in range(start, stop):
        s = structure_n[n]
        grid_c, corner_ce = grid_sc[s], corner_sce[s]
        x, y, z = wrapped_nc[n, 0], wrapped_nc[n, 1], wrapped_nc[n, 2]
        low, high = _along(z - cutoff, 2, grid_c, corner_ce), _along(z + cutoff, 2, grid_c, corner_ce)
        p = first_n[n]
        for bx in range(_along(x - cutoff, 0, grid_c, corner_ce), _along(x + cutoff, 0, grid_c, corner_ce) + 1):
            for by in range(_along(y - cutoff, 1, grid_c, corner_ce), _along(y + cutoff, 1, grid_c, corner_ce) + 1):
                line = first_box_s[s] + (bx * grid_c[1] + by) * grid_c[2]
                for g in range(np.uint64(box_b[line + low]), np.uint64(box_b[line + high + 1])):
                    dx, dy, dz = position_cg[0, g] - x, position_cg[1, g] - y, position_cg[2, g] - z
                    square = dx * dx + dy * dy + dz * dz
                    if square >= cutoff * cutoff:
                        continue
                    j = atom_g[g]
                    if square < COINCIDENT * COINCIDENT:
                        if j == n and turns_gd[g, 0] == 0 and turns_gd[g, 1] == 0 and turns_gd[g, 2] == 0:
                            continue
                        clash_n[n] = j
                    i_p[p] = n
                    j_p[p] = j
                    D_pc[p, 0] = dx
                    D_pc[p, 1] = dy
                    D_pc[p, 2] = dz
                    for d in range(3):
                        S_pc[p, d] = turns_gd[g, d] - turns_nd[j, d] + turns_nd[n, d]
                    p += 1
