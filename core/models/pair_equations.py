"""What a data set says of the parameters of pair energies: weighted residuals and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import qr, svd
from scipy.optimize import nnls

from potscope.core._types import Array, BoolArray, IntArray
from potscope.core.dataset import Dataset
from potscope.core.descriptors.base import species_positions
from potscope.core.models.base import batches, learnt_from
from potscope.core.models.group_weights import Weights
from potscope.core.models.local_energies import VOIGT
from potscope.core.models.offsets import compositions
from potscope.core.models.pair_forms import CutPairEnergy
from potscope.core.pairs import Pairs
from potscope.core.progress import Progress

SINGULAR = 1e-10  # of the largest singular value of the compositions; smaller ones are rounding


class Rows(NamedTuple):
    """Weighted equations, of energies and of forces and stresses, each of shape (equations, columns)."""

    energies: Array
    derivatives: Array


@dataclass(frozen=True)
class _Batch:
    """A few structures: their pairs by kind, each pair once, and the weights of what is known of them."""

    pairs: dict[int, Pairs]
    volume_s: Array
    energy_weight_s: Array
    weight_d: Array

    def rows(self, kind: int, energy_pk: Array, slope_pk: Array) -> Rows:
        """What energies of the pairs of a kind, and their slopes by the distance, add to the equations."""
        pairs = self.pairs[kind]
        gradient_pck = (pairs.D_pc / pairs.r_p[:, None])[:, :, None] * slope_pk[:, None, :]
        stress_svk = np.stack(
            [self._summed(pairs, pairs.D_pc[:, a, None] * gradient_pck[:, b]) for a, b in VOIGT], axis=1
        )
        stress_svk /= self.volume_s[:, None, None]
        columns = energy_pk.shape[1]
        both = [pairs.forces(gradient_pck).reshape(-1, columns), stress_svk.reshape(-1, columns)]
        used_d = self.weight_d > 0
        return Rows(
            self._summed(pairs, energy_pk) * self.energy_weight_s[:, None],
            np.concatenate(both)[used_d] * self.weight_d[used_d, None],
        )

    def nothing(self, columns: int) -> Rows:
        """Equations to add to."""
        return Rows(np.zeros((len(self.volume_s), columns)), np.zeros((int((self.weight_d > 0).sum()), columns)))

    def _summed(self, pairs: Pairs, values_pk: Array) -> Array:
        structure_p = pairs.structure_n[pairs.i_p]
        return np.stack([np.bincount(structure_p, values_p, len(self.volume_s)) for values_p in values_pk.T], axis=1)


class PairEquations:
    r"""Weighted residuals of energies per atom, forces and stresses, from which energies of the elements are removed.

    Those energies are linear in the equations, and their columns depend on no other parameter: with an orthonormal
    basis :math:`\mathbf Q` of them, :math:`\mathbf 1 - \mathbf Q\mathbf Q^{\mathsf T}` takes from residuals and
    derivatives what they can explain.

    Parameters
    ----------
    train
        Structures with references.
    species
        Its elements; the kind of a pair of their positions a ≤ b is the number of elements × a + b.
    weights_s
        Of each structure.
    energy
        The pair energies.
    progress
        Called before every batch of structures.
    """

    def __init__(
        self,
        train: Dataset,
        species: Sequence[str],
        weights_s: Sequence[Weights],
        energy: CutPairEnergy,
        progress: Progress,
    ) -> None:
        self._energy = energy
        self._batches: list[_Batch] = []
        targets: list[Rows] = []
        first = 0
        for structures in batches(train.structures):
            progress(first / len(train), "finding the pairs")
            chosen = slice(first, first + len(structures))
            with learnt_from(train.ids[chosen]):
                batch, target = _batch_of(train[chosen], species, weights_s[chosen], energy.cutoff)
            self._batches.append(batch)
            targets.append(target)
            first += len(structures)
        self.kinds = sorted({kind for batch in self._batches for kind in batch.pairs})
        weight_s = np.concatenate([batch.energy_weight_s for batch in self._batches])
        self._counts_sz = compositions(train.structures, species) * weight_s[:, None]
        U, s_k, _ = svd(self._counts_sz, full_matrices=False, check_finite=False)
        self._basis_sk = U[:, s_k > SINGULAR * max(s_k[0], np.finfo(float).tiny)]
        self._target_energies_s = np.concatenate([target.energies[:, 0] for target in targets])
        self._target = self._without_offsets(targets)[:, 0]
        self.n_energies = int((weight_s > 0).sum())

    def nearest(self) -> list[float]:
        """For each of `kinds` the median over the structures of the shortest distance, Å."""
        found: dict[int, list[float]] = {kind: [] for kind in self.kinds}
        for batch in self._batches:
            for kind, pairs in batch.pairs.items():
                shortest_s = np.full(pairs.n_structures, np.inf)
                np.minimum.at(shortest_s, pairs.structure_n[pairs.i_p], pairs.r_p)
                found[kind] += shortest_s[np.isfinite(shortest_s)].tolist()
        return [float(np.median(found[kind])) for kind in self.kinds]

    def residuals(self, parameters_kq: Array) -> Array:
        """Weighted residuals at the best energies of the elements, for parameters of each of `kinds`."""
        return self._without_offsets(self._values(parameters_kq))[:, 0] - self._target

    def jacobian(self, parameters_kq: Array) -> Array:
        """Derivatives of `residuals` by the logarithms of the parameters, shape (equations, kinds × parameters)."""
        parts = []
        for batch in self._batches:
            columns = []
            for kind, parameters_q in zip(self.kinds, parameters_kq, strict=True):
                if kind in batch.pairs:
                    terms = self._energy.terms(batch.pairs[kind].r_p, parameters_q)
                    columns.append(batch.rows(kind, terms.energy_pq, terms.slope_pq))
                else:
                    columns.append(batch.nothing(len(parameters_q)))
            parts.append(Rows(*(np.concatenate(blocks, axis=1) for blocks in zip(*columns, strict=True))))
        return self._without_offsets(parts)

    def depths(self, parameters_kq: Array) -> Array:
        """The depths, none negative, that fit best with all other parameters as they are, where the depths are one."""
        A = self.jacobian(parameters_kq)[:, :: parameters_kq.shape[1]]
        (triangle,) = qr(np.column_stack([A, self._target]), mode="r", check_finite=False)
        return np.asarray(nnls(triangle[:, :-1], triangle[:, -1])[0])

    def offsets(self, parameters_kq: Array) -> Array:
        """The best energies of the elements, eV, the smallest where the compositions do not determine them."""
        rest_s = self._target_energies_s - np.concatenate([part.energies[:, 0] for part in self._values(parameters_kq)])
        return np.asarray(np.linalg.lstsq(self._counts_sz, rest_s, rcond=SINGULAR)[0])

    def _values(self, parameters_kq: Array) -> list[Rows]:
        parts = []
        for batch in self._batches:
            total = batch.nothing(1)
            for kind, parameters_q in zip(self.kinds, parameters_kq, strict=True):
                if kind in batch.pairs:
                    terms = self._energy.terms(batch.pairs[kind].r_p, parameters_q)
                    own = batch.rows(kind, terms.energy_p[:, None], terms.slope_p[:, None])
                    total = Rows(total.energies + own.energies, total.derivatives + own.derivatives)
            parts.append(total)
        return parts

    def _without_offsets(self, parts: Sequence[Rows]) -> Array:
        energies, derivatives = (np.concatenate(blocks) for blocks in zip(*parts, strict=True))
        explained = self._basis_sk @ (self._basis_sk.T @ energies)
        return np.concatenate([energies - explained, derivatives])


def _batch_of(
    train: Dataset, species: Sequence[str], weights_s: Sequence[Weights], cutoff: float
) -> tuple[_Batch, Rows]:
    """The pairs of some structures, and their weighted references."""
    volume_s = np.array([atoms.get_volume() if atoms.cell.rank == 3 else np.inf for atoms in train.structures])
    forces_nc = np.concatenate(
        [np.full((len(a), 3), np.nan) if f is None else f for a, f in zip(train.structures, train.forces, strict=True)]
    )
    force_weight_n = np.repeat([weights.force for weights in weights_s], train.n_atoms)
    stress_weight_s = np.array([weights.stress for weights in weights_s])
    stresses_sv = np.where(np.isfinite(volume_s)[:, None], train.stresses, np.nan)
    reference_d = np.concatenate([forces_nc.ravel(), stresses_sv.ravel()])
    weight_d = np.concatenate([np.repeat(force_weight_n, 3), np.repeat(stress_weight_s, 6)])
    weight_d = np.where(np.isfinite(reference_d), weight_d, 0.0)
    energy_weight_s = np.array([weights.energy for weights in weights_s]) / train.n_atoms
    energy_weight_s = np.where(np.isfinite(train.energies), energy_weight_s, 0.0)
    pairs = _by_kind(Pairs.from_structures(train.structures, cutoff), species)
    used_d = weight_d > 0
    target = Rows(
        (np.nan_to_num(train.energies) * energy_weight_s)[:, None], (reference_d[used_d] * weight_d[used_d])[:, None]
    )
    return _Batch(pairs, volume_s, energy_weight_s, weight_d), target


def _by_kind(pairs: Pairs, species: Sequence[str]) -> dict[int, Pairs]:
    """The pairs of each two elements, each pair once."""
    species_n = species_positions(species, pairs.numbers_n)
    kind_p = kinds_of(species_n[pairs.i_p], species_n[pairs.j_p], len(species))
    once_p = _once(pairs)
    return {int(kind): _chosen(pairs, once_p & (kind_p == kind)) for kind in np.unique(kind_p)}


def _once(pairs: Pairs) -> BoolArray:
    """One of each two pairs that are each other's reverse; of an atom with its images those of positive shifts."""
    x, y, z = pairs.S_pc.T
    positive_p = (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))
    return np.asarray((pairs.i_p < pairs.j_p) | ((pairs.i_p == pairs.j_p) & positive_p))


def _chosen(pairs: Pairs, chosen_p: BoolArray) -> Pairs:
    i_p = pairs.i_p[chosen_p]
    return replace(
        pairs,
        i_p=i_p,
        j_p=pairs.j_p[chosen_p],
        D_pc=pairs.D_pc[chosen_p],
        S_pc=pairs.S_pc[chosen_p],
        first_n=np.searchsorted(i_p, np.arange(pairs.n_atoms + 1)),
    )


def kinds_of(first: IntArray, second: IntArray, n_species: int) -> IntArray:
    """A number for each unordered pair of positions in the species; see `PairEquations`."""
    return np.asarray(np.minimum(first, second) * n_species + np.maximum(first, second))
