"""How features are scaled before a network sees them, and which are outside of what it has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from potscope.core._types import Array, IntArray
from potscope.core.features import Features
from potscope.core.validation import check_array, check_choice

SCALINGS = ("standard", "range", "centred", "centred range", "none")
CONSTANT = 1e-10  # of its largest value; a feature that varies less tells nothing
ROUNDING = 1e-9  # of its range; a value no further outside is not said to be outside


@dataclass(frozen=True, eq=False)
class FeatureScaling:
    r"""What is known of each feature from the data, for central atoms of each element, and the scaling it gives.

    Networks see :math:`x_f = (G_f - s_f)\, c_f`, with

    =================  ==============================  ======================================  ==================
    scaling            in n2p2                         :math:`s_f`                             :math:`c_f`
    =================  ==============================  ======================================  ==================
    ``standard``       ``scale_symmetry_functions_     :math:`\bar G_f`                        :math:`1/\sigma_f`
                       sigma``
    ``range``          ``scale_symmetry_functions``    :math:`\min G_f`                        :math:`1/(\max G_f
                                                                                               - \min G_f)`
    ``centred``        ``center_symmetry_functions``   :math:`\bar G_f`                        1
    ``centred range``  both of these                   :math:`\bar G_f`                        as ``range``
    ``none``                                           0                                       1
    =================  ==============================  ======================================  ==================

    The intervals of n2p2 that ``scale_min_short`` and ``scale_max_short`` give another than 0 to 1 are another shift
    and factor. A feature that does not vary in the data has the factor zero, and so has each of an element that is not
    in the data.

    Attributes
    ----------
    minimum_zf, maximum_zf, mean_zf, sigma_zf
        Of the data, in units of the features, shape (species, features); the columns of n2p2's ``scaling.data``. Where
        nothing is known of the data, ranges are from minus to plus infinity, and nothing is outside.
    shift_zf, factor_zf
        :math:`s` and :math:`c`.
    """

    minimum_zf: Array
    maximum_zf: Array
    mean_zf: Array
    sigma_zf: Array
    shift_zf: Array
    factor_zf: Array

    def __post_init__(self) -> None:
        expected = self.minimum_zf.shape
        for item in fields(self):
            values = getattr(self, item.name)
            if values.ndim != 2 or values.shape != expected:
                raise ValueError(f"`{item.name}`: expected shape {expected} of two axes, got {values.shape}")
            wrong = np.isnan(values) if item.name in ("minimum_zf", "maximum_zf") else ~np.isfinite(values)
            if wrong.any():
                raise ValueError(f"`{item.name}`: expected finite numbers, got {values[wrong][0]}")

    @classmethod
    def given(
        cls, shift: ArrayLike, factor: ArrayLike, minimum: ArrayLike = -np.inf, maximum: ArrayLike = np.inf
    ) -> Self:
        """The scaling of a shift and a factor that are known, such as those of another code.

        Parameters
        ----------
        shift, factor
            :math:`s` and :math:`c`, shape (species, features).
        minimum, maximum
            The range in the data, shape (species, features) or one number; without it nothing is outside. Mean values
            and deviations, which no energy depends on, are zero.

        Raises
        ------
        TypeError, ValueError
            If they are no numbers of these shapes.
        """
        shift_zf = check_array("shift", shift, (None, None))
        factor_zf = check_array("factor", factor, shift_zf.shape)
        low_zf, high_zf = (np.broadcast_to(np.asarray(one, dtype=float), shift_zf.shape) for one in (minimum, maximum))
        zero_zf = np.zeros(shift_zf.shape)
        return cls(low_zf, high_zf, zero_zf, zero_zf, shift_zf, factor_zf)

    @classmethod
    def measured(cls, values_nf: Array, species_n: IntArray, n_species: int, scaling: str) -> Self:
        """The scaling of this name, one of `SCALINGS`, for features of all atoms of some data."""
        check_choice("scaling", scaling, SCALINGS)
        shape = (n_species, values_nf.shape[1])
        minimum_zf, maximum_zf, mean_zf, sigma_zf = (np.zeros(shape) for _ in range(4))
        for z in np.unique(species_n):
            own_nf = values_nf[species_n == z]
            minimum_zf[z], maximum_zf[z] = own_nf.min(axis=0), own_nf.max(axis=0)
            mean_zf[z], sigma_zf[z] = own_nf.mean(axis=0), own_nf.std(axis=0)
        range_zf = maximum_zf - minimum_zf
        varies_zf = range_zf > CONSTANT * np.maximum(np.abs(maximum_zf), np.abs(minimum_zf))
        width_zf = {"standard": sigma_zf, "range": range_zf, "centred range": range_zf}.get(scaling, np.ones(shape))
        shift_zf = {"none": np.zeros(shape), "range": minimum_zf}.get(scaling, mean_zf)
        factor_zf = np.where(varies_zf, 1 / np.where(varies_zf, width_zf, 1.0), 0.0)
        return cls(minimum_zf, maximum_zf, mean_zf, sigma_zf, shift_zf, factor_zf)

    def scaled(self, values_nf: Array, species_n: IntArray) -> Array:
        """What networks see of the atoms, shape (atoms, features)."""
        return (values_nf - self.shift_zf[species_n]) * self.factor_zf[species_n]

    def outside(self, features: Features, species_n: IntArray, first: int = 0) -> OutOfRange:
        """Where features are beyond their range in the data; structures are counted from `first`."""
        low_nf, high_nf = self.minimum_zf[species_n], self.maximum_zf[species_n]
        range_nf = high_nf - low_nf
        slack_nf = ROUNDING * np.where(np.isfinite(range_nf), range_nf, 0.0)
        values_nf = features.values
        atom_k, feature_k = np.nonzero((values_nf < low_nf - slack_nf) | (values_nf > high_nf + slack_nf))
        structure_k = features.structure_r[atom_k]
        return OutOfRange(
            structure_k=structure_k + first,
            atom_k=atom_k - features.first_row_s[structure_k],
            feature_k=feature_k,
            value_k=values_nf[atom_k, feature_k],
            minimum_k=low_nf[atom_k, feature_k],
            maximum_k=high_nf[atom_k, feature_k],
            names=features.names,
        )


@dataclass(frozen=True, eq=False)
class OutOfRange:
    """Features of atoms that are beyond what the data have shown: where a network only extrapolates.

    n2p2's extrapolation warnings. Its length is their number.

    Attributes
    ----------
    structure_k, atom_k, feature_k
        Which structure, which of its atoms, which feature; counted from zero, shape (warnings,).
    value_k, minimum_k, maximum_k
        The value, and the range in the data, in units of the feature.
    names
        One for each feature of the descriptor.
    """

    structure_k: IntArray
    atom_k: IntArray
    feature_k: IntArray
    value_k: Array
    minimum_k: Array
    maximum_k: Array
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.value_k)

    @property
    def excess_k(self) -> Array:
        """How far outside, in widths of the range: infinite where the data have shown one value only."""
        beyond_k = np.maximum(self.minimum_k - self.value_k, self.value_k - self.maximum_k)
        width_k = self.maximum_k - self.minimum_k
        return np.where(width_k > 0, beyond_k / np.where(width_k > 0, width_k, 1.0), np.inf)

    def of_atoms(self, n_atoms: IntArray) -> tuple[IntArray, ...]:
        """How many features of each atom are outside, for structures of so many atoms, each of shape (atoms,)."""
        first_s = np.concatenate([[0], np.cumsum(n_atoms)])
        counts = np.bincount(first_s[self.structure_k] + self.atom_k, minlength=int(first_s[-1]))
        return tuple(np.split(counts, first_s[1:-1]))

    def lines(self) -> list[str]:
        """A sentence for each, those furthest outside first."""
        excess_k = self.excess_k
        return [
            f"structure {self.structure_k[k]}, atom {self.atom_k[k]}: {self.names[self.feature_k[k]]} is "
            f"{self.value_k[k]:.6g}, outside {self.minimum_k[k]:.6g} to {self.maximum_k[k]:.6g} "
            f"by {excess_k[k]:.3g} of that range"
            for k in np.argsort(-excess_k, kind="stable")
        ]

    @classmethod
    def joined(cls, parts: Sequence[Self], names: tuple[str, ...]) -> Self:
        """All of several."""
        integers, numbers = [np.empty(0, np.int64)], [np.empty(0)]
        columns = {
            item.name: np.concatenate(
                (integers if item.name in ("structure_k", "atom_k", "feature_k") else numbers)
                + [getattr(part, item.name) for part in parts]
            )
            for item in fields(cls)
            if item.name != "names"
        }
        return cls(**columns, names=names)
