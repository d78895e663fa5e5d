r"""Whether what is held out is as good as known: frames of one trajectory, and near-duplicates, on both sides.

An error on structures that were held out tells what happens with new ones only if they are as far from those learnt
from as new ones will be. Frames of one trajectory that follow each other are not: divided by chance, each has its
neighbours in time among those learnt from. What is held out should then be whole trajectories.

Two distances are used, both of environments described by unit vectors :math:`\hat{\mathbf p}`, with the kernel
:math:`k(i, j) = \hat{\mathbf p}_i \cdot \hat{\mathbf p}_j`. Between structures of the same atoms in the same order,

.. math:: d(A, B)^2 = \frac1N \sum_{i=1}^{N} |\hat{\mathbf p}_i^A - \hat{\mathbf p}_i^B|^2 ,

and between any structures, by the normalised average kernel :math:`\bar k` of `potscope.core.kernels.structures`,
:math:`\bar d(A, B)^2 = 2 - 2 \bar k(A, B)`.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from potscope.core._types import Array, IntArray
from potscope.core.batches import batches
from potscope.core.dataset import Dataset
from potscope.core.descriptors import SOAP, Descriptor
from potscope.core.kernels import feature_distance, normalised
from potscope.core.progress import Progress, part, silent
from potscope.core.validation import as_structures, check_not_negative

FRAMES_APART = 5  # in a trajectory; what is nearer in time says nothing of how near independent structures are
FEWEST_OTHERS = 10  # of the same atoms and farther in time, without which nothing can be told
SHARE_NEARER = 0.01  # of these that may be nearer than the next frame
SHARE_IN_A_RUN = 0.1  # likewise, between frames that come right before or after such
AT_ONCE = 1000  # structures that all others are compared with
MOST_NUMBERS = 50_000_000  # in the features of all environments of structures of the same atoms: 400 MB
IDENTICAL = 1e-6  # a distance that rounding makes
MANY = 0.1  # of what is held out; a smaller share of leaks changes an error little


class LeakWarning(UserWarning):
    """What is held out is as good as known."""


@dataclass(frozen=True, eq=False)
class Leaks:
    r"""Pairs of a structure that is held out and one learnt from that are as good as the same.

    Attributes
    ----------
    test, train
        Indices of the two, a pair for each structure that is held out and leaks, shape (pairs,).
    distance
        :math:`\bar d` between them, no unit, shape (pairs,).
    relative
        The same in medians of the distances between structures of their composition.
    same_trajectory
        Whether they belong to one trajectory, or are near-duplicates otherwise; shape (pairs,).
    n_tested
        How many structures are held out.
    """

    test: IntArray
    train: IntArray
    distance: Array
    relative: Array
    same_trajectory: NDArray[np.bool_]
    n_tested: int

    def __len__(self) -> int:
        return len(self.test)

    @property
    def fraction(self) -> float:
        """Share of the structures held out that leak."""
        return len(self) / self.n_tested if self.n_tested else 0.0

    def __str__(self) -> str:
        if not len(self):
            return f"none of {self.n_tested} structures held out has a near-duplicate among those learnt from"
        frames = int(self.same_trajectory.sum())
        k = int(self.relative.argmin())
        return (
            f"{len(self)} of {self.n_tested} structures held out are as good as known: {frames} are frames of a "
            f"trajectory that is learnt from as well, {len(self) - frames} near-duplicates; structures {self.test[k]} "
            f"and {self.train[k]} are {self.relative[k]:.2g} of the usual distance apart"
        )


def trajectories(
    structures: Dataset | Sequence[Atoms], descriptor: Descriptor | None = None, progress: Progress = silent
) -> IntArray:
    """Which structures are frames of one trajectory, or of a scan: by distance, as nothing in files says so.

    A structure and the next one, of the same atoms in the same order, belong together if hardly any other of these
    atoms (one in a hundred, or ten next to such a pair), farther than five places away, is nearer to either of them
    than they are to each other.
    The order of independent structures says nothing of their distances, so that they are taken for frames about once
    in thirty; frames far enough apart in time are independent. Of fewer than ten others nothing can be told.

    Parameters
    ----------
    structures
        In the order of time.
    descriptor
        By default SOAP to 5 Å of low resolution.
    progress
        Called with the fraction done; it may raise `Cancelled`.

    Returns
    -------
    trajectory_s
        A number for each structure, rising from 0, of its own for one that belongs to none; shape (structures,).
    """
    found = as_structures(structures)
    if not found:
        return np.empty(0, dtype=np.int64)
    chosen = _default(found) if descriptor is None else descriptor
    linked = np.zeros(len(found), dtype=bool)  # to the one before
    kinds = _indices_by([(atoms.numbers.tobytes(), atoms.pbc.tobytes()) for atoms in found])
    for done, members in enumerate(kinds):
        progress(done / len(kinds), "looking for trajectories")
        if len(members) > FEWEST_OTHERS + FRAMES_APART + 1:
            same = [found[s] for s in members]
            numbers = len(same) * len(same[0]) * len(chosen.names)
            rows_sf = _concatenated(same, chosen) if numbers < MOST_NUMBERS else _means(same, chosen, silent)
            linked[members[1:]] = _follow(members, rows_sf)
    progress(1.0, "trajectories")
    return np.asarray(np.cumsum(~linked) - 1, dtype=np.int64)


def leaks(
    dataset: Dataset,
    fold_s: IntArray,
    descriptor: Descriptor | None = None,
    closeness: float = 0.005,
    progress: Progress = silent,
) -> Leaks:
    """Structures that are held out while frames of their trajectory, or near-duplicates, are learnt from.

    Parameters
    ----------
    dataset
        All structures, in the order they were made in.
    fold_s
        For each structure the fold in which it is held out, while all of other folds are learnt from; −1 for one that
        is always learnt from, as in a single split. Shape (structures,).
    descriptor
        By default SOAP to 5 Å of low resolution.
    closeness
        Near-duplicates have the same composition, and a distance of at most this share of the median between structures
        of that composition.
    progress
        Called with the fraction done; it may raise `Cancelled`.

    Raises
    ------
    ValueError
        If there is no structure, not one fold a structure, or `closeness` is negative.
    """
    check_not_negative("closeness", closeness)
    if not len(dataset):
        raise ValueError("`dataset`: expected at least one structure, got none")
    if np.shape(fold_s) != (len(dataset),):
        raise ValueError(f"`fold_s`: expected a fold for each of {len(dataset)} structures, got {np.shape(fold_s)}")
    chosen = _default(dataset.structures) if descriptor is None else descriptor
    trajectory_s = trajectories(dataset, chosen, part(progress, 0.0, 0.5))
    mean_sf = _means(dataset.structures, chosen, part(progress, 0.5, 1.0))
    found: list[_Pair] = []
    for members in _indices_by([_composition(atoms) for atoms in dataset.structures]):
        if len(members) > 1:
            found += _pairs(members, mean_sf[members], np.asarray(fold_s), trajectory_s, closeness)
    found.sort()
    return Leaks(
        test=np.array([pair.test for pair in found], dtype=np.int64),
        train=np.array([pair.train for pair in found], dtype=np.int64),
        distance=np.array([pair.distance for pair in found], dtype=float),
        relative=np.array([pair.relative for pair in found], dtype=float),
        same_trajectory=np.array([pair.same_trajectory for pair in found], dtype=bool),
        n_tested=int((np.asarray(fold_s) >= 0).sum()),
    )


def warn_of_leaks(
    dataset: Dataset, fold_s: IntArray, descriptor: Descriptor | None = None, stacklevel: int = 2
) -> Leaks:
    """`leaks`, with a `LeakWarning` if more than a tenth of the structures held out is as good as known.

    The warning names the caller as its place, or with `stacklevel` 3 whoever called that one.
    """
    found = leaks(dataset, fold_s, descriptor)
    if found.fraction > MANY:
        warnings.warn(
            f"{found}. Errors will be too small; hold out whole groups or trajectories", LeakWarning, stacklevel
        )
    return found


class _Pair(NamedTuple):
    test: int
    train: int
    distance: float
    relative: float
    same_trajectory: bool


def _pairs(
    members: IntArray, mean_mf: Array, fold_s: IntArray, trajectory_s: IntArray, closeness: float
) -> list[_Pair]:
    """A leak of each structure held out, among those of one composition: the frame next in time, or the nearest."""
    some = _some(len(members))
    usual = float(np.median(feature_distance(mean_mf[some])[np.triu_indices(len(some), 1)]))
    fold_m, trajectory_m = fold_s[members], trajectory_s[members]
    near = max(closeness * usual, IDENTICAL)
    found = []
    for start in range(0, len(members), AT_ONCE):
        distance_bm = feature_distance(mean_mf[start : start + AT_ONCE], mean_mf)
        for m in start + np.flatnonzero(fold_m[start : start + AT_ONCE] >= 0):
            distance_m, same_m = distance_bm[m - start], trajectory_m == trajectory_m[m]
            leaking = np.flatnonzero((fold_m != fold_m[m]) & (same_m | (distance_m <= near)))
            if not len(leaking):
                continue
            frames = leaking[same_m[leaking]]
            in_time = np.abs(members[frames] - members[m])
            other = frames[in_time.argmin()] if len(frames) else leaking[distance_m[leaking].argmin()]
            relative = float(distance_m[other] / usual) if usual > 0 else 0.0
            indices = int(members[m]), int(members[other])
            found.append(_Pair(*indices, float(distance_m[other]), relative, bool(same_m[other])))
    return found


def _follow(members: IntArray, rows_mf: Array) -> NDArray[np.bool_]:
    """Whether each structure but the first follows the one before it, among structures of the same atoms."""
    places, others = np.arange(len(members)), _some(len(members))
    step_s = np.linalg.norm(np.diff(rows_mf, axis=0), axis=1)
    distance_mo = feature_distance(rows_mf, rows_mf[others])
    far_mo = np.abs(places[:, None] - others) > FRAMES_APART
    share_s = np.zeros(len(step_s))
    for own in (places[:-1], places[1:]):
        nearer_s = ((distance_mo[own] < step_s[:, None]) & far_mo[own]).sum(axis=1)
        others_s = far_mo[own].sum(axis=1)
        share_s = np.maximum(share_s, np.where(others_s < FEWEST_OTHERS, 1.0, nearer_s / np.maximum(1, others_s)))
    share_s[np.diff(members) != 1] = 1.0
    possible, certain = share_s <= SHARE_IN_A_RUN, share_s <= SHARE_NEARER
    run_s = np.cumsum(~possible)
    return np.asarray(possible & np.isin(run_s, run_s[certain]))


def _some(n: int) -> IntArray:
    """All of few structures, and as many of more as bound memory and time, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, AT_ONCE)).astype(np.int64))


