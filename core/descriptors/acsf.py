"""Atom-centred symmetry functions: of one set for all elements, weighted by atomic numbers, or of a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from ase.data import atomic_numbers

from potscope.core import symmetry_function_files as files
from potscope.core._types import Array, IntArray
from potscope.core.compiled import over_atoms
from potscope.core.cutoffs import CUTOFF_FUNCTIONS
from potscope.core.descriptors import acsf_kernels
from potscope.core.descriptors.acsf_plan import Plan, lay_out
from potscope.core.descriptors.base import LocalDescriptor
from potscope.core.features import Features
from potscope.core.hyperparameters import Rows, hyperparameter
from potscope.core.pairs import Pairs
from potscope.core.symmetry_function_sets import angular_set, radial_set
from potscope.core.symmetry_functions import SymmetryFunction

SMOOTH_CUTOFFS = tuple(name for name in CUTOFF_FUNCTIONS if name != "none")
CUTOFF = 6.0
G2_COLUMNS = "rows of η (1/Å², at least 0) and Rs (Å)"
ANGULAR_COLUMNS = "rows of η (1/Å², at least 0), ζ (at least 1), λ (from -1 to 1) and, if any, Rs (Å)"


class SymmetryFunctions(LocalDescriptor):
    """What the descriptors made of symmetry functions share; each feature is one function or more."""

    cutoff_function: str

    @property
    @abstractmethod
    def symmetry_functions(self) -> tuple[SymmetryFunction, ...]:
        """The functions, in the order of the features."""

    @property
    def inner_part(self) -> float:
        """Fraction of a cutoff up to which the cutoff function is one."""
        return 0.0

    @property
    def reach(self) -> float:
        """The largest cutoff, Å."""
        return max(function.cutoff for function in self.symmetry_functions)

    @property
    def neighbour_order(self) -> int:
        """2 where there are angular functions, otherwise 1."""
        return 2 if any(function.angular for function in self.symmetry_functions) else 1

    @property
    def names(self) -> tuple[str, ...]:
        """``Si G2 eta=0.05 Rs=0``: neighbours, function, parameters (1/Å², Å)."""
        return _names(self)

    def to_input_nn(self, unit: str = "Bohr") -> str:
        """The functions as lines for the `input.nn` of n2p2 and RuNNer, see `symmetry_function_files.write`."""
        return files.write(
            self.symmetry_functions, self.species, self.cutoff_function, unit=unit, inner_fraction=self.inner_part
        )

    def compute_pairs(self, pairs: Pairs) -> Features:
        """Values from a neighbour list that reaches at least to `reach`."""
        parts = [_Work(part, self, pairs) for part in _parts(self)]
        values_nf = np.empty((pairs.n_atoms, len(self.symmetry_functions)))
        for work in parts:
            values_nf[:, work.part.columns] = work.values()

        def adjoint(g_nf: Array) -> Array:
            dE_dD_pc = np.zeros_like(pairs.D_pc)
            for work in parts:
                dE_dD_pc += work.adjoint(np.ascontiguousarray(g_nf[:, work.part.columns]))
            return dE_dD_pc

        def jacobian() -> Array:
            J_pcf = np.empty((len(pairs.D_pc), 3, values_nf.shape[1]))
            for work in parts:
                J_pcf[:, :, work.part.columns] = work.jacobian()
            return J_pcf

        return Features(values_nf, self.names, pairs, pairs.i_p, pairs.structure_n, adjoint, jacobian)


@dataclass(frozen=True)
class ACSF(SymmetryFunctions):
    r"""Atom-centred symmetry functions, one set for all elements.

    For each element of neighbours, in the order of the atomic number, :math:`G^1`, then :math:`G^2` and :math:`G^3`;
    then for each pair of elements :math:`G^4` and :math:`G^5`: the order and the values of DScribe's ACSF (there with
    the cosine cutoff function). The definitions:

    .. math::
        G^1_i &= \sum_j f_c(r_{ij}), \qquad G^2_i = \sum_j e^{-\eta (r_{ij} - R_s)^2} f_c(r_{ij}), \qquad
        G^3_i = \sum_j \cos(\kappa r_{ij})\, f_c(r_{ij}) \\
        G^4_i &= 2^{1-\zeta} \sum_{j<k} (1 + \lambda \cos\theta_{jik})^\zeta\,
            e^{-\eta (r_{ij}^2 + r_{ik}^2 + r_{jk}^2)} f_c(r_{ij}) f_c(r_{ik}) f_c(r_{jk}) \\
        G^5_i &= 2^{1-\zeta} \sum_{j<k} (1 + \lambda \cos\theta_{jik})^\zeta\,
            e^{-\eta (r_{ij}^2 + r_{ik}^2)} f_c(r_{ij}) f_c(r_{ik})

    Every pair of neighbours counts once. :math:`f_c` is one of `potscope.core.cutoffs`. Where a row of `g4` or `g5`
    has a fourth number :math:`R_s`, each distance r in the exponent is :math:`r - R_s`.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, cutoff_function, g2, g3, g4, g5
        As declared; see ``declared(ACSF)``. Sets for other cutoffs come from `ACSF.generated`.

    References
    ----------
    J. Behler, J. Chem. Phys. 134, 074106 (2011). doi:10.1063/1.3553717

    L. Himanen et al., Comput. Phys. Commun. 247, 106949 (2020). doi:10.1016/j.cpc.2019.106949

    Examples
    --------
    >>> from ase.build import bulk
    >>> acsf = ACSF(species=["Si"], cutoff=5.0, g2=[(0.5, 0.0), (0.5, 2.0)], g4=[(0.01, 1, 1), (0.01, 1, -1)])
    >>> acsf.names[2:4]
    ('Si G2 eta=0.5 Rs=2', 'Si Si G4 eta=0.01 zeta=1 lambda=1')
    >>> acsf.compute(bulk("Si")).values.shape
    (2, 5)
    """

    title: ClassVar[str] = "Symmetry functions"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=CUTOFF, unit="Å", bounds=(1.0, 20.0))
    cutoff_function: str = hyperparameter(
        "How the weight of a neighbour falls to nothing.", default="cosine", choices=SMOOTH_CUTOFFS
    )
    g2: tuple[tuple[float, ...], ...] = hyperparameter(
        "Gaussians of the distance: rows of η (1/Å²) and Rs (Å).", default=radial_set(CUTOFF, 8)
    )
    g3: tuple[float, ...] = hyperparameter(
        "Cosines of the distance: their wave numbers κ.", default=(), unit="1/Å", bounds=(0.0, 50.0)
    )
    g4: tuple[tuple[float, ...], ...] = hyperparameter(
        "Angles, with the distance between the neighbours: rows of η (1/Å²), ζ and λ.",
        default=angular_set(CUTOFF, 1, zetas=(1.0, 2.0, 4.0, 16.0)),
    )
    g5: tuple[tuple[float, ...], ...] = hyperparameter(
        "Angles, without the distance between the neighbours: rows of η (1/Å²), ζ and λ.", default=()
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", _sorted(self.species))
        _check_g2(self.g2)
        _check_angular("g4", self.g4)
        _check_angular("g5", self.g5)
        _refuse_twins("g3", [(kappa,) for kappa in self.g3])

    @classmethod
    def generated(
        cls,
        species: Sequence[str],
        cutoff: float = CUTOFF,
        n_radial: int = 8,
        n_angular: int = 1,
        scheme: str = "gastegger shifted",
        zetas: Sequence[float] = (1.0, 2.0, 4.0, 16.0),
        cutoff_function: str = "cosine",
    ) -> ACSF:
        r"""A sensible set: `n_radial` :math:`G^2`, and :math:`G^4` of `n_angular` widths with each ζ and λ = ±1.

        See `potscope.core.symmetry_function_sets` for the schemes; the angular functions are centred.
        """
        centred = scheme.replace("shifted", "centred")
        return cls(
            species=tuple(species),
            cutoff=cutoff,
            cutoff_function=cutoff_function,
            g2=radial_set(cutoff, n_radial, scheme),
            g4=angular_set(cutoff, n_angular, zetas=zetas, scheme=centred),
        )

    @property
    def symmetry_functions(self) -> tuple[SymmetryFunction, ...]:
        """The functions, in the order of the features."""
        return _uniform_functions(self)


@dataclass(frozen=True)
class WeightedACSF(SymmetryFunctions):
    r"""Weighted atom-centred symmetry functions (wACSF): as many features for many elements as for one.

    .. math::
        W^2_i &= \sum_j Z_j\, e^{-\eta (r_{ij} - R_s)^2} f_c(r_{ij}) \\
        W^4_i &= 2^{1-\zeta} \sum_{j<k} Z_j Z_k\, (1 + \lambda \cos\theta_{jik})^\zeta\,
            e^{-\eta [(r_{ij} - R_s)^2 + (r_{ik} - R_s)^2 + (r_{jk} - R_s)^2]} f_c(r_{ij}) f_c(r_{ik}) f_c(r_{jk})

    and :math:`W^5` without the distance :math:`r_{jk}`; Z are atomic numbers. In the original every pair of
    neighbours counts twice; here once, as in n2p2.

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    cutoff, cutoff_function, g2, g4, g5
        As declared; see ``declared(WeightedACSF)``.

    References
    ----------
    M. Gastegger, L. Schwiedrzik, M. Bittermann, F. Berzsenyi, P. Marquetand, J. Chem. Phys. 148, 241709 (2018).
    doi:10.1063/1.5019667
    """

    title: ClassVar[str] = "Weighted symmetry functions"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    cutoff: float = hyperparameter("Distance to which neighbours count.", default=CUTOFF, unit="Å", bounds=(1.0, 20.0))
    cutoff_function: str = hyperparameter(
        "How the weight of a neighbour falls to nothing.", default="cosine", choices=SMOOTH_CUTOFFS
    )
    g2: tuple[tuple[float, ...], ...] = hyperparameter(
        "Gaussians of the distance: rows of η (1/Å²) and Rs (Å).", default=radial_set(CUTOFF, 12)
    )
    g4: tuple[tuple[float, ...], ...] = hyperparameter(
        "Angles, with the distance between the neighbours: rows of η (1/Å²), ζ, λ and, if any, Rs (Å).",
        default=angular_set(CUTOFF, 4, zetas=(1.0, 4.0), scheme="gastegger shifted"),
    )
    g5: tuple[tuple[float, ...], ...] = hyperparameter(
        "Angles, without the distance between the neighbours: rows of η (1/Å²), ζ, λ and, if any, Rs (Å).", default=()
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species."""
        super().__post_init__()
        object.__setattr__(self, "species", _sorted(self.species))
        _check_g2(self.g2)
        _check_angular("g4", self.g4)
        _check_angular("g5", self.g5)
        if not (self.g2 or self.g4 or self.g5):
            raise ValueError("`g2`: expected rows here or in `g4` or `g5`, got none at all")

    @property
    def symmetry_functions(self) -> tuple[SymmetryFunction, ...]:
        """The functions, in the order of the features."""
        return _weighted_functions(self)


