"""How a list of symmetry functions is laid out for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from potscope.core._types import Array, IntArray
from potscope.core.symmetry_functions import SymmetryFunction


class Plan(NamedTuple):
    """Symmetry functions as flat arrays, each distinct factor once.

    Envelopes are functions of one distance. The functions of one central element and one neighbouring element (radial),
    or pair of them (a group), lie together; a group has factors, products of envelopes of two or three distances, each
    with its functions, and powers of the angle.

    Attributes
    ----------
    envelope_e4
        η, shift, κ, cutoff.
    first_radial, radial_f2
        Bounds of the radial functions of each central and neighbouring element; envelope and column of each.
    first_factor_g, factor_x2
        Bounds of the factors of each group; of each the envelope, and whether the third distance is in it.
    first_function_x, function_f2
        Bounds of the functions of each factor; power, counted within the group, and column of each.
    first_power_g, power_w2
        Bounds of the powers of each group; λ and ζ of each.
    first_family, first_member, member_g
        Groups of one central element with the same factors and powers are a family, whose pairs of neighbours are
        taken together: bounds of the families of each central element, of the groups of each family, the groups.
    """

    n_species: int
    n_functions: int
    most_powers: int
    angular_cutoff: float
    envelope_e4: Array
    first_radial: IntArray
    radial_f2: IntArray
    first_factor_g: IntArray
    factor_x2: IntArray
    first_function_x: IntArray
    function_f2: IntArray
    first_power_g: IntArray
    power_w2: Array
    first_family: IntArray
    first_member: IntArray
    member_g: IntArray


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
    families = [parts.families(centre * n_pairs, (centre + 1) * n_pairs) for centre in range(len(centres))]
    members = [family for of_centre in families for family in of_centre]
    radial_lists = [radial.get(index, []) for index in range(len(centres) * len(species))]
    return Plan(
        n_species=len(species),
        n_functions=len(functions),
        most_powers=max(parts.n_powers, default=0),
        angular_cutoff=max((function.cutoff for function in functions if function.angular), default=0.0),
        envelope_e4=np.array(envelopes, dtype=float).reshape(-1, 4),
        first_radial=_offsets([len(found) for found in radial_lists]),
        radial_f2=_pairs([entry for found in radial_lists for entry in found]),
        first_factor_g=_offsets(parts.n_factors),
        factor_x2=_pairs(parts.factors),
        first_function_x=_offsets(parts.n_functions),
        function_f2=_pairs(parts.functions),
        first_power_g=_offsets(parts.n_powers),
        power_w2=np.array(parts.powers, dtype=float).reshape(-1, 2),
        first_family=_offsets([len(of_centre) for of_centre in families]),
        first_member=_offsets([len(family) for family in members]),
        member_g=np.array([group for family in members for group in family], dtype=np.int64),
    )


class _Parts:
    """The groups of a plan as they are added."""

    def __init__(self) -> None:
        self.factors: list[tuple[int, int]] = []
        self.functions: list[tuple[int, int]] = []
        self.powers: list[tuple[float, float]] = []
        self.n_factors: list[int] = []
        self.n_functions: list[int] = []
        self.n_powers: list[int] = []
        self.made_of: list[tuple[object, object]] = []

    def add_group(self, members: Sequence[tuple[tuple[int, int], tuple[float, float], int]]) -> None:
        """Factors, functions and powers of the angular functions of one group."""
        factors = sorted({factor for factor, _, _ in members})
        powers = sorted({power for _, power, _ in members})
        for factor in factors:
            own = [(powers.index(power), column) for other, power, column in members if other == factor]
            self.functions += own
            self.n_functions.append(len(own))
        self.factors += factors
        self.powers += powers
        self.n_factors.append(len(factors))
        self.n_powers.append(len(powers))
        self.made_of.append((factors, powers))

    def families(self, start: int, stop: int) -> list[list[int]]:
        """Groups of a range that have the same factors and powers, leaving out those without."""
        found: list[list[int]] = []
        for group in range(start, stop):
            for family in found:
                if self.made_of[family[0]] == self.made_of[group]:
                    family.append(group)
                    break
            else:
                if self.n_factors[group]:
                    found.append([group])
        return found


def _pairs(rows: Sequence[tuple[int, int]]) -> IntArray:
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _offsets(sizes: Sequence[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
