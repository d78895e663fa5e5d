"""SOAP of whole structures: averages over their atoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from ase import Atoms

from potscope.core._types import Array
from potscope.core.compiled import over_atoms
from potscope.core.descriptors import soap_spectrum
from potscope.core.descriptors.base import Descriptor
from potscope.core.descriptors.soap import SOAP
from potscope.core.descriptors.soap_expansion import Density, DensityExpansion, room
from potscope.core.features import Features
from potscope.core.hyperparameters import hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.simd import LANES
from potscope.core.validation import as_structures


@dataclass(frozen=True)
class AverageSOAP(DensityExpansion, Descriptor):
    r"""SOAP averaged over the atoms of a structure: one row a structure, however many atoms it has.

    ``outer`` averages the power spectra of the N atoms, ``inner`` their density coefficients, before the sum over m:

    .. math::
        p^{\text{outer}}_{nn'l} = \frac1N \sum_i p^i_{nn'l}, \qquad
        p^{\text{inner}}_{nn'l} = \pi \sqrt{\frac{8}{2l+1}} \sum_m
        \Bigl(\frac1N \sum_i c^i_{nlm}\Bigr) \Bigl(\frac1N \sum_i c^i_{n'lm}\Bigr)

    The inner average keeps how the neighbourhoods are turned relative to each other, and is as invariant, because all
    of them turn together. The values are those of DScribe's ``average``; a structure without atoms has zeros.

    Parameters
    ----------
    average
        As declared; the others are those of `SOAP`.

    References
    ----------
    L. Himanen et al., Comput. Phys. Commun. 247, 106949 (2020). doi:10.1016/j.cpc.2019.106949

    Examples
    --------
    >>> from ase.build import bulk
    >>> AverageSOAP(species=["Si"]).compute([bulk("Si"), bulk("Si", cubic=True)]).values.shape
    (2, 252)
    """

    scope = "structure"
    title: ClassVar[str] = "SOAP, averaged"
    periodic_directions = frozenset({0, 1, 2, 3})

    average: str = hyperparameter(
        "Of the power spectra (outer), or of the density coefficients (inner).",
        default="outer",
        choices=("outer", "inner"),
    )

    @property
    def of_atoms(self) -> SOAP:
        """The descriptor of the atoms that is averaged."""
        values: dict[str, Any] = self.hyperparameters()
        del values["average"]
        return SOAP(**values)

    def compute(self, structures: Atoms | Sequence[Atoms]) -> Features:
        """Values for one structure or several, a row a structure; see `Features` for the derivatives."""
        found = as_structures(structures)
        atoms = self.of_atoms
        atoms.check_species(found)
        pairs = Pairs.from_structures(found, self.reach)
        density = Density.of(self.tables(), pairs, atoms.species_of(pairs.numbers_n), len(self.names))
        average = _outer if self.average == "outer" else _inner
        return average(density, self.names)


def _shares(pairs: Pairs) -> Array:
    """One over the number of atoms of each atom's structure."""
    return np.asarray(1.0 / np.diff(pairs.first_atom_s)[pairs.structure_n])


def _means(values_nf: Array, pairs: Pairs) -> Array:
    """Averages over the atoms of each structure, zero for a structure without."""
    means_sf = np.zeros((pairs.n_structures, values_nf.shape[1]))
    sizes = np.diff(pairs.first_atom_s)
    full = np.flatnonzero(sizes)
    if len(full):
        means_sf[full] = np.add.reduceat(values_nf, pairs.first_atom_s[full], axis=0) / sizes[full, None]
    return means_sf


def _outer(density: Density, names: tuple[str, ...]) -> Features:
    pairs = density.pairs
    share_n = _shares(pairs)

    def adjoint(g_sf: Array) -> Array:
        return density.pull_back(g_sf[pairs.structure_n] * share_n[:, None])

    def jacobian() -> Array:
        return density.jacobian(density.c, np.arange(pairs.n_atoms), share_n)

    return _features(_means(density.values_nf, pairs), names, pairs, adjoint, jacobian)


def _inner(density: Density, names: tuple[str, ...]) -> Features:
    pairs, tables = density.pairs, density.tables
    share_n = _shares(pairs)
    c = room(tables, pairs.n_structures)
    c[: len(c) - LANES] = _means(density.c[: len(density.c) - LANES].reshape(pairs.n_atoms, -1), pairs).ravel()
    values_sf = np.empty((pairs.n_structures, len(names)))
    over_atoms(soap_spectrum.power_spectrum, pairs.n_structures, c, *tables.arguments, values_sf)

    def adjoint(g_sf: Array) -> Array:
        h = room(tables, pairs.n_structures)
        over_atoms(soap_spectrum.coefficient_gradient, pairs.n_structures, c, *tables.arguments, g_sf, 0, h)
        return density.pull_back_coefficients(h, pairs.structure_n) * share_n[pairs.i_p, None]

    def jacobian() -> Array:
        return density.jacobian(c, pairs.structure_n, share_n)

    return _features(values_sf, names, pairs, adjoint, jacobian)


def _features(
    values_sf: Array,
    names: tuple[str, ...],
    pairs: Pairs,
    adjoint: Callable[[Array], Array],
    jacobian: Callable[[], Array],
) -> Features:
    structure_p, all_s = pairs.structure_n[pairs.i_p], np.arange(pairs.n_structures)
    return Features(values_sf, names, pairs, structure_p, all_s, adjoint, jacobian)
