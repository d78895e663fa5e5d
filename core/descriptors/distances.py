"""All distances of a molecule, sorted: invariant, but of body order two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement, pairwise
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.descriptors.all_pairs import AllPairs
from potscope.core.descriptors.base import Descriptor, check_species, species_positions
from potscope.core.descriptors.matrix_kernels import TIE
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs, check_apart
from potscope.core.validation import as_structures


@dataclass(frozen=True)
class SortedDistances(Descriptor):
    r"""All distances between the atoms of a molecule, sorted for each pair of elements.

    .. math:: G_{zz'} = \operatorname{sort}\{ |\mathbf r_i - \mathbf r_j| : i < j,\ \{z_i, z_j\} = \{z, z'\} \}

    from the shortest, filled up with zeros for molecules of fewer than `n_atoms_max` atoms. This is all that two atoms
    at a time can tell. It is not complete: there are molecules of four and more atoms that differ and have the same
    distances.

    A sorted list has a kink where two distances become equal. The derivatives of m equal ones are their mean, which
    does not depend on the order at hand and is exact for whatever treats equal ones alike.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    n_atoms_max
        As declared; see ``declared(SortedDistances)``.

    References
    ----------
    A. P. Bartók, R. Kondor, G. Csányi, Phys. Rev. B 87, 184115 (2013), section II. doi:10.1103/PhysRevB.87.184115

    S. N. Pozdnyakov et al., Phys. Rev. Lett. 125, 166001 (2020), for what body order two cannot see.
    doi:10.1103/PhysRevLett.125.166001

    Examples
    --------
    >>> from ase.build import molecule
    >>> water = SortedDistances(species=["H", "O"], n_atoms_max=3).compute(molecule("H2O"))
    >>> dict(zip(water.names, water.values[0].round(3).tolist()))["H O 0"]
    0.969
    """

    scope = "structure"
    title: ClassVar[str] = "Sorted distances"
    periodic_directions = frozenset({0})

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    n_atoms_max: int = hyperparameter("Atoms of the largest molecule.", default=30, bounds=(1, 100))

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", tuple(sorted(self.species, key=atomic_numbers.__getitem__)))

    @property
    def feature_unit(self) -> str:
        """That of a distance."""
        return "Å"

    @property
    def names(self) -> tuple[str, ...]:
        """``H O 0``: elements, and place among their distances."""
        return _names(self)

    def compute(self, structures: Atoms | Sequence[Atoms]) -> Features:
        """Values for one molecule or several, a row a molecule.

        Raises
        ------
        ValueError
            If a structure is periodic, has more than `n_atoms_max` atoms or an element that was not declared, or two
            atoms coincide.
        """
        found = as_structures(structures)
        self._check(found)
        pairs = AllPairs(found)
        check_apart(pairs, pairs.r_p**2)
        structure_p = pairs.structure_n[pairs.i_p]
        block_p, feature_p = self._features(pairs, structure_p)
        values_sf = np.zeros((len(found), len(self.names)))
        values_sf[structure_p, feature_p] = pairs.r_p
        # each pair comes twice, from both its ends: each end carries half of the distance
        half_pc = 0.5 * pairs.D_pc / pairs.r_p[:, None]
        run_p, size_r = _runs(structure_p, block_p, feature_p, pairs.r_p)

        def adjoint(g_sf: Array) -> Array:
            mean_r = np.bincount(run_p, g_sf[structure_p, feature_p], len(size_r)) / size_r
            return np.asarray(half_pc * mean_r[run_p][:, None])

        def jacobian() -> Array:
            weight_rf = np.zeros((len(size_r), values_sf.shape[1]))
            np.add.at(weight_rf, (run_p, feature_p), 1.0)
            return np.asarray(half_pc[:, :, None] * (weight_rf / size_r[:, None])[run_p][:, None, :])

        return Features(values_sf, self.names, pairs, structure_p, np.arange(len(found)), adjoint, jacobian)

    def _check(self, structures: Sequence[Atoms]) -> None:
        check_species(type(self).__name__, self.species, structures)
        for index, atoms in enumerate(structures):
            if not self.describes(atoms):
                raise ValueError(f"`structures`[{index}]: sorted distances are for molecules, but this one is periodic")
            if len(atoms) > self.n_atoms_max:
                raise ValueError(
                    f"`structures`[{index}] has {len(atoms)} atoms; "
                    f"`n_atoms_max` of this SortedDistances is {self.n_atoms_max}"
                )

    def _features(self, pairs: Pairs, structure_p: IntArray) -> tuple[IntArray, IntArray]:
        """Which pair of elements each pair of atoms is, and which feature; both ends of a pair have the same."""
        species_n = species_positions(self.species, pairs.numbers_n)
        a_p, b_p = np.sort([species_n[pairs.i_p], species_n[pairs.j_p]], axis=0)
        block_p = a_p * len(self.species) - a_p * (a_p - 1) // 2 + b_p - a_p
        low_p, high_p = np.minimum(pairs.i_p, pairs.j_p), np.maximum(pairs.i_p, pairs.j_p)
        order = np.lexsort((high_p, low_p, pairs.r_p, block_p, structure_p))
        group_p = structure_p[order] * len(_first_features(self)) + block_p[order]
        first_p = np.searchsorted(group_p, group_p)
        feature_p = np.empty(len(order), dtype=np.int64)
        feature_p[order] = _first_features(self)[block_p[order]] + (np.arange(len(order)) - first_p) // 2
        return block_p, feature_p


def _runs(structure_p: IntArray, block_p: IntArray, feature_p: IntArray, r_p: Array) -> tuple[IntArray, IntArray]:
    """A number that pairs of one block and the same distance have in common, and how many pairs have it."""
    order = np.lexsort((feature_p, structure_p))
    s, block, r = structure_p[order], block_p[order], r_p[order]
    same = (np.diff(s) == 0) & (np.diff(block) == 0) & (np.diff(r) <= TIE * r[1:])
    run_p = np.empty(len(order), dtype=np.int64)
    run_p[order] = np.concatenate([[0], np.cumsum(~same)])[: len(order)]
    return run_p, np.bincount(run_p)


@lru_cache(maxsize=64)
def _first_features(descriptor: SortedDistances) -> IntArray:
    """The first feature of each pair of elements, and the number of features."""
    n = descriptor.n_atoms_max
    pairs_of = combinations_with_replacement(descriptor.species, 2)
    sizes = [n * (n - 1) // 2 if a == b else (n // 2) * (n - n // 2) for a, b in pairs_of]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


@lru_cache(maxsize=64)
def _names(descriptor: SortedDistances) -> tuple[str, ...]:
    edges = pairwise(_first_features(descriptor).tolist())
    pairs_of = combinations_with_replacement(descriptor.species, 2)
    return tuple(
        f"{a} {b} {k}" for (a, b), (first, last) in zip(pairs_of, edges, strict=True) for k in range(last - first)
    )