@dataclass(frozen=True)
class ElementACSF(SymmetryFunctions):
    r"""Atom-centred symmetry functions of a table, each for one central element, as in n2p2 and RuNNer.

    Every function has a column; it is zero for atoms of other elements than its own. The definitions are those of
    `SymmetryFunction`. A row of the table is

    ======  =========================================================================================
    column  meaning
    ======  =========================================================================================
    0       atomic number of the atom
    1       1 to 5, for :math:`G^1` to :math:`G^5`
    2, 3    atomic numbers of the neighbours (the second 0 for :math:`G^1` to :math:`G^3`), or both 0 for all elements,
            weighted by their atomic numbers
    4, 5    :math:`\eta` (1/Å²; κ, 1/Å, for :math:`G^3`) and :math:`R_s` (Å)
    6, 7    ζ and λ (1 and 0 for :math:`G^1` to :math:`G^3`)
    8       cutoff, Å
    ======  =========================================================================================

    Parameters
    ----------
    species
        Elements that may occur; kept in the order of the atomic number.
    functions
        The table; if empty, it is filled with a set for every element.
    cutoff_function, inner_fraction
        As declared; see ``declared(ElementACSF)``.

    References
    ----------
    J. Behler, J. Chem. Phys. 134, 074106 (2011). doi:10.1063/1.3553717

    A. Singraber, J. Behler, C. Dellago, J. Chem. Theory Comput. 15, 1827 (2019). doi:10.1021/acs.jctc.8b00770
    """

    title: ClassVar[str] = "Symmetry functions of each element"

    species: tuple[str, ...] = hyperparameter("Elements that may occur.")
    functions: tuple[tuple[float, ...], ...] = hyperparameter(
        "The functions: atom, kind, two neighbours, η, Rs, ζ, λ, cutoff; empty for a set of ten a pair of elements.",
        default=(),
    )
    cutoff_function: str = hyperparameter(
        "How the weight of a neighbour falls to nothing.", default="cosine", choices=CUTOFF_FUNCTIONS
    )
    inner_fraction: float = hyperparameter(
        "Fraction of a cutoff up to which the cutoff function is one.", default=0.0, bounds=(0.0, 0.99)
    )

    def __post_init__(self) -> None:
        """Check the hyperparameters; sort the species; fill an empty table."""
        super().__post_init__()
        object.__setattr__(self, "species", _sorted(self.species))
        if self.inner_fraction and self.cutoff_function.startswith("tanh3"):
            raise ValueError(
                f"`inner_fraction`: expected 0 with the cutoff function {self.cutoff_function!r}, "
                f"got {self.inner_fraction:g}"
            )
        rows = self.functions or tuple(function.row() for function in _default_table(self.species))
        object.__setattr__(self, "functions", rows)
        _refuse_twins("functions", self.functions)
        _table_functions(self)

    @property
    def inner_part(self) -> float:
        """Fraction of a cutoff up to which the cutoff function is one."""
        return self.inner_fraction

    @classmethod
    def of(
        cls,
        functions: Iterable[SymmetryFunction],
        species: Sequence[str],
        cutoff_function: str = "cosine",
        inner_fraction: float = 0.0,
    ) -> ElementACSF:
        """From functions instead of a table; those without a central element are taken for each of the species."""
        rows = [
            function.row()
            for given in functions
            for function in ([given] if given.centre else [given.about(symbol) for symbol in _sorted(species)])
        ]
        return cls(tuple(species), tuple(rows), cutoff_function, inner_fraction)

    @classmethod
    def from_input_nn(cls, source: str | Path, unit: str = "Bohr") -> ElementACSF:
        """From the `input.nn` of n2p2 or RuNNer, a file or its text; see `symmetry_function_files.read`."""
        found = files.read(source, unit=unit)
        return cls.of(found.functions, found.species, found.cutoff_function, found.inner_fraction)

    @property
    def symmetry_functions(self) -> tuple[SymmetryFunction, ...]:
        """The functions, in the order of the features."""
        return _table_functions(self)


