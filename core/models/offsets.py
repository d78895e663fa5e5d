"""Energies of single atoms: the part of the total energy that a potential need not learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from potscope.core._types import Array, IntArray
from potscope.core.dataset import Dataset


def compositions(structures: Sequence[Atoms], species: Sequence[str]) -> Array:
    """How many atoms of each species each structure has, shape (structures, species)."""
    numbers = [atomic_numbers[symbol] for symbol in species]
    return np.array([[(atoms.numbers == z).sum() for z in numbers] for atoms in structures], dtype=float)


def least_squares_offsets(train: Dataset, species: Sequence[str]) -> Array:
    r"""Energies per atom of each species, eV, shape (species,), that come nearest to all total energies.

    .. math:: \min_{\mathbf e} \sum_s \left(\frac{E_s - \sum_z N_{sz} e_z}{N_s}\right)^2

    The smallest solution where the compositions do not determine it.
    """
    known = np.isfinite(train.energies)
    counts = compositions(train.structures, species)[known]
    size = counts.sum(axis=1)
    solution, *_ = np.linalg.lstsq(counts / size[:, None], train.energies[known] / size, rcond=None)
    return np.asarray(solution)


def offsets_of(numbers_n: IntArray, species: Sequence[str], offsets_z: Array) -> Array:
    """Each atom's offset, eV, shape (atoms,)."""
    table = np.zeros(120)
    table[[atomic_numbers[symbol] for symbol in species]] = offsets_z
    return table[numbers_n]
