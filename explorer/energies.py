"""Energies as they are shown: where compositions differ, less what the elements alone account for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from potscope.core import Dataset
from potscope.core.models.offsets import compositions, least_squares_offsets

if TYPE_CHECKING:
    from potscope.core._types import Array

ONE_METHOD = 15.0
"""eV/atom. Energies of one method spread less than this about the best sum of energies of their elements, even those of
dimers pressed together; the zeros of two methods, one with all electrons and one without, are hundreds apart."""


@dataclass(frozen=True)
class EnergyZero:
    """What is subtracted from the energies of a dataset before they are shown.

    Total energies of different compositions differ by hundreds of electronvolts an atom, beside which nothing else is
    seen.

    Attributes
    ----------
    zero_s
        eV/atom, of each structure, shape (structures,).
    words
        What it is, for a label; empty where nothing is subtracted.
    several_methods
        Whether the energies look as if they came from methods that do not share a zero.
    """

    zero_s: Array
    words: str = ""
    several_methods: bool = False

    @classmethod
    def of(cls, dataset: Dataset) -> EnergyZero:
        """Nothing for one composition; else the energies of the elements, by least squares.

        Where these are far from the energies, as where several methods are mixed, each group has its own.
        """
        counts_sz = compositions(dataset.structures, dataset.species)
        fractions_sz = counts_sz / np.maximum(1, counts_sz.sum(axis=1))[:, None]
        known_s = np.isfinite(dataset.energies)
        if np.ptp(fractions_sz, axis=0).max() < 1e-9 or not known_s.any():
            return cls(np.zeros(len(dataset)))
        zero_s = fractions_sz @ least_squares_offsets(dataset, dataset.species)
        per_atom_s = dataset.energies / dataset.n_atoms
        if np.nanstd(per_atom_s - zero_s) < ONE_METHOD:
            return cls(zero_s, "less the mean energy of its elements")
        groups = np.array(dataset.groups)
        for group in dataset.group_sizes:
            members = np.flatnonzero(groups == group)
            if known_s[members].any():
                zero_s[members] = fractions_sz[members] @ least_squares_offsets(dataset[members], dataset.species)
        return cls(zero_s, "less the mean energy of its elements in its group", several_methods=True)