@dataclass(frozen=True)
class _Part:
    """Functions of one kind of weighting, and which features they are."""

    plan: Plan
    weighted: bool
    centred: bool
    columns: IntArray | slice


@lru_cache(maxsize=64)
def _parts(descriptor: SymmetryFunctions) -> tuple[_Part, ...]:
    found = []
    functions = descriptor.symmetry_functions
    centred = any(function.centre for function in functions)
    for weighted in (False, True):
        columns = [c for c, function in enumerate(functions) if weighted == (not function.neighbours)]
        if columns:
            plan = lay_out(
                [functions[c] for c in columns],
                ("",) if weighted else descriptor.species,
                descriptor.species if centred else ("",),
            )
            every = len(columns) == len(functions)
            found.append(_Part(plan, weighted, centred, slice(None) if every else np.array(columns)))
    return tuple(found)


class _Work:
    """One part applied to one neighbour list."""

    def __init__(self, part: _Part, descriptor: SymmetryFunctions, pairs: Pairs) -> None:
        numbers_p = pairs.numbers_n[pairs.j_p]
        species_n = descriptor.species_of(pairs.numbers_n)
        self.part = part
        self.pairs = pairs
        self.arguments = (
            pairs.first_n,
            np.zeros_like(numbers_p) if part.weighted else species_n[pairs.j_p],
            numbers_p.astype(float) if part.weighted else np.ones(len(numbers_p)),
            species_n if part.centred else np.zeros_like(species_n),
            pairs.D_pc,
            part.plan,
            CUTOFF_FUNCTIONS.index(descriptor.cutoff_function),
            descriptor.inner_part,
        )

    def values(self) -> Array:
        values_nf = np.empty((self.pairs.n_atoms, self.part.plan.n_functions))
        over_atoms(acsf_kernels.values, self.pairs.n_atoms, *self.arguments, values_nf)
        return values_nf

    def adjoint(self, g_nf: Array) -> Array:
        dE_dD_pc = np.empty_like(self.pairs.D_pc)
        over_atoms(acsf_kernels.adjoint, self.pairs.n_atoms, *self.arguments, g_nf, dE_dD_pc)
        return dE_dD_pc

    def jacobian(self) -> Array:
        J_pcf = np.empty((len(self.pairs.D_pc), 3, self.part.plan.n_functions))
        over_atoms(acsf_kernels.jacobian, self.pairs.n_atoms, *self.arguments, J_pcf)
        return J_pcf


