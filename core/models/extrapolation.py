"""How far environments lie outside of those that a linear model has learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from ase import Atoms

from potscope.core._types import Array, IntArray
from potscope.core.batches import features_in_batches
from potscope.core.compiled import kernel
from potscope.core.descriptors import LocalDescriptor
from potscope.core.progress import Progress, silent

LEAST = 1e-6  # of a number's root mean square over the data: what counts as no variation of it
TOLERANCE = 0.01  # by which an exchange of rows has to enlarge the volume


@dataclass(frozen=True)
class ActiveSets:
    r"""For each species the environments of some structures that span the largest volume: MaxVol's choice.

    A model that is linear in the rows :math:`\mathbf b = (1, \mathbf G_i)` of environments is determined by k of them,
    the active set :math:`\mathbf A`, whose determinant no exchange of one row for another of the data makes larger. The
    extrapolation grade of an environment is the largest coefficient of its expansion in the active set of its species,

    .. math:: \gamma_i = \max_j \left| (\mathbf b\,\mathbf A^{-1})_j \right| .

    It is at most one for the data, up to `TOLERANCE`; where it is larger, the model extrapolates.

    Where the data do not vary, no row has a volume. So the unit vectors times a `LEAST` part of each number's root mean
    square compete with the data: a direction that no environment of the data shows has a very large grade, and so has
    everything of a species that they do not have.

    Attributes
    ----------
    rows_zkk
        :math:`\mathbf A` of each species, shape (species, 1 + features, 1 + features).

    References
    ----------
    E. V. Podryabinkin, A. V. Shapeev, Comput. Mater. Sci. 140, 171 (2017). doi:10.1016/j.commatsci.2017.08.031
    """

    rows_zkk: Array

    def __post_init__(self) -> None:
        """See that the rows are finite."""
        if not np.isfinite(self.rows_zkk).all():
            raise ValueError("`rows_zkk`: expected finite rows")

    @cached_property
    def _inverse_zkk(self) -> Array:
        return np.asarray(np.linalg.inv(self.rows_zkk), dtype=float)

    def grades(self, values_nf: Array, species_n: IntArray) -> Array:
        """Extrapolation grades of environments, shape (n,), from features and positions of the central species."""
        rows_nk = _rows(values_nf)
        grade_n = np.zeros(len(rows_nk))
        for z in np.unique(species_n):
            own = species_n == z
            grade_n[own] = np.abs(rows_nk[own] @ self._inverse_zkk[z]).max(axis=1)
        return grade_n

    @classmethod
    def of(cls, structures: Sequence[Atoms], descriptor: LocalDescriptor, progress: Progress = silent) -> Self:
        """Choose among the environments of some structures.

        A row that was left out may have its place in the final set, so the structures are described again and again
        until nothing changes any more. Nothing is held but a batch.

        Parameters
        ----------
        structures
            Those that a model has learnt from.
        descriptor
            Knows their elements.
        progress
            Called before every batch, always with zero, as no one knows how often; it may raise `Cancelled`.
        """
        squares_zk = np.zeros((len(descriptor.species), 1 + len(descriptor.names)))
        counts_z = np.zeros(len(squares_zk))
        for z, rows_nk in _rows_in_batches(structures, descriptor, progress):
            squares_zk[z] += np.einsum("nk,nk->k", rows_nk, rows_nk)
            counts_z[z] += len(rows_nk)
        searches = [MaxVol(np.sqrt(squares_zk[z] / max(1.0, counts_z[z]))) for z in range(len(counts_z))]
        changed = True
        while changed:
            exchanges = [searches[z].take(rows) for z, rows in _rows_in_batches(structures, descriptor, progress)]
            changed = any(exchanges)
        return cls(np.stack([search.rows_kk for search in searches]))


def _rows(values_nf: Array) -> Array:
    return np.column_stack([np.ones(len(values_nf)), values_nf])


def _rows_in_batches(
    structures: Sequence[Atoms], descriptor: LocalDescriptor, progress: Progress
) -> Iterator[tuple[int, Array]]:
    """Position of a species and rows of environments of it, batch by batch."""
    progress(0.0, "choosing the active set of environments")
    for _, features in features_in_batches(structures, descriptor):
        species_n = descriptor.species_of(features.pairs.numbers_n)
        for z in np.unique(species_n):
            yield int(z), _rows(features.values[species_n == z])
        progress(0.0, "choosing the active set of environments")


class MaxVol:
    """Rows of largest volume among those that come in blocks, beginning with small multiples of unit vectors.

    S. A. Goreinov et al., in Matrix Methods: Theory, Algorithms and Applications, 247 (World Scientific, 2010).
    doi:10.1142/9789812836021_0015
    """

    def __init__(self, scale_k: Array) -> None:
        self._scale_k = np.where(scale_k > 0, scale_k, 1.0)
        self._scaled_kk = LEAST * np.eye(len(scale_k))

    @property
    def rows_kk(self) -> Array:
        """What has been chosen."""
        return self._scaled_kk * self._scale_k

    def take(self, rows_nk: Array) -> bool:
        """Exchange chosen rows for some of these as long as the volume grows; whether there was anything to gain."""
        rows_nk = rows_nk / self._scale_k
        expansion_nk = rows_nk @ np.linalg.inv(self._scaled_kk)
        if np.abs(expansion_nk).max(initial=0.0) <= 1 + TOLERANCE:
            return False
        _exchange(rows_nk, expansion_nk, self._scaled_kk, 1 + TOLERANCE)
        return True


@kernel
def _exchange(rows_nk: Array, expansion_nk: Array, chosen_kk: Array, least_gain: float) -> None:
    """Put rows in the places of chosen ones until no exchange multiplies the volume by more than `least_gain`.

    A coefficient of a row's expansion is what the volume is multiplied with when the row takes that place; the largest
    one names the exchange. All expansions follow it.
    """
    n_columns = expansion_nk.shape[1]
    change_k = np.zeros(n_columns)
    row, place = _largest(expansion_nk, change_k, 0)
    while np.abs(expansion_nk[row, place]) > least_gain:
        for k in range(n_columns):
            chosen_kk[place, k] = rows_nk[row, k]
            change_k[k] = expansion_nk[row, k] / expansion_nk[row, place]
        change_k[place] -= 1 / expansion_nk[row, place]
        row, place = _largest(expansion_nk, change_k, place)


@kernel
def _largest(expansion_nk: Array, change_k: Array, place: int) -> tuple[int, int]:
    """Subtract the dyad of one column and `change_k`, and find the largest coefficient of what is left."""
    largest, row, column = -1.0, 0, 0
    for n in range(len(expansion_nk)):
        factor = expansion_nk[n, place]
        row_largest = 0.0
        for k in range(np.uint64(len(change_k))):
            expansion_nk[n, k] -= factor * change_k[k]
            row_largest = max(row_largest, abs(expansion_nk[n, k]))
        if row_largest > largest:
            largest, row = row_largest, n
    for k in range(len(change_k)):
        if abs(expansion_nk[row, k]) == largest:
            column = k
    return row, column