def _indices_by(keys: Sequence[Hashable]) -> list[IntArray]:
    """Rising indices of the structures of each kind."""
    found: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        found[key].append(index)
    return [np.array(members, dtype=np.int64) for members in found.values()]


def _composition(atoms: Atoms) -> Hashable:
    """Elements in their proportions, and the directions of periodicity."""
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    return tuple(numbers), tuple(counts // math.gcd(*counts.tolist())), tuple(atoms.pbc)


def _default(structures: Sequence[Atoms]) -> Descriptor:
    symbols = tuple(sorted({symbol for atoms in structures for symbol in atoms.symbols}))
    return SOAP(species=symbols, cutoff=5.0, n_max=4, l_max=3)


def _unit_rows(structures: Sequence[Atoms], descriptor: Descriptor) -> Iterator[tuple[slice, Array, IntArray]]:
    """Batches of structures: their places, the unit vectors of their environments, and where each one's begin."""
    for places, batch in batches(structures, descriptor):
        features = descriptor.compute(batch)
        yield places, normalised(features.values)[0], features.first_row_s


def _concatenated(structures: Sequence[Atoms], descriptor: Descriptor) -> Array:
    """All environments of each structure in one row, over √N: for structures of equal size."""
    rows = [unit_nf.reshape(len(first_s) - 1, -1) for _, unit_nf, first_s in _unit_rows(structures, descriptor)]
    n_environments = 1 if descriptor.scope == "structure" else len(structures[0])
    return np.asarray(np.concatenate(rows) / np.sqrt(n_environments))


def _means(structures: Sequence[Atoms], descriptor: Descriptor, progress: Progress) -> Array:
    """The average environment of each structure, of length one."""
    found = []
    for places, unit_nf, first_s in _unit_rows(structures, descriptor):
        progress(places.start / len(structures), "describing the structures")
        found.append(normalised(np.add.reduceat(unit_nf, first_s[:-1], axis=0))[0])
    return np.concatenate(found)