@lru_cache(maxsize=64)
def _names(descriptor: SymmetryFunctions) -> tuple[str, ...]:
    functions = descriptor.symmetry_functions
    several = len({function.cutoff for function in functions}) > 1
    return tuple(function.name(with_cutoff=several) for function in functions)


@lru_cache(maxsize=64)
def _uniform_functions(acsf: ACSF) -> tuple[SymmetryFunction, ...]:
    found = []
    for symbol in acsf.species:
        found.append(SymmetryFunction(1, (symbol,), acsf.cutoff))
        found += [SymmetryFunction(2, (symbol,), acsf.cutoff, eta, shift) for eta, shift in acsf.g2]
        found += [SymmetryFunction(3, (symbol,), acsf.cutoff, kappa) for kappa in acsf.g3]
    for place, second in enumerate(acsf.species):
        for first in acsf.species[: place + 1]:
            for kind, rows in ((4, acsf.g4), (5, acsf.g5)):
                found += [_angular_function(kind, (second, first), acsf.cutoff, row) for row in rows]
    return tuple(found)


@lru_cache(maxsize=64)
def _weighted_functions(acsf: WeightedACSF) -> tuple[SymmetryFunction, ...]:
    found = [SymmetryFunction(2, (), acsf.cutoff, eta, shift) for eta, shift in acsf.g2]
    for kind, rows in ((4, acsf.g4), (5, acsf.g5)):
        found += [_angular_function(kind, (), acsf.cutoff, row) for row in rows]
    return tuple(found)


