"""How a list of symmetry functions is laid out for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.symmetry_functions import SymmetryFunction


class Plan(NamedTuple):
    """Symmetry functions as flat arrays, each distinct factor once.

    Envelopes (e) are functions of one distance. The functions of one central element and one neighbouring element
    (radial), or pair of them (a group g), lie together; a group has factors, products of envelopes of two or three
    distances, each with its functions, and powers of the angle.
    """

    n_species: int
    n_functions: int
    angular_cutoff: float
    eta_e: Array
    shift_e: Array
    kappa_e: Array
    cutoff_e: Array
    first_radial: IntArray
    radial_envelope: IntArray
    radial_column: IntArray
    first_factor_g: IntArray
    factor_envelope: IntArray
    factor_closed: IntArray
    first_function: IntArray
    function_power: IntArray
    function_column: IntArray
    first_power_g: IntArray
    power_lambda: Array
    power_zeta: Array
    most_powers: int


def pair_index(first: int, second: int) -> int:
    """Place of an unordered pair of species: 00, 10, 11, 20, ..."""
    low, high = sorted((first, second))
    return high * (high + 1) // 2 + low


def lay_out(functions: Sequence[SymmetryFunction], species: Sequence[str], centres: Sequence[str]) -> Plan:
    """Plan of functions whose column is their place in the list.

    Parameters
    ----------
    functions
        Either all with elements as neighbours, or all without.
    species
        Elements of neighbours; one entry of any text where the functions have none.
    centres
        Elements of central atoms; ``("",)`` where the functions are for any.
    """
    envelopes = sorted({function.envelope for function in functions}, key=lambda e: (e[3], e))
    envelope_of = {envelope: index for index, envelope in enumerate(envelopes)}
    place = {symbol: index for index, symbol in enumerate(species)}
    n_pairs = len(species) * (len(species) + 1) // 2
    radial: dict[int, list[tuple[int, int]]] = {}
    groups: dict[int, list[tuple[tuple[int, int], tuple[float, float], int]]] = {}
    for column, function in enumerate(functions):
        centre = centres.index(function.centre)
        envelope = envelope_of[function.envelope]
        where = [place[symbol] for symbol in function.neighbours] or [0, 0]
        if function.angular:
            group = centre * n_pairs + pair_index(where[0], where[1])
            factor, power = (envelope, int(function.kind == 4)), (function.lambda_, function.zeta)
            groups.setdefault(group, []).append((factor, power, column))
        else:
            radial.setdefault(centre * len(species) + where[0], []).append((envelope, column))
    parts = _Parts()
    for group in range(len(centres) * n_pairs):
        parts.add_group(groups.get(group, []))
    radial_lists = [radial.get(index, []) for index in range(len(centres) * len(species))]
    table = np.array(envelopes, dtype=float).reshape(-1, 4)
    return Plan(
        n_species=len(species),
        n_functions=len(functions),
        angular_cutoff=max((function.cutoff for function in functions if function.angular), default=0.0),
        eta_e=table[:, 0].copy(),
        shift_e=table[:, 1].copy(),
        kappa_e=table[:, 2].copy(),
        cutoff_e=table[:, 3].copy(),
        first_radial=_offsets([len(found) for found in radial_lists]),
        radial_envelope=_integers([envelope for found in radial_lists for envelope, _ in found]),
        radial_column=_integers([column for found in radial_lists for _, column in found]),
        **parts.arrays(),
    )


class _Parts:
    """The groups of a plan as they are added."""

    def __init__(self) -> None:
        self.factors: list[tuple[int, int]] = []
        self.functions: list[tuple[int, int]] = []
        self.powers: list[tuple[float, float]] = []
        self.sizes: dict[str, list[int]] = {"factors": [], "functions": [], "powers": []}

    def add_group(self, members: Sequence[tuple[tuple[int, int], tuple[float, float], int]]) -> None:
        """Factors, functions and powers of the angular functions of one group."""
        factors = sorted({factor for factor, _, _ in members})
        powers = sorted({power for _, power, _ in members})
        for factor in factors:
            own = [(powers.index(power), column) for other, power, column in members if other == factor]
            self.functions += own
            self.sizes["functions"].append(len(own))
        self.factors += factors
        self.powers += powers
        self.sizes["factors"].append(len(factors))
        self.sizes["powers"].append(len(powers))

    def arrays(self) -> dict[str, Array | IntArray | int]:
        """Fields of the plan."""
        powers = np.array(self.powers, dtype=float).reshape(-1, 2)
        return {
            "first_factor_g": _offsets(self.sizes["factors"]),
            "factor_envelope": _integers([envelope for envelope, _ in self.factors]),
            "factor_closed": _integers([closed for _, closed in self.factors]),
            "first_function": _offsets(self.sizes["functions"]),
            "function_power": _integers([power for power, _ in self.functions]),
            "function_column": _integers([column for _, column in self.functions]),
            "first_power_g": _offsets(self.sizes["powers"]),
            "power_lambda": powers[:, 0].copy(),
            "power_zeta": powers[:, 1].copy(),
            "most_powers": max(self.sizes["powers"], default=0),
        }


def _integers(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _offsets(sizes: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