def _angular_function(
    kind: int, neighbours: tuple[str, ...], cutoff: float, row: tuple[float, ...]
) -> SymmetryFunction:
    eta, zeta, lambda_ = row[:3]
    return SymmetryFunction(kind, neighbours, cutoff, eta, row[3] if len(row) > 3 else 0.0, zeta, lambda_)


@lru_cache(maxsize=64)
def _table_functions(acsf: ElementACSF) -> tuple[SymmetryFunction, ...]:
    found = []
    for number, row in enumerate(acsf.functions):
        function = SymmetryFunction.from_row(row, f"`functions`, row {number}")
        unknown = {function.centre, *function.neighbours} - set(acsf.species)
        if unknown:
            raise ValueError(
                f"`functions`, row {number}: has {', '.join(sorted(unknown))}; `species` is {', '.join(acsf.species)}"
            )
        found.append(function)
    return tuple(found)


def _default_table(species: Sequence[str]) -> list[SymmetryFunction]:
    """Six radial functions for each pair of elements and four angular ones for each triple."""
    found = []
    for centre in species:
        found += [
            SymmetryFunction(2, (symbol,), CUTOFF, eta, shift, centre=centre)
            for symbol in species
            for eta, shift in radial_set(CUTOFF, 6)
        ]
        found += [
            SymmetryFunction(4, (second, first), CUTOFF, eta, 0.0, zeta, lambda_, centre)
            for place, second in enumerate(species)
            for first in species[: place + 1]
            for eta, zeta, lambda_ in angular_set(CUTOFF, 1)
        ]
    return found


def _sorted(species: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(species, key=atomic_numbers.__getitem__))


def _check_g2(rows: Rows) -> None:
    for row in rows:
        if len(row) != 2 or row[0] < 0:
            raise ValueError(f"`g2`: expected {G2_COLUMNS}, got {row}")
    _refuse_twins("g2", rows)


def _check_angular(name: str, rows: Rows) -> None:
    for row in rows:
        if len(row) not in (3, 4) or row[0] < 0 or row[1] < 1 or abs(row[2]) > 1:
            raise ValueError(f"`{name}`: expected {ANGULAR_COLUMNS}, got {row}")
    _refuse_twins(name, [row if len(row) > 3 else (*row, 0.0) for row in rows])


def _refuse_twins(name: str, rows: Sequence[tuple[float, ...]]) -> None:
    seen: set[tuple[float, ...]] = set()
    for row in rows:
        if row in seen:
            raise ValueError(f"`{name}`: expected every function once, got {row} twice")
        seen.add(row)
